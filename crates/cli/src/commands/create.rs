//! `keymint create`: the flow from its first line to its last.

use crate::args::CreateArgs;
use crate::commands::command;
use crate::config::{Destinations, KeyringOptions, Settings, Sources};
use crate::error::{CliError, ErrorKind};
use crate::flow::choose;
use crate::flow::create_key::KeyCreation;
use crate::flow::response::{ResponseReceiver, page};
use crate::flow::sign_in::{complete_sign_in, open_sign_in};
use crate::os::signals::{InFlight, Interrupt};
use crate::ui::format::describe_target;
use crate::ui::message::Message;
use crate::ui::prompter::Prompter;
use crate::ui::reporter::Reporter;
use keymint_callback_adapter::{BrowserMismatch, Outcome};
use keymint_delivery_adapter::fail_point;
use keymint_domain::{Event, PendingAuthorization, Target};
use std::process::ExitCode;
use std::sync::Arc;

pub(crate) async fn run(args: CreateArgs) -> ExitCode {
    command::run(&args.destinations.profile, args.output, async |options, reporter| {
        execute(&args, options, reporter).await
    })
    .await
}

async fn execute(args: &CreateArgs, options: &Sources<'_>, reporter: &Arc<Reporter>) -> Result<(), CliError> {
    let settings = Settings::resolve(args, options)?;
    CreateFlow { settings: &settings, reporter }.create().await
}

/// Creates a key for a profile of the keyring, with whatever else the environment says.
pub(crate) async fn for_keyring(options: &Sources<'_>, reporter: &Arc<Reporter>) -> Result<(), CliError> {
    let mut settings = Settings::resolve(&CreateArgs::default(), options)?;
    settings.dry_run = false;
    settings.destinations = Destinations {
        keyring: Some(KeyringOptions { profile: options.profile.clone(), new: false }),
        ..Destinations::default()
    };
    CreateFlow { settings: &settings, reporter }.create().await
}

/// One run of the flow.
#[derive(Clone, Copy)]
pub(crate) struct CreateFlow<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) reporter: &'a Arc<Reporter>,
}

impl CreateFlow<'_> {
    pub(crate) async fn create(self) -> Result<(), CliError> {
        let mut interrupt = Interrupt::listen().map_err(CliError::internal)?;
        let creation = interrupt
            .cancel_on_signal(KeyCreation::prepare(self.settings, self.reporter, self.prompter()))
            .await?;
        let opening = open_sign_in(self.settings, self.reporter, self.prompter());
        let (mut receiver, pending) = interrupt.cancel_on_signal(opening).await?;
        let patience = self.settings.sign_in_timeout;
        self.reporter.report(&Message::WaitingForPerson { patience, channel: receiver.channel() });
        let outcome = self.make_key(&mut receiver, pending, creation, &mut interrupt).await;
        receiver.conclude(outcome.as_ref().map_or_else(page, |page| *page)).await;
        outcome.map(|_| ())
    }

    /// From the waiting browser to the delivered key. Returns what the browser's page says.
    pub(crate) async fn make_key(
        self,
        receiver: &mut ResponseReceiver,
        pending: PendingAuthorization,
        creation: KeyCreation<'_>,
        interrupt: &mut Interrupt,
    ) -> Result<Outcome, CliError> {
        let Self { settings, reporter } = self;
        let in_flight = InFlight::new();
        let observer = |event: Event| {
            in_flight.observe(&event);
            if event == Event::CreationRequested {
                fail_point::reached("asked");
            }
            reporter.report(&Message::Flow(&event));
        };
        let before_creation = async {
            let (servers, session) =
                complete_sign_in(settings, reporter, receiver, pending, &observer).await?;
            reporter.report(&Message::Looking { patience: settings.plan.polling.timeout() });
            let target =
                choose::target(settings, self.prompter(), servers.ports(), &session, &observer).await?;
            reporter.report(&Message::Chosen { target: &target, account: session.account() });
            if !settings.dry_run {
                self.confirm_browser(receiver.browser_mismatch(), &target).await?;
            }
            Ok((servers, session, target))
        };
        let (servers, session, target) = interrupt.cancel_on_signal(before_creation).await?;
        creation.run(servers.ports(), session, &target, &observer, &in_flight, interrupt).await
    }

    fn prompter(&self) -> Prompter<'_> {
        Prompter::new(self.reporter, self.settings.may_ask)
    }

    /// Whoever signed in may not be the person here: then the person is asked before a key is made
    /// in somebody else's account, or somebody else's is used here.
    async fn confirm_browser(self, doubt: Option<BrowserMismatch>, target: &Target) -> Result<(), CliError> {
        let what = match doubt {
            None => return Ok(()),
            Some(BrowserMismatch::TwoBrowsers) => "two browsers opened the sign-in, which was meant for one",
            Some(_) => "the answer came from another browser than the one that was opened",
        };
        let place = describe_target(target);
        let question = format!("Careful: {what}. Create a key in {place}?");
        let why = match self.prompter().confirm(question).await {
            Some(true) => return Ok(()),
            Some(false) => format!("you did not want a key in {place}"),
            None => "nobody is here to say whether that is right".to_owned(),
        };
        let refusal = CliError::new(ErrorKind::SignInRefused, format!("{what}, and {why}"));
        Err(refusal.hint(
            "Run it again with --no-browser, and open the address in the browser that you want to sign in with.",
        ))
    }
}
