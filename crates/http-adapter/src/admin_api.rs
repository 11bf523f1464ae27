//! The platform's Admin API.

use crate::admin_entries::{ListedKey, ListedProject};
use crate::admin_wire::{self, AddToProject, CreateAccount, Restricted};
use crate::endpoint::Endpoint;
use crate::entries::Entry;
use crate::paging::Budget;
use crate::redact::Shown;
use async_trait::async_trait;
use keymint_domain::{
    AdminApi, AdminKey, CreatedKey, KeyChange, KeyDetails, KeyId, KeyOwner, Listing, NewKey, Project,
    ProjectId, ProjectKey, ServiceAccount, ServiceAccountId, ServiceError, Step,
};

/// The documented endpoints that manage the keys of projects. Created by [`Http::admin_api`](crate::Http::admin_api).
///
/// The admin key is sent with each request. No error contains it.
#[derive(Debug)]
pub struct HttpAdminApi {
    pub(crate) endpoint: Endpoint,
}

fn keys_path(project: &ProjectId) -> [&str; 5] {
    ["v1", "organization", "projects", project.as_str(), "api_keys"]
}

fn key_path<'a>(project: &'a ProjectId, key: &'a KeyId) -> [&'a str; 6] {
    ["v1", "organization", "projects", project.as_str(), "api_keys", key.as_str()]
}

fn accounts_path(project: &ProjectId) -> [&str; 5] {
    ["v1", "organization", "projects", project.as_str(), "service_accounts"]
}

fn account_path<'a>(project: &'a ProjectId, account: &'a ServiceAccountId) -> [&'a str; 6] {
    ["v1", "organization", "projects", project.as_str(), "service_accounts", account.as_str()]
}

impl HttpAdminApi {
    /// Reads a list, in pages of the largest size that the platform documents. An entry whose id contains a part of a
    /// secret is skipped, since ids are shown and stored.
    async fn list<T: Entry + Shown, U>(
        &self,
        admin: &AdminKey,
        step: Step,
        path: &[&str],
        entry: impl Fn(T) -> U + Send,
    ) -> Result<Listing<U>, ServiceError> {
        let listing = self
            .endpoint
            .read_pages(&Budget::default(), |cursor| {
                self.endpoint
                    .get(step, path, [("limit", "100")].into_iter().chain(cursor))
                    .bearer(admin.expose())
            })
            .await?;
        let Listing { items, skipped, complete, .. } = listing;
        let number = items.len();
        let is_public = |item: &T| self.endpoint.is_public(item.id());
        let items: Vec<_> = items.into_iter().filter(is_public).map(entry).collect();
        let skipped = skipped + number - items.len();
        Ok(Listing::new(items, skipped, complete))
    }

    /// Returns the key, without the id of its owner if that id contains a piece of a secret.
    fn with_public_owner(&self, ListedKey(mut key): ListedKey) -> ProjectKey {
        if let Some(KeyOwner::ServiceAccount { id, .. }) = &mut key.owner {
            *id = id.take().filter(|id| self.endpoint.is_public(id.as_str()));
        }
        key
    }
}

#[async_trait]
impl AdminApi for HttpAdminApi {
    async fn projects(&self, admin: &AdminKey) -> Result<Listing<Project>, ServiceError> {
        let path = ["v1", "organization", "projects"];
        self.list(admin, Step::ListAllProjects, &path, |ListedProject(project)| project).await
    }

    async fn keys(&self, admin: &AdminKey, project: &ProjectId) -> Result<Listing<ProjectKey>, ServiceError> {
        self.list(admin, Step::ListKeys, &keys_path(project), |key| self.with_public_owner(key)).await
    }

    async fn key(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        key: &KeyId,
    ) -> Result<ProjectKey, ServiceError> {
        let request = self.endpoint.get(Step::GetKey, &key_path(project, key), []).bearer(admin.expose());
        let mut found = ListedKey(request.send(|body| admin_wire::project_key(body, key)).await?);
        self.endpoint.redactor.clean_entry(&mut found);
        Ok(self.with_public_owner(found))
    }

    async fn update_key(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        key: &KeyId,
        change: &KeyChange,
    ) -> Result<KeyDetails, ServiceError> {
        let request = self.endpoint.post(Step::UpdateKey, &key_path(project, key)).bearer(admin.expose());
        request.json(&Restricted::from(change)).send(|body| admin_wire::updated_key(body, key)).await
    }

    async fn delete_key(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        key: &KeyId,
    ) -> Result<(), ServiceError> {
        let request = self.endpoint.delete(Step::DeleteKey, &key_path(project, key)).bearer(admin.expose());
        request.send(|body| admin_wire::deleted(body, key.as_str())).await
    }

    async fn create_service_account(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        name: &str,
    ) -> Result<ServiceAccount, ServiceError> {
        let (mut account, end) = self
            .endpoint
            .post(Step::CreateServiceAccount, &accounts_path(project))
            .bearer(admin.expose())
            .json(&CreateAccount::with_key(name))
            .send_with_end(admin_wire::service_account)
            .await?;
        self.endpoint.learn_key(&mut account.key);
        account.id = account.id.filter(|id| self.endpoint.is_public(id.as_str()));
        account.key.end = end;
        Ok(account)
    }

    async fn create_empty_account(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        name: &str,
    ) -> Result<ServiceAccountId, ServiceError> {
        self.endpoint
            .post(Step::CreateServiceAccount, &accounts_path(project))
            .bearer(admin.expose())
            .json(&CreateAccount::without_key(name))
            .send(|body| admin_wire::empty_account(body, |id| self.endpoint.is_public(id)))
            .await
    }

    async fn add_to_project(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        account: &ServiceAccountId,
    ) -> Result<(), ServiceError> {
        self.endpoint
            .post(Step::UpdateServiceAccount, &account_path(project, account))
            .bearer(admin.expose())
            .json(&AddToProject { role: "member" })
            .send(|body| admin_wire::same_id(body, account.as_str()))
            .await
    }

    async fn create_account_key(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        account: &ServiceAccountId,
        key: &NewKey,
    ) -> Result<CreatedKey, ServiceError> {
        let path = account_path(project, account);
        let (mut created, end) = self
            .endpoint
            .post(Step::CreateAccountKey, &[&path[..], &["api_keys"]].concat())
            .bearer(admin.expose())
            .json(&Restricted::from(key))
            .send_with_end(admin_wire::account_key)
            .await?;
        self.endpoint.learn_key(&mut created);
        created.end = end;
        Ok(created)
    }

    async fn delete_service_account(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        account: &ServiceAccountId,
    ) -> Result<(), ServiceError> {
        let path = account_path(project, account);
        let request = self.endpoint.delete(Step::DeleteServiceAccount, &path).bearer(admin.expose());
        request.send(|body| admin_wire::deleted(body, account.as_str())).await
    }
}
