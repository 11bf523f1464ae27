//! `keymint demo`: the real flow against the built-in sandbox, which also plays the browser.

use crate::args::DemoArgs;
use crate::create::Run;
use crate::failure::Failure;
use crate::report::{Notice, Reporter};
use crate::settings::Settings;
use keymint_sandbox::{Choice, Sandbox, Scenario, visit};
use std::process::ExitCode;
use std::time::Duration;

/// Long enough to see a new account's wait, short enough for an impatient onlooker.
const PROJECT_DELAY: Duration = Duration::from_millis(400);

pub(crate) async fn run(args: DemoArgs) -> ExitCode {
    let reporter = Reporter::new(&args.output);
    let outcome = demonstrate(&args, &reporter).await;
    reporter.end(outcome)
}

async fn demonstrate(args: &DemoArgs, reporter: &Reporter) -> Result<(), Failure> {
    reporter.tell(&Notice::Demonstration);
    let scenario = Scenario::ready().project_ready_after(PROJECT_DELAY);
    let sandbox = Sandbox::start(scenario).await.map_err(|error| Failure::internal(&error))?;
    let settings = Settings::for_demo(sandbox.issuer(), sandbox.api_base())?;
    let run = Run { settings: &settings, reporter, json: args.output.json, keeps: false };
    let open = |url: &str| {
        let url = url.to_owned();
        tokio::spawn(async move { visit(&url, Choice::Continue).await });
        Some(true)
    };
    run.create(&open).await
}
