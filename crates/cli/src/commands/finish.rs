//! `keymint finish`: the second half of a sign-in that `keymint start` began.

use crate::args::{CreateArgs, FinishArgs};
use crate::commands::command;
use crate::commands::create::CreateFlow;
use crate::config::{self, Settings, Sources};
use crate::error::{CliError, ErrorKind};
use crate::flow::create_key::KeyCreation;
use crate::flow::paste;
use crate::flow::pending_sign_in::{self, Found, PendingSignIn};
use crate::flow::response::ResponseReceiver;
use crate::os::signals::Interrupt;
use crate::ui::message::Message;
use crate::ui::prompter::Prompter;
use crate::ui::reporter::Reporter;
use keymint_delivery_adapter::fail_point;
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use zeroize::Zeroizing;

pub(crate) async fn run(args: FinishArgs) -> ExitCode {
    let (profile, output) = (args.destinations.profile.clone(), args.output);
    command::run(&profile, output, async move |options, reporter| finish(args, options, reporter).await).await
}

async fn finish(args: FinishArgs, options: &Sources<'_>, reporter: &Arc<Reporter>) -> Result<(), CliError> {
    let mut interrupt = Interrupt::listen().map_err(CliError::internal)?;
    if args.address.is_none() && args.destinations.env_file.as_ref().is_some_and(is_address) {
        return Err(CliError::new(ErrorKind::Usage, "--env-file has an address for its path")
            .hint("It takes what follows it for the path of the file: give the address before it."));
    }
    let pasted = args.address.clone().map(Zeroizing::new);
    let mut args = CreateArgs::from(args);
    let may_ask = config::may_ask(args.browser.no_input, options)?;
    let prompter = Prompter::new(reporter, may_ask);
    let pasted = match pasted {
        Some(address) => address,
        None => interrupt.cancel_on_signal(address(reporter, prompter)).await?,
    };
    let pending_sign_in = find(&pasted)?;
    args.endpoints = pending_sign_in.endpoints.clone();
    let settings = Settings::resolve(&args, options)?;

    let creation = interrupt.cancel_on_signal(KeyCreation::prepare(&settings, reporter, prompter)).await?;
    if !pending_sign_in.claim().map_err(CliError::internal)? {
        return Err(unknown());
    }
    fail_point::reached("claimed");
    let PendingSignIn { pending, response, .. } = pending_sign_in;
    let mut receiver = ResponseReceiver::answered(response);
    let run = CreateFlow { settings: &settings, reporter };
    run.make_key(&mut receiver, pending, creation, &mut interrupt).await.map(drop)
}

fn is_address(path: &OsString) -> bool {
    path.as_encoded_bytes().starts_with(b"http://")
}

/// The address, from standard input: what is pasted at a terminal, or all that a pipe has.
async fn address(reporter: &Reporter, prompter: Prompter<'_>) -> Result<Zeroizing<String>, CliError> {
    if prompter.is_interactive() {
        reporter.report(&Message::PasteAddress);
    }
    paste::text().await.ok_or_else(|| {
        CliError::new(ErrorKind::Usage, "no address was given").hint(
            "Give the address that the browser ended on: on standard input, or in quotes as the argument, since a \
             shell cuts it at &.",
        )
    })
}

fn find(pasted: &str) -> Result<PendingSignIn, CliError> {
    match pending_sign_in::find(pasted) {
        Ok(Found::PendingSignIn(pending_sign_in)) => Ok(*pending_sign_in),
        Ok(Found::Expired) => Err(CliError::new(ErrorKind::SignInTimeout, "that sign-in has expired")
            .hint("Begin again with `keymint start`. --sign-in-timeout gives it more time.")),
        Ok(Found::None) => Err(unknown()),
        Err(error) => Err(CliError::internal(error)),
    }
}

fn unknown() -> CliError {
    CliError::new(
        ErrorKind::SignInRefused,
        "that address answers no sign-in that waits here: it was finished already, began elsewhere, or the address \
         is not whole",
    )
    .hint(
        "Give the whole address in quotes, or on standard input: a shell cuts it at &. Or begin again with `keymint \
         start`.",
    )
}
