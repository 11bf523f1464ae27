//! `keymint list`: the organizations and projects of the account. It creates nothing.

use crate::args::ListArgs;
use crate::config::SignInSettings;
use crate::error::CliError;
use crate::explain::host::check_ci;
use crate::flow::context::Context;
use crate::flow::delivery::print_for_reader;
use crate::flow::sign_in::sign_in_and_list;
use crate::ui::format::{REFUSES_KEYS, marked, titled};
use crate::ui::json;
use crate::ui::message::{Message, Warning};
use keymint_domain::{Catalogue, CatalogueEntry, Role};
use keymint_terminal::Signals;

pub(crate) async fn run(args: &ListArgs, context: &Context) -> Result<(), CliError> {
    let settings = SignInSettings::resolve(&args.browser, &args.timeouts, &args.endpoints, &context.sources)?;
    check_ci(&settings.ci, &["Run `keymint list` on your own machine."])?;
    let (mut signals, mut text) = (Signals::listen().map_err(CliError::internal)?, None);
    let show = |catalogue: &Catalogue| describe(catalogue, context, &mut text);
    let outcome = sign_in_and_list(context, &settings, &mut signals, show).await;
    // A pager may wait for the user. The browser has its page by now, and the port is free.
    if let Some(text) = text {
        print_for_reader(&mut signals, text).await?;
    }
    outcome
}

/// Sets the text to print, and returns the outcome of reading the lists.
fn describe(catalogue: &Catalogue, context: &Context, text: &mut Option<String>) -> Result<(), CliError> {
    let ui = &context.ui;
    ui.clear_progress();
    if catalogue.organizations.is_empty() && !ui.wants_json() {
        ui.report(&Message::NothingToList);
        return Ok(());
    }
    let outcome = catalogue.error().map_or(Ok(()), |error| Err(context.explain(error)));
    if outcome.is_err() && ui.wants_json() {
        return outcome;
    }
    if outcome.is_ok()
        && let Some(error) = catalogue.organizations.iter().find_map(|entry| entry.projects.as_ref().err())
    {
        let hint = context.explain(error.clone()).hints().unwrap_or_default();
        ui.report(&Message::Warning(Warning::Text(&format!(
            "not every list of projects could be read. {hint}"
        ))));
    }
    *text = Some(if ui.wants_json() {
        json::list(catalogue)
    } else {
        let lines: Vec<_> = catalogue.organizations.iter().map(lines).collect();
        lines.join("\n")
    });
    outcome
}

/// Lists an organization with its projects below it.
fn lines(entry: &CatalogueEntry) -> String {
    let organization = &entry.organization;
    let marks = [
        (organization.is_default, "default"),
        (organization.personal, "personal"),
        (organization.role == Some(Role::Reader), "reader"),
        (organization.refuses_keys(), REFUSES_KEYS),
        (organization.completed_platform_onboarding == Some(false), "not set up"),
    ];
    let mut lines = vec![titled(organization.title.as_ref(), organization.id.as_str()) + &marked(&marks)];
    match &entry.projects {
        Ok(projects) => lines.extend(projects.iter().map(|project| {
            let mark = marked(&[(project.is_initial, "default"), (project.refuses_keys(), REFUSES_KEYS)]);
            format!("  {}{mark}", titled(project.title.as_ref(), project.id.as_str()))
        })),
        Err(error) => lines.push(format!("  {error}")),
    }
    lines.join("\n")
}
