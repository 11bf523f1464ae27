//! `keymint sandbox`: the sandbox for developers of front ends.

use crate::args::SandboxArgs;
use crate::error::{CliError, ErrorKind};
use crate::flow::context::Context;
use crate::ui::message::{Message, Warning};
use crate::ui::stdout;
use keymint_sandbox::{Organization, Project, Sandbox, Scenario};
use keymint_terminal::Signals;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

pub(crate) async fn run(args: &SandboxArgs, context: &Context) -> Result<(), CliError> {
    let mut signals = Signals::listen().map_err(CliError::internal)?;
    let scenario = scenario(args)?;
    let organization = scenario.organization_ids().next().map(str::to_owned);
    let sandbox = start(args, scenario).await.map_err(|error| {
        CliError::new(ErrorKind::Usage, "the sandbox cannot listen")
            .because(error)
            .hint("Choose another --port, or none.")
    })?;
    let mut variables =
        format!("KEYMINT_ISSUER={} KEYMINT_API_BASE={}", sandbox.issuer(), sandbox.api_base());
    if let Some(organization) = organization {
        variables += &format!(" OPENAI_ADMIN_KEY={}", sandbox.admin_key(&organization));
    }
    context.ui.report(&Message::SandboxUp);
    stdout::show(&variables)?;
    signals.next().await;
    context
        .ui
        .report(&Message::SandboxDown { requests: sandbox.requests().len(), keys: sandbox.keys().len() });
    for violation in sandbox.violations() {
        context.ui.report(&Message::Warning(Warning::Text(&violation)));
    }
    Ok(())
}

async fn start(args: &SandboxArgs, scenario: Scenario) -> io::Result<Sandbox> {
    let Some(port) = args.port else { return Sandbox::start(scenario).await };
    let next = port.checked_add(1).ok_or_else(|| io::Error::other("the port after it does not exist"))?;
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Sandbox::start_on(scenario, at(port), at(next)).await
}

fn scenario(args: &SandboxArgs) -> Result<Scenario, CliError> {
    let mut scenario = match (args.scenario, args.at) {
        (Some(named), Some(step)) => named.scenario_at(step).ok_or_else(|| {
            CliError::new(ErrorKind::Usage, format!("--at: {} has a step of its own", named.name()))
        })?,
        (Some(named), None) => named.scenario(),
        (None, _) => ready(args.organizations),
    };
    if let Some(lists) = args.login_lists {
        scenario = scenario.login_lists(lists);
    }
    if let Some(delay) = args.ready_after {
        scenario = scenario.project_ready_after(delay);
    }
    if let Some(latency) = args.latency {
        scenario = scenario.latency(latency);
    }
    scenario = scenario.time_factor(args.time_factor);
    if args.refuse {
        scenario = scenario.refuse_sign_in();
    }
    Ok(scenario)
}

/// Returns an account with this many organizations. The first is personal and the default, and has the default
/// project.
fn ready(organizations: u16) -> Scenario {
    let personal = Organization::numbered(1)
        .titled("Personal")
        .as_personal()
        .as_default()
        .with_project(Project::new("proj_default").titled("Default project").as_initial());
    let others = (2..=organizations.into()).map(Organization::numbered);
    Scenario::of(std::iter::once(personal).chain(others).take(organizations.into()))
}
