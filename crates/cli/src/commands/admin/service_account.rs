//! `keymint admin service-account`: a service account with a key, for CI and servers.

use crate::args::ServiceAccountArgs;
use crate::config::{AdminSettings, CreateSettings};
use crate::error::{Choice, CliError, ErrorKind};
use crate::explain::network;
use crate::flow::admin::AdminServer;
use crate::flow::context::Context;
use crate::flow::create_key::{Failure, KeyCreation, Lost, NewlyCreated};
use crate::ui::format::{self, PROJECTS_PAGE, quoted};
use crate::ui::message::Message;
use keymint_delivery_adapter::{KeyRecord, fail_point, wall_clock};
use keymint_domain::{Event, Project, ServiceAccountError, ServiceAccountId, Step};
use keymint_terminal::Signals;
use std::fmt::Display;
use std::sync::OnceLock;
use tokio::sync::watch;

pub(crate) async fn run(args: &ServiceAccountArgs, context: &Context) -> Result<(), CliError> {
    let admin = AdminSettings::resolve(&args.project, &args.endpoint, &context.sources)?;
    let project = admin.project.as_deref();
    let project =
        project.ok_or_else(|| CliError::usage("--project has to name the project of the service account"))?;
    let settings = CreateSettings::of_service_account(args, &context.sources)?;
    if !settings.dry_run {
        settings.destinations.check_transcript("admin service-account", &context.sources)?;
    }
    let mut signals = Signals::listen().map_err(CliError::internal)?;
    let mut creation = signals.cancel_on_signal(KeyCreation::prepare(context, &settings)).await??;
    let setting_up = async {
        tokio::try_join!(creation.sync_journal(), AdminServer::set_up(context, &admin))
            .map(|((), server)| server)
    };
    let server = signals.cancel_on_signal(setting_up).await??;
    let project = signals.cancel_on_signal(server.project(project)).await??;
    let key = &settings.plan.key;
    let record = KeyRecord::requested_for_account(&key.name, &project, admin.api_base.as_str());
    let place = format!("project {}", format::choice(&Choice::Project(project.clone())));
    if settings.dry_run {
        return creation.dry_run(&record, &place, &mut signals).await;
    }
    // Once an account is requested, a signal waits for its key, which may take two further requests.
    let (sender, in_flight) = watch::channel(false);
    let account_id = OnceLock::new();
    let observer = |event: Event| {
        match &event {
            Event::CreationRequested => {
                sender.send_replace(true);
                fail_point::reached("asked");
            }
            Event::ServiceAccountCreated { id } => drop(account_id.set(id.clone())),
            Event::Retrying { step: Step::CreateServiceAccount, .. } => drop(sender.send_replace(false)),
            _ => {}
        }
        context.ui.report(&Message::Flow(&event));
    };
    let administrator = server.administrator().observed_by(&observer);
    let creating = administrator.create_service_account(&project.id, key);
    let explain = |failure| explain(failure, &key.name, &project, account_id.get());
    let account = creation.request(record, &place, creating, in_flight, &mut signals, explain).await?;
    if let Some(id) = &account.id {
        creation.note_account(id);
    }
    let (name, key, unconfirmed) = (key.name.clone(), account.key, account.unconfirmed);
    creation.deliver(NewlyCreated { place, name, key, unconfirmed }, &mut signals).await.map(drop)
}

/// Converts the failure to an error. `account` is the service account that exists, if the server confirmed its
/// creation.
fn explain(
    failure: Failure<ServiceAccountError>,
    name: &str,
    project: &Project,
    account: Option<&ServiceAccountId>,
) -> Lost {
    let error = match (failure, account) {
        (Failure::Abandoned(why), Some(account)) => {
            let message = format!(
                "the service account {} ({account}) exists, perhaps with a key that is lost: {why}",
                quoted(name)
            );
            return exists(message, account.clone());
        }
        (Failure::Abandoned(why), None) => return Lost::MayExist(may_exist(name, project, why)),
        (Failure::Error(error), _) => error,
    };
    match error {
        ServiceAccountError::Service(error) => Lost::NoKey(network::service(error)),
        ServiceAccountError::OutcomeUnknown { cause, .. } => Lost::MayExist(may_exist(name, project, cause)),
        ServiceAccountError::Left { account, cause, deletion } => {
            let message = format!(
                "the service account {} ({account}) exists without a key: {cause}. Its deletion failed: {deletion}",
                quoted(name)
            );
            exists(message, account)
        }
        error => Lost::MayExist(CliError::internal(error)),
    }
}

/// Returns the error of a service account that exists without a usable key.
fn exists(message: String, account: ServiceAccountId) -> Lost {
    let hint = format!("Delete it in the settings of its project: {PROJECTS_PAGE}");
    Lost::AccountExists(CliError::new(ErrorKind::OutcomeUnknown, message).hint(hint), account)
}

/// Returns the error of a creation whose answer was lost.
fn may_exist(name: &str, project: &Project, cause: impl Display) -> CliError {
    let place = format::choice(&Choice::Project(project.clone()));
    let message = format!(
        "a service account may exist, with a key that is lost: its creation was requested, and the answer was lost \
         ({cause}). Name: {}. Project: {place}. Time: {}",
        quoted(name),
        wall_clock::utc_now()
    );
    CliError::new(ErrorKind::OutcomeUnknown, message).hint(format!(
        "Look for that name among the service accounts of the project, and delete it if it exists: {PROJECTS_PAGE}. \
         Then run it again."
    ))
}
