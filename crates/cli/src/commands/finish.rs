//! `keymint finish`: the second half of a sign-in that `keymint start` began.

use crate::args::values::check_local;
use crate::args::{EndpointArgs, FinishArgs};
use crate::config::{CreateSettings, Destinations};
use crate::error::{CliError, ErrorKind};
use crate::flow::choose;
use crate::flow::context::Context;
use crate::flow::create::create_key;
use crate::flow::create_key::KeyCreation;
use crate::flow::paste;
use crate::flow::response::ResponseReceiver;
use crate::ui::format::cut_url;
use crate::ui::message::Message;
use keymint_delivery_adapter::{FindSignInError, PendingSignIn, StateDir, fail_point};
use keymint_terminal::Signals;
use keymint_terminal::stdin;
use zeroize::Zeroizing;

pub(crate) async fn run(args: &FinishArgs, context: &Context) -> Result<(), CliError> {
    let mut signals = Signals::listen().map_err(CliError::internal)?;
    if args.url.is_none()
        && args.destinations.env_file.as_ref().is_some_and(|path| check_local(path).is_err())
    {
        return Err(CliError::new(ErrorKind::Usage, "--env-file got the URL as its path")
            .hint("--env-file takes the next argument as its path: give the URL before it."));
    }
    let destinations = Destinations::resolve(&args.destinations, &context.sources)?;
    if !context.sources.switch("dry-run", args.key.dry_run)? {
        let command = if args.url.is_some() { "finish URL" } else { "finish" };
        destinations.check_transcript(command, &context.sources)?;
    }
    let may_ask = context.sources.may_ask(args.no_input)?;
    if args.target.choose {
        choose::check(context, may_ask)?;
    }
    let pasted = match args.url.clone().map(Zeroizing::new) {
        Some(url) => url,
        None => signals.cancel_on_signal(url(context, may_ask)).await??,
    };
    if args.url.is_none() && stdin::is_cut(&pasted) {
        return Err(CliError::usage(cut_url()));
    }
    let state = StateDir::open_default().map_err(CliError::internal)?;
    let pending_sign_in: PendingSignIn<EndpointArgs> = state.find_sign_in(&pasted).map_err(not_found)?;
    if pending_sign_in.has_expired {
        return Err(CliError::new(ErrorKind::SignInTimeout, "that sign-in has expired")
            .hint("Begin again with `keymint start`. --sign-in-timeout gives it more time."));
    }
    let PendingSignIn { client, settings, .. } = &pending_sign_in;
    let endpoints = EndpointArgs {
        issuer: Some(client.issuer.to_string()),
        client_id: Some(client.client_id.clone()),
        audience: Some(client.audience.clone()),
        oauth_scope: Some(client.scope.clone()),
        ..settings.clone()
    };
    let settings = CreateSettings::of_finish(args, &endpoints, destinations, &context.sources)?;
    let creation = signals.cancel_on_signal(KeyCreation::prepare(context, &settings)).await??;
    creation.sync_journal().await?;
    if !pending_sign_in.claim().map_err(CliError::internal)? {
        return Err(not_found(FindSignInError::Unknown));
    }
    fail_point::reached("claimed");
    let PendingSignIn { pending, response, .. } = pending_sign_in;
    create_key(creation, ResponseReceiver::answered(response), pending, &mut signals).await.map(drop)
}

/// Reads the URL from standard input: pasted at a terminal, or the whole content of a pipe.
async fn url(context: &Context, may_ask: bool) -> Result<Zeroizing<String>, CliError> {
    if context.prompter(may_ask).is_interactive() {
        context.ui.report(&Message::PasteAddress);
    }
    paste::text(&context.clock).await.ok_or_else(|| {
        paste::no_input(CliError::new(ErrorKind::Usage, "no URL was given").hint(
            "Give the URL of the last page: on standard input, or as an argument in quotes, since a shell ends an \
             argument at &.",
        ))
    })
}

fn not_found(error: FindSignInError) -> CliError {
    let (message, hint) = match error {
        FindSignInError::Unknown => (
            "no pending sign-in matches this URL: it was already used, was started on another machine, or is incomplete",
            "Give the whole URL in quotes, or on standard input: a shell ends an argument at &. Or begin again with `keymint \
             start`.",
        ),
        FindSignInError::OtherVersion => (
            "another version of keymint began the sign-in of this URL",
            "Finish it with the version that began it, or begin again with `keymint start`.",
        ),
        FindSignInError::Unusable(error) => {
            let message = "the sign-in of this URL cannot be used";
            return CliError::new(ErrorKind::SignInRefused, message)
                .because(error)
                .hint("Correct that, or begin again with `keymint start`.");
        }
        error => return CliError::internal(error),
    };
    CliError::new(ErrorKind::SignInRefused, message).hint(hint)
}
