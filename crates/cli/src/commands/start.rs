//! `keymint start`: the first half of a sign-in, which another process completes.

use crate::args::{BrowserArgs, StartArgs, TimeoutArgs};
use crate::config::SignInSettings;
use crate::error::{CliError, ErrorKind};
use crate::explain::delivery as explain;
use crate::flow::context::Context;
use crate::flow::response;
use crate::flow::sign_in::begin;
use crate::ui::json;
use crate::ui::message::Message;
use crate::ui::stdout;
use keymint_delivery_adapter::{StateDir, wall_clock};
use std::fs;

pub(crate) fn run(args: &StartArgs, context: &Context) -> Result<(), CliError> {
    let timeouts = TimeoutArgs { sign_in_timeout: args.sign_in_timeout.clone(), ..TimeoutArgs::default() };
    let settings =
        SignInSettings::resolve(&BrowserArgs::default(), &timeouts, &args.endpoints, &context.sources)?;
    let endpoints = &settings.endpoints;
    keymint_terminal::stdout::check(stdout::ROOM).map_err(|loss| {
        CliError::new(ErrorKind::DestinationUnusable, "the URL of the sign-in cannot be shown").because(loss)
    })?;
    let pending = begin(&endpoints.client, response::redirect_uri(endpoints.callback_port))?;
    let url = pending.authorize_url().to_string();
    let expires = wall_clock::unix_now() + settings.timeout.as_secs();
    // These flags make `finish` use the same servers, whatever its own environment contains.
    let endpoints = endpoints.to_args(args.endpoints.ca_file.as_deref());
    let saved = StateDir::open_default().and_then(|state| state.save_sign_in(pending, endpoints, expires));
    let saved = saved.map_err(|error| {
        explain::state(ErrorKind::Internal, "the sign-in cannot be saved to be finished later", error)
    })?;
    for warning in settings.endpoints.warnings() {
        context.ui.report(&Message::Warning(warning));
    }
    let text = if context.ui.wants_json() { json::started(&url, &wall_clock::utc_of(expires)) } else { url };
    context.ui.report(&Message::Printing);
    // Nobody can complete a sign-in whose URL was lost.
    stdout::show(&text).inspect_err(|_| drop(fs::remove_file(saved)))?;
    context.ui.report(&Message::Started { patience: settings.timeout });
    Ok(())
}
