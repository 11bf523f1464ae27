//! `keymint demo`: the real flow against the built-in sandbox, which also simulates the browser.

use crate::config::CreateSettings;
use crate::error::CliError;
use crate::flow::context::Context;
use crate::flow::create::create;
use crate::ui::message::Message;
use keymint_sandbox::{Sandbox, Scenario};
use std::time::Duration;

/// The delay of the project: long enough to show the wait of a new account, and short enough for a demonstration.
const PROJECT_DELAY: Duration = Duration::from_millis(400);

pub(crate) async fn run(context: &Context) -> Result<(), CliError> {
    context.ui.report(&Message::Demonstration);
    let scenario = Scenario::ready().project_ready_after(PROJECT_DELAY);
    let sandbox = Sandbox::start(scenario).await.map_err(CliError::internal)?;
    let settings = CreateSettings::for_demo(sandbox.issuer(), sandbox.api_base())?;
    let outcome = create(context, &settings).await;
    context.finish_background().await;
    outcome?;
    context.ui.report(&Message::DemonstrationOver);
    Ok(())
}
