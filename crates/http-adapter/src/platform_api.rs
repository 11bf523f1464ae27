//! The platform's dashboard API.

use crate::endpoint::Endpoint;
use crate::entries::Entry;
use crate::list;
use crate::paging::{Budget, LONGEST_LIST, Pages};
use crate::redact::Shown;
use crate::request::ApiRequest;
use crate::wire::{self, CreateKey, OpenSession};
use async_trait::async_trait;
use keymint_domain::{
    AccessToken, ApiKey, CreatedKey, KeyId, Listing, Login, LoginOrganization, NewKey, Organization,
    OrganizationId, PlatformApi, Project, ServiceError, SessionKey, Step, Target,
};

/// The endpoints of the platform's API that creating and checking a key needs. Created by
/// [`Http::platform_api`](crate::Http::platform_api).
///
/// The lists of projects since the last list of organizations are bounded together: what exceeds 20,000
/// entries or 64 MiB is not requested, and incomplete.
#[derive(Debug)]
pub struct HttpPlatformApi {
    pub(crate) endpoint: Endpoint,
    /// What the lists of projects may still have, since the last list of organizations.
    pub(crate) budget: Budget,
}

impl HttpPlatformApi {
    /// Requests the list of models without a key, which the platform refuses, to learn whether the platform
    /// itself answers.
    ///
    /// # Errors
    ///
    /// [`ServiceError`] if an intermediary answered in its place, or no answer came.
    pub async fn check_answer(&self) -> Result<(), ServiceError> {
        self.endpoint.get(Step::CheckServer, &["v1", "models"], []).check_answer().await
    }

    /// Reads a list, with `request` for the page after a cursor.
    async fn read_pages<'a, T: Entry + Shown>(
        &self,
        budget: &Budget,
        request: impl Fn(Option<(&str, &str)>) -> ApiRequest<'a>,
    ) -> Result<Listing<T>, ServiceError> {
        let mut pages = Pages::new(budget);
        while pages.has_next() {
            let request = request(pages.query()).allow_bytes(pages.bytes_left());
            let (page, bytes) = request.send(|body| Ok((list::page(body)?, body.len()))).await?;
            pages.add(page, bytes);
        }
        let mut listing = pages.into_listing();
        self.endpoint.redactor.clean_list(&mut listing);
        Ok(listing)
    }
}

#[async_trait]
impl PlatformApi for HttpPlatformApi {
    async fn login(&self, token: &AccessToken, app: &str) -> Result<Login, ServiceError> {
        let mut login = self
            .endpoint
            .post(Step::Login, &["dashboard", "onboarding", "login"])
            .bearer(token.expose())
            .json(&OpenSession { app })
            // The answer may contain lists.
            .allow_bytes(LONGEST_LIST)
            .send(wire::login)
            .await?;
        self.endpoint.learn(login.session.expose());
        let (redactor, organizations) = (&self.endpoint.redactor, &mut login.organizations);
        redactor.clean_list(organizations);
        organizations.complete &= organizations.skipped == 0;
        for LoginOrganization { projects, .. } in &mut organizations.items {
            redactor.clean_list(projects);
            projects.complete &= projects.skipped == 0;
        }
        Ok(login)
    }

    async fn organizations(&self, session: &SessionKey) -> Result<Listing<Organization>, ServiceError> {
        let path = ["v1", "organizations"];
        self.budget.reset();
        self.read_pages(&Budget::default(), |cursor| {
            self.endpoint.get(Step::ListOrganizations, &path, cursor).bearer(session.expose())
        })
        .await
    }

    async fn projects(
        &self,
        session: &SessionKey,
        organization: &OrganizationId,
    ) -> Result<Listing<Project>, ServiceError> {
        let path = ["dashboard", "organizations", organization.as_str(), "projects"];
        let query = [("detail", "basic"), ("limit", "100")];
        self.read_pages(&self.budget, |cursor| {
            self.endpoint
                .get(Step::ListProjects, &path, query.into_iter().chain(cursor))
                .bearer(session.expose())
                .header("openai-organization", organization.as_str())
        })
        .await
    }

    async fn create_api_key(
        &self,
        session: &SessionKey,
        target: &Target,
        key: &NewKey,
    ) -> Result<CreatedKey, ServiceError> {
        let (organization, project) = (target.organization_id.as_str(), target.project_id.as_str());
        let path = ["dashboard", "organizations", organization, "projects", project, "api_keys"];
        let (mut created, end) = self
            .endpoint
            .post(Step::CreateKey, &path)
            .bearer(session.expose())
            .json(&CreateKey::from(key))
            .send_with_end(wire::created_key)
            .await?;
        self.endpoint.learn(created.secret.expose());
        // The id is shown and stored.
        let is_secret = |id: &KeyId| self.endpoint.redactor.redact(id.as_str()) != id.as_str();
        created.details.id = created.details.id.filter(|id| !is_secret(id));
        created.end = end;
        Ok(created)
    }

    async fn check_key(&self, key: &ApiKey) -> Result<(), ServiceError> {
        self.endpoint.get(Step::CheckKey, &["v1", "models"], []).bearer(key.expose()).send(|_| Ok(())).await
    }
}
