//! The choice of the organization and the project of the key.

use crate::config::CreateSettings;
use crate::error::{CliError, ErrorKind};
use crate::flow::context::Context;
use crate::flow::response::ResponseReceiver;
use crate::ui::format;
use crate::ui::prompter::Prompter;
use keymint_callback_adapter::Progress;
use keymint_domain::{Catalogue, ProvisionError, Provisioner, Session, Target, TargetError};

/// Fails, before anything is contacted, if no user can answer the question of `--choose`.
pub(crate) fn check(context: &Context, may_ask: bool) -> Result<(), CliError> {
    if context.prompter(may_ask).is_interactive() {
        return Ok(());
    }
    let why = if may_ask { "no user can answer it here" } else { "--no-input forbids it" };
    Err(CliError::usage(format!("--choose asks a question, and {why}"))
        .hint("Name the project with --organization and --project. `keymint list` shows the projects."))
}

/// Finds the project that the settings name, or lets the user pick one.
pub(crate) async fn target(
    context: &Context,
    settings: &CreateSettings,
    receiver: &ResponseReceiver,
    provisioner: &Provisioner<'_>,
    session: &Session,
) -> Result<Target, CliError> {
    let prompter = context.prompter(settings.sign_in.may_ask);
    if settings.choose {
        let catalogue = provisioner.list_targets(session).await.map_err(|error| context.explain(error))?;
        if let Some(target) = pick(prompter, receiver, &catalogue).await? {
            return Ok(target);
        }
    }
    let mut plan = settings.plan.clone();
    loop {
        let error = match provisioner.with_plan(&plan).wait_for_target(session).await {
            Err(ProvisionError::Target(error)) if prompter.is_interactive() => error,
            outcome => return outcome.map_err(|error| context.explain(error)),
        };
        let (choices, question) = match &error {
            TargetError::Ambiguous { choices, requested } => {
                (choices, format!("There is more than one {requested}:"))
            }
            TargetError::NoDefaultProject { choices, requested } => {
                (choices, format!("No project of {requested} is the default one:"))
            }
            _ => return Err(context.explain(error)),
        };
        let lines: Vec<_> = choices.iter().map(format::candidate).collect();
        receiver.show(Progress::Choosing);
        let noun = if choices[0].project.is_some() { "Project" } else { "Organization" };
        let Some(chosen) = prompter.select(&question, noun, &lines, None).await else {
            return Err(context.explain(error));
        };
        match choices[chosen].target() {
            Some(target) => return Ok(target),
            None => plan.selector.organization = Some(choices[chosen].organization.id.to_string()),
        }
    }
}

/// Lets the user pick one of all projects. Returns `None` if no project exists yet. Does not ask if there is only one
/// project.
async fn pick(
    prompter: Prompter<'_>,
    receiver: &ResponseReceiver,
    catalogue: &Catalogue,
) -> Result<Option<Target>, CliError> {
    let mut candidates: Vec<_> = catalogue.candidates().collect();
    let lines: Vec<_> = candidates.iter().map(format::candidate).collect();
    let chosen = match candidates.len() {
        0 => return Ok(None),
        1 => Some(0),
        _ => {
            receiver.show(Progress::Choosing);
            let default = catalogue.default_candidate();
            let project = default.and_then(|line| candidates[line].project.as_ref());
            let name = project.map(|it| format::plain_title_or(it.title.as_ref(), it.id.as_str()));
            let question = "In which project should the key be created?";
            prompter.select(question, "Project", &lines, default.zip(name.as_deref())).await
        }
    };
    match chosen {
        Some(chosen) => Ok(candidates.swap_remove(chosen).target()),
        None => Err(CliError::new(ErrorKind::NoProject, "no project was chosen")
            .hint("Name one with --organization and --project:")
            .candidates(candidates)),
    }
}
