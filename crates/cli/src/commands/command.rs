//! What every command does first and last.

use crate::args::OutputArgs;
use crate::config::{self, Sources};
use crate::error::CliError;
use crate::ui::reporter::Reporter;
use std::process::ExitCode;
use std::sync::Arc;

/// Reads what the command is told, has it work, and tells how that ended.
pub(crate) async fn run(
    profile: &Option<String>,
    asked: OutputArgs,
    work: impl AsyncFnOnce(&Sources<'_>, &Arc<Reporter>) -> Result<(), CliError>,
) -> ExitCode {
    let (options, output) = match config::read(profile, asked) {
        Ok(read) => read,
        Err((failure, output)) => return Reporter::new(output).end(Err(failure)),
    };
    let reporter = Arc::new(Reporter::new(output));
    let outcome = work(&options, &reporter).await;
    reporter.end(outcome)
}
