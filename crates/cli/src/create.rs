//! `keymint create`: the flow from its first line to its last.

use crate::args::CreateArgs;
use crate::clock::SystemClock;
use crate::failure::{Failure, Kind, outcome_unknown};
use crate::interrupt::Interrupt;
use crate::report::{Notice, Reporter};
use crate::settings::{ProcessEnvironment, Settings};
use crate::{browser, output, recovery};
use keymint_callback_adapter::{LoopbackListener, Outcome};
use keymint_domain::{
    AuthServer, Entropy, Event, PendingAuthorization, PlatformApi, Ports, ProvisionedKey, Target, authorize,
    create_key, find_target, sign_in,
};
use keymint_http_adapter::Http;
use rand::TryRng;
use rand::rngs::SysRng;
use std::process::ExitCode;

pub(crate) async fn run(args: CreateArgs) -> ExitCode {
    let reporter = Reporter::new(&args.output);
    let outcome = async {
        let settings = Settings::resolve(&args, &ProcessEnvironment)?;
        let open = |url: &str| settings.browser.then(|| browser::open(url));
        let run = Run { settings: &settings, reporter: &reporter, json: args.output.json, keeps: true };
        let outcome = run.create(&open).await;
        if outcome.is_ok()
            && !settings.dry_run
            && std::env::var_os("OPENAI_API_KEY").is_some_and(|key| !key.is_empty())
        {
            reporter.tell(&Notice::Warning(
                "OPENAI_API_KEY is set here already: programs started from here use that key",
            ));
        }
        outcome
    };
    let outcome = outcome.await;
    reporter.end(outcome)
}

/// Opens the address in a browser. `None` where none is wanted, else whether it was tried.
pub(crate) type Open<'a> = &'a dyn Fn(&str) -> Option<bool>;

/// One run of the flow.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) reporter: &'a Reporter,
    /// Whether standard output gets JSON.
    pub(crate) json: bool,
    /// Whether a key that cannot be delivered is worth keeping.
    pub(crate) keeps: bool,
}

impl Run<'_> {
    pub(crate) async fn create(self, open: Open<'_>) -> Result<(), Failure> {
        let Settings { client, callback_port, warnings, .. } = self.settings;
        let mut interrupt = Interrupt::listen().map_err(|error| Failure::internal(&error))?;
        let mut listener = LoopbackListener::bind(*callback_port)?;
        for warning in warnings {
            self.reporter.tell(&Notice::Warning(warning));
        }
        self.reporter.tell(&Notice::Listening { redirect_uri: listener.redirect_uri().as_str() });

        let entropy = Entropy::fill_with(|bytes| SysRng.try_fill_bytes(bytes))
            .map_err(|error| Failure::internal(&error))?;
        let pending = client.begin(listener.redirect_uri().clone(), entropy);
        let url = pending.authorize_url().as_str();
        self.reporter.tell(&Notice::AuthorizeUrl { url });
        if let Some(tried) = open(url) {
            self.reporter.tell(&Notice::BrowserTried { tried });
        }

        let outcome = self.make_key(&mut listener, pending, &mut interrupt).await;
        match &outcome {
            Ok(last_page) => listener.conclude(*last_page).await,
            // Whoever interrupts wants it to end now.
            Err(Failure { kind: Kind::Interrupted | Kind::Terminated, .. }) => drop(listener),
            Err(failure) => listener.conclude(failure.kind.page()).await,
        }
        outcome.map(|_| ())
    }

    /// From the waiting browser to the delivered key. Returns what the browser's page says.
    async fn make_key(
        self,
        listener: &mut LoopbackListener,
        pending: PendingAuthorization,
        interrupt: &mut Interrupt,
    ) -> Result<Outcome, Failure> {
        let Settings { client, api_base, plan, http, sign_in_timeout, dry_run, .. } = self.settings;
        let http = Http::new(http.clone());
        let auth_server =
            http.auth_server(client.issuer.clone()).map_err(|error| Failure::internal(&error))?;
        let platform = http.platform_api(api_base.clone()).map_err(|error| Failure::internal(&error))?;
        let clock = SystemClock::new();
        let ports = Ports {
            auth_server: &auth_server as &dyn AuthServer,
            platform: &platform as &dyn PlatformApi,
            clock: &clock,
        };
        let observer = |event: Event| self.reporter.tell(&Notice::Flow(&event));

        let before_creation = async {
            self.reporter.tell(&Notice::WaitingForPerson { patience: *sign_in_timeout });
            let grant = authorize(&clock, listener, pending, *sign_in_timeout).await?;
            self.reporter.tell(&Notice::CallbackReceived);
            let session = sign_in(ports, plan, grant, &observer).await?;
            let target = find_target(ports, plan, &session, &observer).await?;
            Ok((session, target))
        };
        let (session, target) = interrupt.end(before_creation).await?;
        if *dry_run {
            return self.rehearse(&target);
        }

        self.reporter.tell(&Notice::Creating { target: &target, name: &plan.key_name });
        let creation = create_key(ports, plan, &session, target.clone(), &observer);
        let warn = || self.reporter.tell(&Notice::StillCreating { patience: plan.request_timeout });
        let created = interrupt
            .hold(creation, warn)
            .await
            .ok_or_else(|| outcome_unknown(&target, &plan.key_name, "it was not waited for"))??;
        self.deliver(&created)
    }

    fn rehearse(self, target: &Target) -> Result<Outcome, Failure> {
        self.reporter.settle();
        if self.json {
            output::print(&output::rehearsed(target))
                .map_err(|error| Failure::new(Kind::DeliveryFailed, format!("standard output: {error}")))?;
        }
        self.reporter.tell(&Notice::Rehearsed { target });
        Ok(Outcome::Rehearsed)
    }

    fn deliver(self, created: &ProvisionedKey) -> Result<Outcome, Failure> {
        let ProvisionedKey { target, name, key, .. } = created;
        self.reporter.settle();
        self.reporter.tell(&Notice::KeyCreated { last_four: key.last_four(), name, target });
        let printed =
            if self.json { output::print(&output::created(created)) } else { output::print(key.expose()) };
        printed.map_err(|error| self.keep(created, &error))?;
        self.reporter.tell(&Notice::Delivered);
        Ok(Outcome::KeyDelivered)
    }

    /// Standard output failed, and the key must not be lost with it.
    fn keep(self, created: &ProvisionedKey, error: &std::io::Error) -> Failure {
        let failed = format!("the key was created, but standard output failed ({error})");
        if !self.keeps {
            return Failure::new(Kind::DeliveryFailed, failed);
        }
        match recovery::keep(&created.key) {
            Ok(path) => {
                Failure::new(Kind::DeliveryFailed, format!("{failed}; it is kept in {}", path.display()))
                    .hint("Move it where you need it, and delete that file.")
            }
            Err(keeping) => Failure::new(
                Kind::DeliveryFailed,
                format!("{failed}, and it could not be kept either ({keeping})"),
            )
            .hint(format!(
                "Delete the key \"{}\" at {}, and run it again.",
                keymint_domain::text::for_people(&created.name, 80),
                crate::failure::DASHBOARD
            )),
        }
    }
}
