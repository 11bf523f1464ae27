//! `keymint create`: the flow from its first line to its last.

use crate::args::CreateArgs;
use crate::arrival::Arrival;
use crate::browser::Opening;
use crate::clock::SystemClock;
use crate::fail_point;
use crate::failure::{Failure, Kind};
use crate::interrupt::{Interrupt, UnderWay};
use crate::mint::Mint;
use crate::person::Person;
use crate::report::{Notice, Reporter};
use crate::services::Services;
use crate::settings::{self, ProcessEnvironment, Settings};
use crate::words::place;
use keymint_callback_adapter::{Doubt, Outcome};
use keymint_domain::{Entropy, Event, PendingAuthorization, Ports, Target, authorize, find_target, sign_in};
use rand::TryRng;
use rand::rngs::SysRng;
use std::process::ExitCode;
use std::sync::Arc;

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
        let Settings { client, warnings, browser, .. } = self.settings;
        let mut interrupt = Interrupt::listen().map_err(|error| Failure::internal(&error))?;
        let mint = interrupt.end(Mint::prepare(self.settings, self.reporter, self.person())).await?;
        let mut arrival = interrupt.end(Arrival::open(self.settings, self.reporter, self.person())).await?;
        for warning in warnings {
            self.reporter.tell(&Notice::Warning(warning));
        }
        self.reporter.tell(&Notice::Listening { redirect_uri: arrival.redirect_uri().as_str() });

        let entropy = Entropy::fill_with(|bytes| SysRng.try_fill_bytes(bytes))
            .map_err(|error| Failure::internal(&error))?;
        let pending = client.begin(arrival.redirect_uri().clone(), entropy);
        self.reporter
            .tell(&Notice::AuthorizeUrl { url: pending.authorize_url().as_str(), browser: *browser });
        let opening = match arrival.listener() {
            Some(listener) => browser.open(|| listener.start_url(&pending), pending.authorize_url()),
            // Only the listener has an address for it that holds no secret.
            None => Opening::NotWanted,
        };
        self.reporter.tell(&Notice::Browser(opening));

        let outcome = self.make_key(&mut arrival, pending, mint, &mut interrupt).await;
        arrival.conclude(outcome.as_ref().map_or_else(|failure| failure.page, |page| *page)).await;
        outcome.map(|_| ())
    }

    /// From the waiting browser to the delivered key. Returns what the browser's page says.
    async fn make_key(
        self,
        arrival: &mut Arrival,
        pending: PendingAuthorization,
        mint: Mint<'_>,
        interrupt: &mut Interrupt,
    ) -> Result<Outcome, Failure> {
        let Settings { plan, sign_in_timeout, .. } = self.settings;
        let clock = SystemClock::new();
        let back = arrival.way_back();
        let signing_in = async {
            self.reporter.tell(&Notice::WaitingForPerson { patience: *sign_in_timeout, back });
            let grant = authorize(&clock, arrival, pending, *sign_in_timeout).await?;
            fail_point::reached("callback");
            self.reporter.tell(&Notice::CallbackReceived);
            Ok(grant)
        };
        let signing_in = Services::beside(signing_in, self.settings, &clock);
        let (Services { auth_server, platform }, grant) = interrupt.end(signing_in).await?;

        let ports = Ports { auth_server: &auth_server, platform: &platform, clock: &clock };
        let under_way = UnderWay::new();
        let observer = |event: Event| {
            under_way.observe(&event);
            if event == Event::CreationRequested {
                fail_point::reached("asked");
            }
            self.reporter.tell(&Notice::Flow(&event));
        };

        let before_creation = async {
            let session = sign_in(ports, plan, grant, &observer).await?;
            self.reporter.tell(&Notice::Looking { patience: plan.polling.timeout() });
            let target = find_target(ports, plan, &session, &observer).await?;
            if !self.settings.dry_run {
                self.settle(arrival.doubt(), &target).await?;
            }
            Ok((session, target))
        };
        let (session, target) = interrupt.end(before_creation).await?;
        mint.make(ports, session, &target, &observer, (&under_way, interrupt)).await
    }

    fn person(&self) -> Person<'_> {
        Person::new(self.reporter, self.settings.may_ask)
    }

    /// Whoever signed in may not be the person here: then the person is asked before a key is made
    /// in somebody else's account, or somebody else's is used here.
    async fn settle(self, doubt: Option<Doubt>, target: &Target) -> Result<(), Failure> {
        let what = match doubt {
            None => return Ok(()),
            Some(Doubt::TwoBrowsers) => "two browsers opened the sign-in, which was meant for one",
            Some(_) => "the answer came from another browser than the one that was opened",
        };
        let place = place(target);
        let question = format!("Careful: {what}. Create a key in {place}?");
        let why = match self.person().agrees(question).await {
            Some(true) => return Ok(()),
            Some(false) => format!("you did not want a key in {place}"),
            None => "nobody is here to say whether that is right".to_owned(),
        };
        let refusal = Failure::new(Kind::SignInRefused, format!("{what}, and {why}"));
        Err(refusal.hint(
            "Run it again with --no-browser, and open the address in the browser that you want to sign in with.",
        ))
    }
}
