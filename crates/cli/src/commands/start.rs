//! `keymint start`: the first half of a sign-in, which another process finishes.

use crate::args::{EndpointArgs, StartArgs};
use crate::commands::command;
use crate::config::{Settings, Sources};
use crate::error::{CliError, ErrorKind};
use crate::explain::delivery as explain;
use crate::flow::pending_sign_in;
use crate::flow::response;
use crate::flow::sign_in::begin;
use crate::os::clock;
use crate::ui::message::Message;
use crate::ui::reporter::Reporter;
use crate::ui::stdout;
use serde_json::json;
use std::process::ExitCode;

pub(crate) async fn run(args: StartArgs) -> ExitCode {
    let (profile, output) = (args.profile.clone(), args.output);
    command::run(&profile, output, async move |options, reporter| start(args, options, reporter)).await
}

fn start(args: StartArgs, options: &Sources<'_>, reporter: &Reporter) -> Result<(), CliError> {
    let given = args.endpoints.ca_file.clone();
    let settings = Settings::resolve(&args.into(), options)?;
    let pending = begin(&settings.client, response::redirect_uri(settings.callback_port))?;
    let url = pending.authorize_url().to_string();
    let expires = clock::unix_now() + settings.sign_in_timeout.as_secs();
    pending_sign_in::save(pending, endpoints(&settings, given), expires).map_err(|error| {
        explain::state(ErrorKind::Internal, "the sign-in cannot be saved to be finished later", error)
    })?;
    for warning in &settings.warnings {
        reporter.report(&Message::Warning(warning));
    }
    let expires_at = clock::utc_of(expires);
    let text = if reporter.wants_json() {
        stdout::to_json(&json!({ "schema": "keymint.started/1", "url": url, "expires_at": expires_at }))
    } else {
        url
    };
    stdout::show(&text)?;
    reporter.report(&Message::Started { expires_at: &expires_at });
    Ok(())
}

/// What `finish` needs to go on with the same servers, whatever its own environment says.
fn endpoints(settings: &Settings, ca_file: Option<String>) -> EndpointArgs {
    let Settings { client, api_base, callback_port, plan, .. } = settings;
    let absolute = |path: String| std::path::absolute(&path).map_or(path, |path| path.display().to_string());
    EndpointArgs {
        issuer: Some(client.issuer.to_string()),
        api_base: Some(api_base.to_string()),
        client_id: Some(client.client_id.clone()),
        audience: Some(client.audience.clone()),
        scope: Some(client.scope.clone()),
        app: Some(plan.app.clone()),
        callback_port: Some(callback_port.to_string()),
        ca_file: ca_file.map(absolute),
    }
}
