//! `keymint mcp`: a Model Context Protocol server on the standard streams, for coding agents.

use crate::args::{CreateArgs, DoctorArgs};
use crate::commands::doctor;
use crate::config::CreateSettings;
use crate::error::CliError;
use crate::flow::context::Context;
use crate::ui::json;
use keymint_delivery_adapter::StateDir;
use keymint_mcp::Settings;
use keymint_terminal::Signals;

pub(crate) async fn run(context: &Context) -> Result<(), CliError> {
    let CreateSettings { sign_in, plan, dry_run, .. } =
        CreateSettings::of_create(&CreateArgs::default(), &context.sources)?;
    if dry_run {
        return Err(CliError::usage("KEYMINT_DRY_RUN is set, and an agent requests keys of this server"));
    }
    let settings = Settings {
        client: sign_in.endpoints.client,
        api_base: sign_in.endpoints.api_base,
        callback_port: sign_in.endpoints.callback_port,
        http: sign_in.http,
        browser: sign_in.browser,
        patience: sign_in.timeout,
        plan,
        revokes: sign_in.revokes,
        variable: context.sources.key_variable(&None)?,
        profile: context.sources.profile.clone(),
        state: StateDir::open_default().map_err(CliError::internal)?,
        other_way: "Have the user run `keymint create --env-file` in a terminal, which shows the URL to open.",
    };
    let examine = async || {
        let (args, mut findings) = (DoctorArgs::default(), Vec::new());
        let examined = doctor::examine(&args, context, |finding| findings.push(finding)).await;
        examined.map_err(|error| error.message().to_owned())?;
        serde_json::from_str(&json::doctor(&findings)).map_err(|error| error.to_string())
    };
    let mut signals = Signals::listen().map_err(CliError::internal)?;
    let (input, output) = keymint_mcp::stdio();
    let stop = async { _ = signals.next().await };
    keymint_mcp::serve(settings, input, output, examine, stop).await.map_err(CliError::internal)
}
