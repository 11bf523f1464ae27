//! `keymint demo`: the real flow against the built-in sandbox, which also plays the browser.

use crate::args::DemoArgs;
use crate::commands::create::CreateFlow;
use crate::config::Settings;
use crate::error::CliError;
use crate::ui::message::Message;
use crate::ui::reporter::Reporter;
use keymint_sandbox::{Sandbox, Scenario};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Long enough to see a new account's wait, short enough for an impatient onlooker.
const PROJECT_DELAY: Duration = Duration::from_millis(400);

pub(crate) async fn run(args: DemoArgs) -> ExitCode {
    let reporter = Arc::new(Reporter::new(args.output));
    let outcome = demonstrate(&reporter).await;
    reporter.end(outcome)
}

async fn demonstrate(reporter: &Arc<Reporter>) -> Result<(), CliError> {
    reporter.report(&Message::Demonstration);
    let scenario = Scenario::ready().project_ready_after(PROJECT_DELAY);
    let sandbox = Sandbox::start(scenario).await.map_err(CliError::internal)?;
    let settings = Settings::for_demo(sandbox.issuer(), sandbox.api_base())?;
    CreateFlow { settings: &settings, reporter }.create().await
}
