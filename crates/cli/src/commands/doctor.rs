//! `keymint doctor`: checks the requirements of a sign-in on this machine, with advice for each problem.

mod finding;
mod machine;
mod network;
mod report;

use crate::args::{BrowserArgs, DoctorArgs};
use crate::config::{Endpoints, proxy_settings, resolve_browser};
use crate::error::{CliError, ErrorKind};
use crate::flow::context::Context;
use crate::flow::delivery::print_for_reader;
use crate::ui::json::{self, Finding, Health};
use crate::ui::stdout;
use keymint_callback_adapter::{LoopbackListener, Outcome};
use keymint_delivery_adapter::wall_clock;
use keymint_host::{HostEnvironment, ci_system, coding_agent};
use keymint_terminal::stdout::styled;
use keymint_terminal::{Signals, stderr, stderr_columns, stdout_columns};
use std::process::ExitCode;

/// Runs the checks, and shows each finding immediately.
pub(crate) async fn run(args: &DoctorArgs, context: &Context) -> Result<ExitCode, CliError> {
    let report = args.report.as_ref().map(|path| report::check(path, args.force)).transpose()?;
    let mut findings = Findings { context, all: Vec::new(), shown: Ok(()) };
    let listener = examine(args, context, |finding| findings.add(finding)).await?;
    if let Some(file) = &report {
        // The port is released here, so that no other program takes it before the sign-in.
        if let Some(listener) = listener {
            listener.conclude(Outcome::DryRun).await;
        }
        report::write(file, args, context, &mut findings).await?;
    }
    findings.end().await
}

/// Runs all checks in the order in which a sign-in needs them. Returns the listener that holds the port.
pub(crate) async fn examine(
    args: &DoctorArgs,
    context: &Context,
    mut add: impl FnMut(Finding),
) -> Result<Option<LoopbackListener>, CliError> {
    let sources = &context.sources;
    let endpoints = Endpoints::resolve(&args.endpoints, sources)?;
    let browser = resolve_browser(&BrowserArgs::default(), sources)?;
    let host = HostEnvironment::detect();

    add(machine::config(sources));
    let sign_in = machine::lock(endpoints.callback_port);
    let (port, listener) = machine::port(&endpoints, &sign_in);
    add(sign_in);
    port.into_iter().for_each(&mut add);
    add(machine::localhost(&context.clock).await);
    machine::loopback(&listener).await.into_iter().for_each(&mut add);
    add(machine::place(&host, endpoints.callback_port));
    add(machine::ci(&sources.caller("ci", ci_system)?));
    add(machine::agent(sources.caller("agent", coding_agent)?));
    add(machine::browser(&browser, &host));
    add(machine::state());
    add(machine::keyring(context).await);
    add(machine::environment(sources.environment));
    add(machine::clock(&wall_clock::utc_now()));
    let proxies = proxy_settings(sources.environment);
    let proxy = network::proxy(&proxies, &endpoints);
    // With an invalid proxy setting, a connection would bypass the proxy.
    let may_connect = proxy.status != Health::Problem;
    add(proxy);
    let (certificates, roots) = network::certificates(&args.endpoints.ca_file, sources);
    add(certificates);
    if may_connect {
        network::servers(&endpoints, roots, proxies).await.into_iter().for_each(add);
    }
    Ok(listener)
}

/// The findings so far, each of which was shown.
struct Findings<'a> {
    context: &'a Context,
    all: Vec<Finding>,
    shown: Result<(), CliError>,
}

impl Findings<'_> {
    fn add(&mut self, finding: Finding) {
        if let Some(text) = self.for_stdout(&self.text(&finding)) {
            self.shown = stdout::show_to_reader(&text);
        }
        self.all.push(finding);
    }

    /// Adds a finding after a sign-in, from which on a signal does not end the program by itself.
    async fn add_until_signal(&mut self, finding: Finding, signals: &mut Signals) {
        self.show_until_signal(&self.text(&finding), signals).await;
        self.all.push(finding);
    }

    async fn show_until_signal(&mut self, text: &str, signals: &mut Signals) {
        if let Some(text) = self.for_stdout(text) {
            self.shown = print_for_reader(signals, text).await;
        }
    }

    /// Returns the text of a finding. Advice that the finding above has shown is left out.
    fn text(&self, finding: &Finding) -> String {
        let columns = if self.context.ui.wants_json() { stderr_columns() } else { stdout_columns() };
        let is_shown = self.all.last().is_some_and(|above| above.fix == finding.fix);
        finding.text(columns, is_shown)
    }

    /// Returns the text for standard output. If standard output gets JSON, shows the text on standard error.
    fn for_stdout(&self, text: &str) -> Option<String> {
        if self.context.ui.wants_json() {
            stderr::write(format!("{text}\n"));
            return None;
        }
        self.shown.is_ok().then(|| styled(text).to_string())
    }

    /// Returns the exit code. A problem is no error of the command, whose result is the findings.
    async fn end(mut self) -> Result<ExitCode, CliError> {
        let mut signals = Signals::listen().map_err(CliError::internal)?;
        let count = |status| self.all.iter().filter(|finding| finding.status == status).count();
        let (problems, warnings) = (count(Health::Problem), count(Health::Warning));
        let summary = match (problems, warnings) {
            (0, 0) => "\nAll is well: a sign-in can begin.".to_owned(),
            (0, warnings) => format!("\nA sign-in can begin. Things to know: {warnings}."),
            (problems, _) => format!("\nA sign-in would fail. Problems: {problems}."),
        };
        self.show_until_signal(&summary, &mut signals).await;
        if self.context.ui.wants_json() {
            stdout::print_at_the_end(json::doctor(&self.all));
        }
        self.shown?;
        Ok(if problems == 0 { ExitCode::SUCCESS } else { ErrorKind::Internal.exit_code() })
    }
}
