//! The rules of the Admin API: the permissions of admin keys, and the keys and service accounts that exist.

use super::account::page;
use super::{CreatedKey, CredentialKind, NotCreated, NotFound, Page, ServerState};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// A service account of a project.
#[derive(Clone, Debug)]
pub(crate) struct ServiceAccount {
    project: String,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) created_at: u64,
}

/// The reason why a key was not deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotDeleted {
    NotFound(NotFound),
    /// The key can only be deleted together with its account.
    OfServiceAccount,
}

impl ServerState {
    /// Issues an admin key of an organization.
    pub(crate) fn issue_admin_key(&mut self, organization: &str) -> String {
        let key = self.issue(CredentialKind::AdminKey, "sk-admin-");
        self.admin_keys.insert(key.clone(), organization.to_owned());
        key
    }

    pub(crate) fn organization_of(&self, admin_key: &str) -> Option<&str> {
        self.admin_keys.get(admin_key).map(String::as_str)
    }

    pub(crate) fn administered_projects(
        &self,
        organization: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page, NotFound> {
        let projects: Vec<_> = self
            .projects_of(organization)?
            .map(|project| {
                let name = project.fields.get("title").cloned().unwrap_or_default();
                let fields = json!({
                    "object": "organization.project",
                    "id": project.id,
                    "name": name,
                    "created_at": self.started_at.as_secs(),
                    "archived_at": null,
                    "status": "active",
                });
                (project.id.as_str(), object(fields))
            })
            .collect();
        self.page(&projects, limit, after)
    }

    pub(crate) fn project_keys(
        &self,
        organization: &str,
        project: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page, NotFound> {
        self.check_project(organization, project)?;
        let keys = self.account.keys.iter().filter(|key| key.project == project && !key.is_deleted);
        let keys: Vec<_> = keys.map(|key| (key.id.as_str(), object(self.described(key)))).collect();
        self.page(&keys, limit, after)
    }

    pub(crate) fn project_key(&self, organization: &str, project: &str, id: &str) -> Result<Value, NotFound> {
        Ok(self.described(&self.account.keys[self.position(organization, project, id)?]))
    }

    pub(crate) fn change_key(
        &mut self,
        organization: &str,
        project: &str,
        id: &str,
        change: &CreatedKey,
        now: Duration,
    ) -> Result<Value, NotCreated> {
        let position = self.position(organization, project, id)?;
        if change.expires_in_seconds.is_some() {
            self.account.check_lifetime(change.expires_in_seconds)?;
        }
        let time = self.time(now).as_secs();
        let key = &mut self.account.keys[position];
        if let Some(seconds) = change.expires_in_seconds {
            key.expires_at = Some(time + seconds);
        }
        if !change.scopes.is_empty() {
            key.scopes.clone_from(&change.scopes);
        }
        let key = key.clone();
        let mut body = self.described(&key);
        self.add_restrictions(&mut body, &key);
        Ok(body)
    }

    pub(crate) fn delete_key(
        &mut self,
        organization: &str,
        project: &str,
        id: &str,
    ) -> Result<(), NotDeleted> {
        let position = self.position(organization, project, id).map_err(NotDeleted::NotFound)?;
        let key = &mut self.account.keys[position];
        if key.service_account.is_some() {
            return Err(NotDeleted::OfServiceAccount);
        }
        key.is_deleted = true;
        Ok(())
    }

    /// Creates an account: either a member of the project with its first key, or an account without a role and a key.
    pub(crate) fn create_service_account(
        &mut self,
        organization: &str,
        project: &str,
        name: &str,
        with_key: bool,
        now: Duration,
    ) -> Result<(ServiceAccount, Option<CreatedKey>), NotCreated> {
        self.check_project(organization, project)?;
        if with_key {
            self.account.check_new_key(None)?;
        }
        let account = ServiceAccount {
            project: project.to_owned(),
            id: self.generator.generate("svc_acct_"),
            name: name.to_owned(),
            role: if with_key { "member" } else { "none" }.to_owned(),
            created_at: self.time(now).as_secs(),
        };
        self.service_accounts.push(account.clone());
        let named = CreatedKey { name: "Secret Key".to_owned(), ..CreatedKey::default() };
        let key = with_key.then(|| self.create_key_of(organization, &account, named, now));
        Ok((account, key))
    }

    pub(crate) fn change_role(
        &mut self,
        organization: &str,
        project: &str,
        id: &str,
        role: &str,
    ) -> Result<ServiceAccount, NotFound> {
        let position = self.account_position(organization, project, id)?;
        self.service_accounts[position].role = role.to_owned();
        Ok(self.service_accounts[position].clone())
    }

    pub(crate) fn create_account_key(
        &mut self,
        organization: &str,
        project: &str,
        id: &str,
        requested: CreatedKey,
        now: Duration,
    ) -> Result<CreatedKey, NotCreated> {
        let position = self.account_position(organization, project, id)?;
        self.account.check_new_key(requested.expires_in_seconds)?;
        let account = self.service_accounts[position].clone();
        Ok(self.create_key_of(organization, &account, requested, now))
    }

    /// Deletes an account with its keys.
    pub(crate) fn delete_service_account(
        &mut self,
        organization: &str,
        project: &str,
        id: &str,
    ) -> Result<(), NotFound> {
        let position = self.account_position(organization, project, id)?;
        self.service_accounts.remove(position);
        for key in self.account.keys.iter_mut().filter(|key| key.service_account.as_deref() == Some(id)) {
            key.is_deleted = true;
        }
        Ok(())
    }

    /// Returns whether a key belongs to a service account without a role in its project.
    pub(crate) fn has_no_role(&self, key: &CreatedKey) -> bool {
        let mut accounts = self.service_accounts.iter();
        accounts.any(|account| Some(&account.id) == key.service_account.as_ref() && account.role == "none")
    }

    fn create_key_of(
        &mut self,
        organization: &str,
        account: &ServiceAccount,
        requested: CreatedKey,
        now: Duration,
    ) -> CreatedKey {
        let requested = CreatedKey {
            organization: organization.to_owned(),
            project: account.project.clone(),
            service_account: Some(account.id.clone()),
            ..requested
        };
        self.add_key(requested, "sk-svcacct-", now)
    }

    fn projects_of(&self, organization: &str) -> Result<impl Iterator<Item = &crate::Project>, NotFound> {
        let mut organizations = self.account.scenario.organizations.iter();
        let found = organizations.find(|candidate| candidate.id == organization);
        Ok(found.ok_or(NotFound::Organization)?.projects.iter())
    }

    fn check_project(&self, organization: &str, project: &str) -> Result<(), NotFound> {
        let mut projects = self.projects_of(organization)?;
        projects.any(|candidate| candidate.id == project).then_some(()).ok_or(NotFound::Project)
    }

    fn position(&self, organization: &str, project: &str, id: &str) -> Result<usize, NotFound> {
        self.check_project(organization, project)?;
        let is_it = |key: &CreatedKey| key.project == project && key.id == id && !key.is_deleted;
        self.account.keys.iter().position(is_it).ok_or(NotFound::Key)
    }

    fn account_position(&self, organization: &str, project: &str, id: &str) -> Result<usize, NotFound> {
        self.check_project(organization, project)?;
        let is_it = |account: &ServiceAccount| account.project == project && account.id == id;
        self.service_accounts.iter().position(is_it).ok_or(NotFound::ServiceAccount)
    }

    fn page(
        &self,
        items: &[(&str, Map<String, Value>)],
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page, NotFound> {
        let size = limit.min(self.account.scenario.page_size);
        page(items.iter().map(|(id, fields)| (*id, fields)), after, size)
    }

    /// Describes a key without its secret.
    fn described(&self, key: &CreatedKey) -> Value {
        let owner = match &key.service_account {
            None => json!({
                "type": "user",
                "user": {
                    "object": "organization.project.user",
                    "id": "user-sandbox",
                    "email": "dev@sandbox.test",
                    "name": "Sandbox user",
                    "created_at": self.started_at.as_secs(),
                    "role": "owner",
                },
            }),
            Some(id) => {
                let account = self.service_accounts.iter().find(|account| account.id == *id);
                json!({
                    "type": "service_account",
                    "service_account": {
                        "object": "organization.project.service_account",
                        "id": id,
                        "name": account.map_or("", |account| &account.name),
                        "created_at": account.map_or(0, |account| account.created_at),
                        "role": account.map_or("none", |account| &account.role),
                    },
                })
            }
        };
        let mut described = json!({
            "object": "organization.project.api_key",
            "redacted_value": redacted(&key.value),
            "name": key.name,
            "created_at": key.created_at,
            "last_used_at": key.last_used_at,
            "id": key.id,
            "owner_project_access": "active",
            "owner": owner,
        });
        if let Some(expires_at) = key.expires_at {
            described["expires_at"] = expires_at.into();
        }
        described
    }
}

/// Masks a key except its kind and its last four characters.
fn redacted(value: &str) -> String {
    let start = value.match_indices('-').nth(1).map_or(0, |(at, _)| at + 1);
    let end = value.len().saturating_sub(4).max(start);
    format!("{}********{}", &value[..start], &value[end..])
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_key_shows_its_kind_and_its_end() {
        for (value, shown) in [
            ("sk-proj-abcdefgh9f3A", "sk-proj-********9f3A"),
            ("sk-a-b", "sk-a-********b"),
            ("x", "********x"),
        ] {
            assert_eq!(redacted(value), shown);
        }
    }
}
