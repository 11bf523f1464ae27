//! The steps of every command that creates a key: prepare, sign in, choose the project, create.

use crate::config::CreateSettings;
use crate::error::{CliError, ErrorKind};
use crate::flow::choose;
use crate::flow::context::Context;
use crate::flow::create_key::{DeliveredKey, KeyCreation};
use crate::flow::response::{ResponseReceiver, keys_page};
use crate::flow::servers::Servers;
use crate::flow::sign_in::{complete_sign_in, show_sign_in};
use crate::ui::format::{describe_target, describe_target_exactly};
use crate::ui::message::Message;
use keymint_callback_adapter::{BrowserMismatch, Details, Outcome, Progress};
use keymint_delivery_adapter::fail_point;
use keymint_domain::{
    AccountEmail, AuthorizationGrant, Event, PendingAuthorization, ProvisionedKey, Step, Target,
};
use keymint_terminal::Signals;
use tokio::sync::watch;

/// Signs in with the browser, creates a key and delivers it.
pub(crate) async fn create(context: &Context, settings: &CreateSettings) -> Result<(), CliError> {
    let mut signals = Signals::listen().map_err(CliError::internal)?;
    create_until(context, settings, &mut signals).await.map(drop)
}

/// Does the same as [`create`], until one of these signals. Returns the values that the rest of a rotation needs.
pub(crate) async fn create_until<'a>(
    context: &'a Context,
    settings: &'a CreateSettings,
    signals: &mut Signals,
) -> Result<Option<DeliveredKey<'a>>, CliError> {
    let creation = signals.cancel_on_signal(KeyCreation::prepare(context, settings)).await??;
    // Writes to the disk while the listener tests itself.
    let opening = async {
        tokio::try_join!(creation.sync_journal(), ResponseReceiver::open(context, &settings.sign_in))
    };
    let ((), receiver) = signals.cancel_on_signal(opening).await??;
    let pending = show_sign_in(context, &settings.sign_in, &receiver)?;
    create_key(creation, receiver, pending, signals).await
}

/// Runs the steps from the opened browser to the delivered key. Returns the values that the rest of a rotation needs.
pub(crate) async fn create_key<'a>(
    creation: KeyCreation<'a>,
    receiver: ResponseReceiver,
    pending: PendingAuthorization,
    signals: &mut Signals,
) -> Result<Option<DeliveredKey<'a>>, CliError> {
    let KeyCreation { context, settings, .. } = creation;
    // True from the creation request to its complete answer.
    let (sender, in_flight) = watch::channel(false);
    let observer = |event: Event| {
        match event {
            Event::CreationRequested => {
                sender.send_replace(true);
                fail_point::reached("asked");
            }
            Event::Retrying { step: Step::CreateKey, .. } => drop(sender.send_replace(false)),
            _ => {}
        }
        context.ui.report(&Message::Flow(&event));
    };
    let work = async |servers: &Servers,
                      grant: AuthorizationGrant,
                      receiver: &ResponseReceiver,
                      signals: &mut Signals| {
        if settings.dry_run || settings.choose {
            receiver.show(Progress::Listing);
        }
        let provisioner = servers.provisioner(&settings.plan, &observer);
        let before_creation = async {
            let session = provisioner.sign_in(grant).await.map_err(|error| context.explain(error))?;
            context.ui.report(&Message::Looking { patience: settings.plan.polling.timeout() });
            let target = choose::target(context, settings, receiver, &provisioner, &session).await?;
            context.ui.report(&Message::Chosen { target: &target, account: session.account() });
            if !settings.dry_run {
                let (mismatch, account) = (receiver.browser_mismatch(), session.account());
                confirm_browser(context, settings, receiver, mismatch, &target, account).await?;
                receiver.show(Progress::Creating);
            }
            Ok::<_, CliError>((session, target))
        };
        let (session, target) = signals.cancel_on_signal(before_creation).await??;
        creation.run(&provisioner, session, &target, in_flight, signals).await
    };
    let mut delivered = None;
    let deliver =
        async |created: Option<(KeyCreation<'a>, ProvisionedKey)>, signals: &mut Signals| match created {
            Some((creation, key)) => {
                let details = details(settings, &key);
                delivered = creation.deliver(key.into(), signals).await?;
                Ok(Outcome::KeyDelivered.with(details))
            }
            None => Ok(Outcome::DryRun.into()),
        };
    complete_sign_in(context, &settings.sign_in, receiver, pending, signals, work, deliver).await?;
    Ok(delivered)
}

/// Returns the details of the key for the page in the browser.
fn details(settings: &CreateSettings, key: &ProvisionedKey) -> Details {
    Details {
        target: Some(describe_target(&key.target)),
        last_four: Some(key.key.last_four().to_owned()),
        keys_page: keys_page(&settings.sign_in.endpoints),
        ..Details::default()
    }
}

/// Asks before a key is created in what may be another user's account, or before another user's key is used here: the
/// response may have come from another browser than the one that was opened.
async fn confirm_browser(
    context: &Context,
    settings: &CreateSettings,
    receiver: &ResponseReceiver,
    mismatch: Option<BrowserMismatch>,
    target: &Target,
    account: Option<&AccountEmail>,
) -> Result<(), CliError> {
    let Some(mismatch) = mismatch else { return Ok(()) };
    let account = account.map_or("unknown", AccountEmail::as_str);
    let place = format!("Account: {account}. {}", describe_target_exactly(target));
    receiver.show(Progress::Asking);
    let question = format!("warning: {mismatch}. {place}. Create a key there?");
    let why = match context.prompter(settings.sign_in.may_ask).confirm(question).await {
        Some(true) => return Ok(()),
        Some(false) => format!("you declined. {place}"),
        None => "no user can confirm it".to_owned(),
    };
    let refusal = CliError::new(ErrorKind::SignInRefused, format!("{mismatch}, and {why}"));
    Err(refusal.hint(match mismatch {
        BrowserMismatch::AnotherUser => {
            "Run `keymint start`, and give `keymint finish` the URL of the last page in your own browser."
        }
        _ => "Run it again with --no-browser, and open the URL in the browser that you want to sign in with.",
    }))
}
