//! `keymint list`: organizations and projects, and nothing is created.

use crate::args::ListArgs;
use crate::commands::command;
use crate::config::{Settings, Sources};
use crate::error::CliError;
use crate::flow::delivery::print_in_time;
use crate::flow::response::page;
use crate::flow::servers::explained;
use crate::flow::sign_in::{complete_sign_in, open_sign_in};
use crate::os::signals::Interrupt;
use crate::ui::format::titled;
use crate::ui::message::Message;
use crate::ui::prompter::Prompter;
use crate::ui::reporter::Reporter;
use crate::ui::stdout;
use keymint_callback_adapter::Outcome;
use keymint_domain::{Catalogue, CatalogueEntry, Provisioner};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::sync::Arc;

pub(crate) async fn run(args: ListArgs) -> ExitCode {
    let (profile, output) = (args.profile.clone(), args.output);
    command::run(&profile, output, async move |options, reporter| execute(args, options, reporter).await)
        .await
}

async fn execute(args: ListArgs, options: &Sources<'_>, reporter: &Arc<Reporter>) -> Result<(), CliError> {
    let settings = Settings::resolve(&args.into(), options)?;
    let prompter = Prompter::new(reporter, settings.may_ask);
    let mut interrupt = Interrupt::listen().map_err(CliError::internal)?;
    let (mut receiver, pending) =
        interrupt.cancel_on_signal(open_sign_in(&settings, reporter, prompter)).await?;
    let observer = |event| reporter.report(&Message::Flow(&event));
    let reading = async {
        let channel = receiver.channel();
        reporter.report(&Message::WaitingForPerson { patience: settings.sign_in_timeout, channel });
        let (servers, session) =
            complete_sign_in(&settings, reporter, &mut receiver, pending, &observer).await?;
        reporter.report(&Message::Reading);
        let provisioner = Provisioner::new(servers.ports(), &settings.plan).observed_by(&observer);
        provisioner.list_targets(&session).await.map_err(explained)
    };
    let outcome = match interrupt.cancel_on_signal(reading).await {
        Ok(catalogue) => show(&catalogue, reporter, &mut interrupt).await,
        Err(failure) => Err(failure),
    };
    receiver.conclude(outcome.as_ref().map_or_else(page, |()| Outcome::DryRun)).await;
    outcome
}

async fn show(catalogue: &Catalogue, reporter: &Reporter, interrupt: &mut Interrupt) -> Result<(), CliError> {
    reporter.clear_progress();
    if catalogue.organizations.is_empty() && !reporter.wants_json() {
        reporter.report(&Message::NothingToList);
        return Ok(());
    }
    let text = if reporter.wants_json() {
        let organizations: Vec<_> = catalogue.organizations.iter().map(organization_json).collect();
        stdout::to_json(&json!({ "schema": "keymint.list/1", "organizations": organizations }))
    } else {
        let lines: Vec<_> = catalogue.organizations.iter().map(lines).collect();
        lines.join("\n")
    };
    print_in_time(interrupt, text).await.map_err(stdout::failed)
}

fn organization_json(entry: &CatalogueEntry) -> Value {
    let organization = &entry.organization;
    let mut json = json!(organization);
    match &entry.projects {
        Ok(projects) => json["projects"] = json!(projects),
        Err(error) => json["error"] = error.to_string().into(),
    }
    json
}

/// An organization and, below it, its projects.
fn lines(entry: &CatalogueEntry) -> String {
    let organization = &entry.organization;
    let marks = [(organization.is_default, "default"), (organization.personal, "personal")];
    let head = titled(organization.title.as_ref(), organization.id.as_str()) + marked(&marks).as_str();
    let projects = match &entry.projects {
        Ok(projects) => projects
            .iter()
            .map(|project| {
                let marks = [(project.is_initial, "default")];
                format!("  {}{}", titled(project.title.as_ref(), project.id.as_str()), marked(&marks))
            })
            .collect(),
        Err(error) => vec![format!("  {error}")],
    };
    std::iter::once(head).chain(projects).collect::<Vec<_>>().join("\n")
}

fn marked(marks: &[(bool, &str)]) -> String {
    let marks: Vec<_> = marks.iter().filter(|(is_so, _)| *is_so).map(|(_, mark)| *mark).collect();
    if marks.is_empty() { String::new() } else { format!(", {}", marks.join(", ")) }
}
