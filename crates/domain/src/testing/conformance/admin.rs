use super::{ContractViolation, POLLS, abandon, check, is_the_list, refusal, success};
use crate::platform::id::{KeyId, ProjectId};
use crate::platform::new_key::{KeyLifetime, NewKey, Restriction};
use crate::platform::organization::Project;
use crate::platform::project_key::{KeyChange, LastFour, ProjectKey};
use crate::ports::AdminApi;
use crate::secret::AdminKey;
use crate::service_error::{ServiceErrorKind, Step};
use std::time::Duration;

/// The prepared organization of the Admin API. The first project must have a key of a user.
pub struct Administration<'a> {
    /// A key with every permission.
    pub key: &'a AdminKey,
    /// The projects with their keys, in the server's order.
    pub projects: Vec<(Project, Vec<ProjectKey>)>,
}

/// Checks that lists are complete and in order, that they contain created keys and no deleted ones, that a key of a
/// service account is deleted only with the account, that wrong admin keys and missing items are refused, and that
/// a dropped call does not affect another one.
///
/// It creates and deletes service accounts in the first project, and deletes its first key of a user.
///
/// # Errors
///
/// The first [`ContractViolation`].
pub async fn admin(api: &dyn AdminApi, prepared: &Administration<'_>) -> Result<(), ContractViolation> {
    lists(api, prepared).await?;
    let Some((Project { id: project, .. }, _)) = prepared.projects.first() else { return Ok(()) };
    accounts(api, prepared.key, project).await?;
    refusals(api, prepared.key, project).await?;
    for polls in POLLS {
        abandon(polls, api.keys(prepared.key, project)).await;
        abandon(polls, api.key(prepared.key, project, &missing_key())).await;
        abandon(polls, api.delete_key(prepared.key, project, &missing_key())).await;
    }
    lists(api, prepared).await?;
    deletion(api, prepared.key, project).await
}

async fn lists(api: &dyn AdminApi, prepared: &Administration<'_>) -> Result<(), ContractViolation> {
    let listed = success(Step::ListAllProjects, api.projects(prepared.key).await)?;
    let projects: Vec<_> = prepared.projects.iter().map(|(project, _)| project.clone()).collect();
    is_the_list("the projects", &listed, projects)?;
    for (project, keys) in &prepared.projects {
        let listed = success(Step::ListKeys, api.keys(prepared.key, &project.id).await)?;
        is_the_list(&format!("the keys of {}", project.id), &listed, keys.clone())?;
        for key in keys {
            let found = success(Step::GetKey, api.key(prepared.key, &project.id, &key.id).await)?;
            check(found == *key, format!("the key {} is {found:?}, and in the list {key:?}", key.id))?;
        }
    }
    Ok(())
}

async fn accounts(
    api: &dyn AdminApi,
    admin: &AdminKey,
    project: &ProjectId,
) -> Result<(), ContractViolation> {
    let created = api.create_service_account(admin, project, "with a key").await;
    let first = success(Step::CreateServiceAccount, created)?;
    let account =
        first.id.ok_or_else(|| ContractViolation("the new service account has no id".to_owned()))?;
    let created = api.create_empty_account(admin, project, "without a key").await;
    let empty = success(Step::CreateServiceAccount, created)?;
    success(Step::UpdateServiceAccount, api.add_to_project(admin, project, &empty).await)?;

    let mut restricted = NewKey::named("restricted");
    restricted.expires_in = KeyLifetime::try_from(Duration::from_secs(60)).ok();
    let created = api.create_account_key(admin, project, &empty, &restricted).await;
    let second = success(Step::CreateAccountKey, created)?;
    check(
        restricted.unconfirmed_by(&second.details) != [Restriction::Expiry],
        "the key of a service account does not expire",
    )?;
    check(first.key.secret.expose() != second.secret.expose(), "two creations gave the same key")?;

    let mut ids = Vec::new();
    for created in [&first.key, &second] {
        check(created.secret.expose().starts_with("sk-"), "what was created is not a key")?;
        let id = created.details.id.clone();
        let id = id.ok_or_else(|| ContractViolation("the new key has no id".to_owned()))?;
        let listed = success(Step::GetKey, api.key(admin, project, &id).await)?;
        check(listed.is_of_service_account(), "the new key does not belong to a service account")?;
        check(
            listed.last_four == LastFour::of(&created.secret),
            "the last four characters are not those of the new key",
        )?;
        refusal(Step::DeleteKey, api.delete_key(admin, project, &id).await, &[400], &[admin.expose()])?;
        ids.push(id);
    }
    for (account, id) in [account, empty].iter().zip(&ids) {
        let deleted = api.delete_service_account(admin, project, account).await;
        success(Step::DeleteServiceAccount, deleted)?;
        refusal(Step::GetKey, api.key(admin, project, id).await, &[404], &[admin.expose()])?;
    }
    Ok(())
}

async fn refusals(
    api: &dyn AdminApi,
    admin: &AdminKey,
    project: &ProjectId,
) -> Result<(), ContractViolation> {
    let stranger = AdminKey::parse("sk-admin-unknown".to_owned()).expect("a constant");
    let secrets = [admin.expose(), stranger.expose()];
    refusal(Step::ListAllProjects, api.projects(&stranger).await, &[401], &secrets)?;
    refusal(Step::ListKeys, api.keys(&stranger, project).await, &[401], &secrets)?;
    let deleted = api.delete_key(&stranger, project, &missing_key()).await;
    refusal(Step::DeleteKey, deleted, &[401], &secrets)?;
    let created = api.create_service_account(&stranger, project, "refused").await;
    refusal(Step::CreateServiceAccount, created, &[401], &secrets)?;

    let nowhere = ProjectId::parse("proj_unknown").expect("a constant");
    refusal(Step::ListKeys, api.keys(admin, &nowhere).await, &[403, 404], &secrets)?;
    let created = api.create_service_account(admin, &nowhere, "refused").await;
    refusal(Step::CreateServiceAccount, created, &[403, 404], &secrets)?;
    let deleted = api.delete_key(admin, project, &missing_key()).await;
    refusal(Step::DeleteKey, deleted, &[404], &secrets)
}

fn missing_key() -> KeyId {
    KeyId::parse("key_unknown").expect("a constant")
}

async fn deletion(
    api: &dyn AdminApi,
    admin: &AdminKey,
    project: &ProjectId,
) -> Result<(), ContractViolation> {
    let before = success(Step::ListKeys, api.keys(admin, project).await)?.items;
    let Some(key) = before.iter().find(|key| !key.is_of_service_account()) else { return Ok(()) };
    let expires_in = KeyLifetime::try_from(Duration::from_secs(60)).ok();
    let change = KeyChange { expires_in, ..KeyChange::default() };
    let changed = success(Step::UpdateKey, api.update_key(admin, project, &key.id, &change).await)?;
    check(changed.expires_at.is_some(), "the changed key does not expire")?;

    success(Step::DeleteKey, api.delete_key(admin, project, &key.id).await)?;
    let rest: Vec<_> = before.iter().filter(|other| other.id != key.id).cloned().collect();
    let listed = success(Step::ListKeys, api.keys(admin, project).await)?;
    is_the_list("the keys after a deletion", &listed, rest)?;
    match api.delete_key(admin, project, &key.id).await {
        Err(error) if matches!(error.kind, ServiceErrorKind::Refused { status: 404, .. }) => Ok(()),
        other => Err(ContractViolation(format!("a key was deleted twice: {other:?}"))),
    }
}
