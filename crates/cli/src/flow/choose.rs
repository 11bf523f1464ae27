//! Which organization and project the key is made in.

use crate::config::Settings;
use crate::error::{CliError, ErrorKind};
use crate::ui::prompter::Prompter;
use keymint_domain::{
    Candidate, Catalogue, Observer, Ports, ProvisionError, Provisioner, Session, Target, TargetError, Title,
};
use serde_json::{Value, json};

/// Finds what the settings name, or what a person picks.
pub(crate) async fn target(
    settings: &Settings,
    prompter: Prompter<'_>,
    ports: Ports<'_>,
    session: &Session,
    observer: Observer<'_>,
) -> Result<Target, CliError> {
    if settings.choose {
        let provisioner = Provisioner::new(ports, &settings.plan).observed_by(observer);
        if let Some(target) = pick(prompter, &provisioner.list_targets(session).await?).await? {
            return Ok(target);
        }
    }
    let mut plan = settings.plan.clone();
    loop {
        let (choices, requested) =
            match Provisioner::new(ports, &plan).observed_by(observer).wait_for_target(session).await {
                Err(ProvisionError::Target(TargetError::Ambiguous { choices, requested }))
                    if prompter.is_interactive() =>
                {
                    (choices, requested)
                }
                outcome => return Ok(outcome?),
            };
        let Some(chosen) = prompter
            .select(
                &format!("There is more than one {requested}:"),
                &choices.iter().map(line).collect::<Vec<_>>(),
            )
            .await
        else {
            return Err(ProvisionError::from(TargetError::Ambiguous { choices, requested }).into());
        };
        match choices[chosen].target() {
            Some(target) => return Ok(target),
            None => plan.selector.organization = Some(choices[chosen].organization.id.to_string()),
        }
    }
}

/// Lets a person pick from everything there is; `None` where there is nothing yet. The only project
/// there is needs no question.
async fn pick(prompter: Prompter<'_>, catalogue: &Catalogue) -> Result<Option<Target>, CliError> {
    let targets: Vec<_> = catalogue.targets().collect();
    if let [] | [_] = targets[..] {
        return Ok(targets.into_iter().next());
    }
    let lines: Vec<_> = targets.iter().map(line_of_target).collect();
    match prompter.select("Where should the key be made?", &lines).await {
        Some(chosen) => Ok(targets.into_iter().nth(chosen)),
        None => {
            let failure = CliError::new(ErrorKind::NoProject, "nobody has picked a project");
            Err(failure
                .hint("Name one with --organization and --project:")
                .choices(targets.iter().map(|target| (line_of_target(target), json(target))).collect()))
        }
    }
}

/// The choices for a person, and for a program.
pub(crate) fn told(choices: &[Candidate]) -> Vec<(String, Value)> {
    let json_of = |choice: &Candidate| match choice.target() {
        Some(target) => json(&target),
        None => json!({
            "organization": { "id": choice.organization.id.as_str(), "title": choice.organization.title.as_ref().map(Title::raw) },
        }),
    };
    choices.iter().map(|choice| (line(choice), json_of(choice))).collect()
}

fn json(target: &Target) -> Value {
    json!({
        "organization": { "id": target.organization_id.as_str(), "title": target.organization_title.as_ref().map(Title::raw) },
        "project": { "id": target.project_id.as_str(), "title": target.project_title.as_ref().map(Title::raw) },
    })
}

/// A choice for a person: title and id, of the organization or of the project in it.
fn line(choice: &Candidate) -> String {
    choice.target().map_or_else(
        || named(choice.organization.title.as_ref(), choice.organization.id.as_str()),
        |target| line_of_target(&target),
    )
}

fn line_of_target(target: &Target) -> String {
    let project = named(target.project_title.as_ref(), target.project_id.as_str());
    let organization = named(target.organization_title.as_ref(), target.organization_id.as_str());
    format!("{project} of {organization}")
}

/// A title with the id that tells it from others, or the id alone.
pub(crate) fn named(title: Option<&Title>, id: &str) -> String {
    title.map_or_else(|| id.to_owned(), |title| format!("\"{title}\" ({id})"))
}
