//! `keymint doctor`: what a sign-in needs on this machine, and what to do where it is missing.

mod finding;
mod machine;
mod network;

use crate::args::{DoctorArgs, OutputArgs};
use crate::config::{self, Endpoints};
use crate::error::{CliError, ErrorKind};
use crate::host::environment::{HostEnvironment, Traces};
use crate::os::clock;
use crate::os::env::ProcessEnvironment;
use crate::os::stderr;
use crate::ui::prompter::Prompter;
use crate::ui::reporter::Reporter;
use crate::ui::stdout;
use finding::{Finding, Status};
use serde::Serialize;
use std::process::ExitCode;

pub(crate) async fn run(args: DoctorArgs) -> ExitCode {
    let given = OutputArgs { json: args.json, ..OutputArgs::default() };
    match examine(&args, given).await {
        Ok((findings, output)) => end(findings, output.json),
        Err(failure) => Reporter::new(given).end(Err(failure)),
    }
}

/// Looks at everything in the order in which a sign-in needs it, and shows each finding at once.
async fn examine(args: &DoctorArgs, given: OutputArgs) -> Result<(Vec<Finding>, OutputArgs), CliError> {
    let environment = &ProcessEnvironment;
    let (options, output) = config::read(&args.profile, given).map_err(|(failure, _)| failure)?;
    let endpoints = Endpoints::resolve(&args.endpoints, &options)?;
    let browser = config::browser(false, &None, &options)?;
    let host = HostEnvironment::judge(environment, &Traces::look());
    let reporter = Reporter::new(output);
    let mut findings = Findings(Vec::new());

    findings.add(machine::config(&options));
    findings.add(machine::lock(endpoints.callback_port));
    let (port, listener) = machine::port(&endpoints);
    findings.add(port);
    findings.add(machine::localhost().await);
    if let Some(loopback) = machine::loopback(listener).await {
        findings.add(loopback);
    }
    findings.add(machine::describe_target(&host, endpoints.callback_port));
    findings.add(machine::browser(&browser, &host));
    findings.add(machine::state());
    findings.add(machine::keyring(&options.profile, Prompter::new(&reporter, false)).await);
    findings.add(machine::environment(environment));
    findings.add(machine::clock(&clock::utc_now()));
    let proxy = network::proxy(&endpoints, &options);
    let may_connect = network::may_connect(&proxy);
    findings.add(proxy);
    let (certificates, roots) = network::certificates(&args.endpoints.ca_file, &options);
    findings.add(certificates);
    if may_connect {
        network::servers(&endpoints, roots).await.into_iter().for_each(|server| findings.add(server));
    }
    Ok((findings.0, output))
}

/// What was found so far, and has been shown.
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, finding: Finding) {
        stderr::write(&finding.text());
        self.0.push(finding);
    }
}

/// The last word. A program is given the findings even where there are problems: they are the answer.
fn end(findings: Vec<Finding>, json: bool) -> ExitCode {
    let count = |status| findings.iter().filter(|finding| finding.status == status).count();
    let (problems, warnings) = (count(Status::Problem), count(Status::Warning));
    stderr::write(&match (problems, warnings) {
        (0, 0) => "\nAll is well: a sign-in can begin.\n".to_owned(),
        (0, warnings) => format!("\nA sign-in can begin. Things to know: {warnings}.\n"),
        (problems, _) => format!("\nA sign-in would fail. Problems: {problems}.\n"),
    });
    if json {
        stdout::print_at_the_end(stdout::to_json(&Diagnosis { schema: "keymint.doctor/1", findings }));
    }
    if problems == 0 { ExitCode::SUCCESS } else { ErrorKind::Internal.exit_code() }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Diagnosis {
    schema: &'static str,
    findings: Vec<Finding>,
}
