//! `keymint create`: the flow from its first line to its last.

use crate::args::CreateArgs;
use crate::clock::SystemClock;
use crate::failure::{Failure, Kind, outcome_unknown};
use crate::interrupt::{Held, Interrupt, UnderWay};
use crate::report::{Notice, Reporter};
use crate::settings::{self, ProcessEnvironment, Settings};
use crate::words::{DASHBOARD, place, quoted};
use crate::{ask, output, recovery};
use keymint_callback_adapter::{Doubt, LoopbackListener, Outcome};
use keymint_domain::{
    Clock, Entropy, Event, PendingAuthorization, Ports, ProvisionedKey, Target, authorize, create_key,
    find_target, sign_in,
};
use keymint_http_adapter::Http;
use rand::TryRng;
use rand::rngs::SysRng;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// How long standard output may take to take the key.
const PRINTING: Duration = Duration::from_secs(30);

pub(crate) async fn run(args: CreateArgs) -> ExitCode {
    let output = match settings::output(args.output, &ProcessEnvironment) {
        Ok(output) => output,
        Err(failure) => return Reporter::new(args.output).end(Err(failure)),
    };
    let reporter = Arc::new(Reporter::new(output));
    let outcome = attempt(&args, &reporter).await;
    reporter.end(outcome)
}

async fn attempt(args: &CreateArgs, reporter: &Arc<Reporter>) -> Result<(), Failure> {
    let settings = Settings::resolve(args, &ProcessEnvironment)?;
    if !settings.dry_run {
        output::check().map_err(|problem| {
            Failure::new(Kind::DestinationUnusable, problem).hint("Send it to a file, a pipe or a terminal.")
        })?;
    }
    Run { settings: &settings, reporter }.create().await?;
    if !settings.dry_run && std::env::var_os("OPENAI_API_KEY").is_some_and(|key| !key.is_empty()) {
        reporter.tell(&Notice::Warning(
            "OPENAI_API_KEY is set here already: programs started from here use that key until you replace it",
        ));
    }
    Ok(())
}

/// One run of the flow.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) reporter: &'a Arc<Reporter>,
}

impl Run<'_> {
    pub(crate) async fn create(self) -> Result<(), Failure> {
        let Settings { client, callback_port, warnings, browser, .. } = self.settings;
        let mut interrupt = Interrupt::listen().map_err(|error| Failure::internal(&error))?;
        let observer = Arc::clone(self.reporter);
        let mut listener = LoopbackListener::bind(*callback_port)?
            .observed_by(move |notice| observer.tell(&Notice::Listener(notice)));
        listener.self_test().await?;
        for warning in warnings {
            self.reporter.tell(&Notice::Warning(warning));
        }
        self.reporter.tell(&Notice::Listening { redirect_uri: listener.redirect_uri().as_str() });

        let entropy = Entropy::fill_with(|bytes| SysRng.try_fill_bytes(bytes))
            .map_err(|error| Failure::internal(&error))?;
        let pending = client.begin(listener.redirect_uri().clone(), entropy);
        self.reporter
            .tell(&Notice::AuthorizeUrl { url: pending.authorize_url().as_str(), browser: *browser });
        let opening = browser.open(|| listener.start_url(&pending), pending.authorize_url());
        self.reporter.tell(&Notice::Browser(opening));

        let outcome = self.make_key(&mut listener, pending, &mut interrupt).await;
        listener.conclude(outcome.as_ref().map_or_else(|failure| failure.page, |page| *page)).await;
        outcome.map(|_| ())
    }

    /// From the waiting browser to the delivered key. Returns what the browser's page says.
    async fn make_key(
        self,
        listener: &mut LoopbackListener,
        pending: PendingAuthorization,
        interrupt: &mut Interrupt,
    ) -> Result<Outcome, Failure> {
        let Settings { client, api_base, plan, http, sign_in_timeout, .. } = self.settings;
        let patience = http.request_timeout;
        let http = Http::new(http.clone());
        let auth_server =
            http.auth_server(client.issuer.clone()).map_err(|error| Failure::internal(&error))?;
        let platform = http.platform_api(api_base.clone()).map_err(|error| Failure::internal(&error))?;
        let clock = SystemClock::new();
        let ports = Ports { auth_server: &auth_server, platform: &platform, clock: &clock };
        let under_way = UnderWay::new();
        let observer = |event: Event| {
            under_way.observe(&event);
            self.reporter.tell(&Notice::Flow(&event));
        };

        let before_creation = async {
            self.reporter.tell(&Notice::WaitingForPerson { patience: *sign_in_timeout });
            let grant = authorize(&clock, listener, pending, *sign_in_timeout).await?;
            self.reporter.tell(&Notice::CallbackReceived);
            let session = sign_in(ports, plan, grant, &observer).await?;
            self.reporter.tell(&Notice::Looking { patience: plan.polling.timeout() });
            let target = find_target(ports, plan, &session, &observer).await?;
            if !self.settings.dry_run {
                self.settle(listener.doubt(), &target).await?;
            }
            Ok((session, target))
        };
        let (session, target) = interrupt.end(before_creation).await?;
        if self.settings.dry_run {
            return self.rehearse(&target, &clock, interrupt).await;
        }

        self.reporter.tell(&Notice::Creating { target: &target, name: &plan.key_name });
        let creation = create_key(ports, plan, session, target.clone(), &observer);
        let warn = || self.reporter.tell(&Notice::StillCreating { patience });
        let created = match interrupt.hold(&under_way, creation, warn).await {
            Held::Done(outcome) => outcome?,
            Held::Stopped(failure) => return Err(failure),
            Held::GivenUp => return Err(outcome_unknown(&target, &plan.key_name, "it was not waited for")),
        };
        self.deliver(&created, &clock, interrupt).await
    }

    /// Whoever signed in may not be the person here: then the person is asked before a key is made
    /// in somebody else's account, or somebody else's is used here.
    async fn settle(self, doubt: Option<Doubt>, target: &Target) -> Result<(), Failure> {
        let what = match doubt {
            None => return Ok(()),
            Some(Doubt::TwoBrowsers) => "two browsers opened the sign-in, which was meant for one",
            Some(_) => "the answer came from another browser than the one that was opened",
        };
        let refusal = if self.settings.may_ask && self.reporter.is_for_people() && ask::is_possible() {
            self.reporter.settle();
            let place = place(target);
            if ask::yes(format!("Careful: {what}. Create a key in {place}?")).await {
                return Ok(());
            }
            Failure::new(Kind::SignInRefused, format!("{what}, and you did not want a key in {place}"))
        } else {
            Failure::new(
                Kind::SignInRefused,
                format!("{what}, and nobody is here to say whether that is right"),
            )
        };
        Err(refusal.hint(
            "Run it again with --no-browser, and open the address in the browser that you want to sign in with.",
        ))
    }

    async fn rehearse(
        self,
        target: &Target,
        clock: &SystemClock,
        interrupt: &mut Interrupt,
    ) -> Result<Outcome, Failure> {
        if self.reporter.wants_json() {
            self.reporter.settle();
            print_within(clock, interrupt, output::rehearsed(target))
                .await
                .map_err(|error| Failure::new(Kind::Internal, format!("standard output failed: {error}")))?;
        }
        self.reporter.tell(&Notice::Rehearsed { target });
        Ok(Outcome::Rehearsed)
    }

    async fn deliver(
        self,
        created: &ProvisionedKey,
        clock: &SystemClock,
        interrupt: &mut Interrupt,
    ) -> Result<Outcome, Failure> {
        let ProvisionedKey { target, name, key, .. } = created;
        self.reporter.tell(&Notice::KeyCreated { last_four: key.last_four(), name, target });
        self.reporter.settle();
        let line =
            if self.reporter.wants_json() { output::created(created) } else { key.expose().to_owned() };
        let printed = print_within(clock, interrupt, line).await;
        printed.map_err(|error| self.keep(created, &error))?;
        self.reporter.tell(&Notice::Delivered { dashboard: self.settings.is_openai().then_some(DASHBOARD) });
        Ok(Outcome::KeyDelivered)
    }

    /// Standard output failed, and the key must not be lost with it.
    fn keep(self, created: &ProvisionedKey, error: &io::Error) -> Failure {
        let failed = format!("the key was created, but standard output failed ({error})");
        if !self.settings.keeps {
            return Failure::new(Kind::DeliveryFailed, failed).page(Outcome::KeyLost);
        }
        match recovery::keep(&created.key) {
            Ok(path) => {
                Failure::new(Kind::DeliveryFailed, format!("{failed}; it is kept in {}", path.display()))
                    .hint("Copy it where you need it, then delete that file.")
                    .page(Outcome::KeyKept)
            }
            Err(keeping) => Failure::new(
                Kind::DeliveryFailed,
                format!("{failed}, and it could not be kept either ({keeping})"),
            )
            .hint(format!("Delete the key {} at {DASHBOARD}, and run it again.", quoted(&created.name)))
            .page(Outcome::KeyLost),
        }
    }
}

/// Prints on a thread of its own: whoever does not read must not keep this program from ending.
async fn print_within(clock: &SystemClock, interrupt: &mut Interrupt, line: String) -> io::Result<()> {
    let printing = tokio::task::spawn_blocking(move || output::print(&line));
    tokio::select! {
        biased;
        printed = printing => printed.unwrap_or_else(|_| Err(io::Error::other("printing broke down"))),
        () = clock.sleep(PRINTING) => Err(io::Error::other("nobody reads it")),
        () = interrupt.twice() => Err(io::Error::other("nobody reads it")),
    }
}
