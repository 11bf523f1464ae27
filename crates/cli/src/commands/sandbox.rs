//! `keymint sandbox`: the sandbox for people who build front ends.

use crate::args::OutputArgs;
use crate::config;
use crate::error::{CliError, ErrorKind};
use crate::os::signals::Interrupt;
use crate::ui::reporter::{Message, Reporter};
use crate::ui::stdout;
use clap::{ArgAction, Args};
use keymint_sandbox::{Organization, Project, Sandbox, Scenario};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct SandboxArgs {
    /// Port of the authorization server; the API has the next one [default: free ones]
    #[arg(long, value_name = "PORT", value_parser = config::port_number)]
    pub(crate) port: Option<u16>,

    /// How many organizations the account has; the first has the default project
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(..=1000))]
    pub(crate) organizations: u16,

    /// The default project appears this long after the login
    #[arg(long, value_name = "TIME", value_parser = config::wait)]
    pub(crate) ready_after: Option<std::time::Duration>,

    /// Each answer comes this late
    #[arg(long, value_name = "TIME", value_parser = config::wait)]
    pub(crate) latency: Option<std::time::Duration>,

    /// Refuse every sign-in, without showing the page
    #[arg(long, action = ArgAction::SetTrue)]
    pub(crate) refuse: bool,
}

pub(crate) async fn run(args: SandboxArgs) -> ExitCode {
    let reporter = Reporter::new(OutputArgs::default());
    let outcome = serve(&args, &reporter).await;
    reporter.end(outcome)
}

async fn serve(args: &SandboxArgs, reporter: &Reporter) -> Result<(), CliError> {
    let mut interrupt = Interrupt::listen().map_err(|error| CliError::internal(&error))?;
    let sandbox = start(args).await.map_err(|error| {
        CliError::new(ErrorKind::Usage, format!("the sandbox cannot listen: {error}"))
            .hint("Choose another --port, or none.")
    })?;
    let variables = format!("KEYMINT_ISSUER={} KEYMINT_API_BASE={}", sandbox.issuer(), sandbox.api_base());
    reporter.report(&Message::SandboxUp);
    stdout::show(&variables)?;
    interrupt.next().await;
    reporter.report(&Message::SandboxDown { requests: sandbox.requests().len(), keys: sandbox.keys().len() });
    for violation in sandbox.violations() {
        reporter.report(&Message::Warning(&violation));
    }
    Ok(())
}

async fn start(args: &SandboxArgs) -> io::Result<Sandbox> {
    let scenario = scenario(args);
    match args.port {
        None => Sandbox::start(scenario).await,
        Some(port) => {
            let next =
                port.checked_add(1).ok_or_else(|| io::Error::other("the port after it does not exist"))?;
            let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            Sandbox::start_on(scenario, at(port), at(next)).await
        }
    }
}

/// The first organization is the person's own and has the default project.
fn scenario(args: &SandboxArgs) -> Scenario {
    let personal = Organization::numbered(1)
        .titled("Personal")
        .as_personal()
        .with_project(Project::new("proj_default").titled("Default project").as_initial());
    let others = (2..=args.organizations.into()).map(Organization::numbered);
    let mut scenario = Scenario::of(std::iter::once(personal).chain(others).take(args.organizations.into()));
    if let Some(delay) = args.ready_after {
        scenario = scenario.project_ready_after(delay);
    }
    if let Some(latency) = args.latency {
        scenario = scenario.latency(latency);
    }
    if args.refuse {
        scenario = scenario.refuse_sign_in();
    }
    scenario
}
