//! The platform's dashboard API.

use crate::endpoint::Endpoint;
use crate::paging::{Budget, LONGEST_LIST};
use crate::wire::{self, CreateKey, OpenSession};
use async_trait::async_trait;
use keymint_domain::{
    AccessToken, ApiKey, CreatedKey, Listing, Login, LoginOrganization, NewKey, Organization, OrganizationId,
    PlatformApi, Project, ServiceError, SessionKey, Step, Target,
};

/// The endpoints of the platform's API that create and check a key. Created by
/// [`Http::platform_api`](crate::Http::platform_api).
///
/// The project lists that follow a list of organizations share one limit of 20,000 entries and 64 MiB. Lists beyond
/// it are incomplete, and not requested.
#[derive(Debug)]
pub struct HttpPlatformApi {
    pub(crate) endpoint: Endpoint,
    /// The remaining size of the project lists since the last list of organizations.
    pub(crate) budget: Budget,
}

impl HttpPlatformApi {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, budget: Budget::default() }
    }

    /// Requests the list of models without a key, to check that the platform itself answers. The platform's refusal
    /// is a success.
    ///
    /// # Errors
    ///
    /// [`ServiceError`] if an intermediary answered in place of the platform, or no answer came.
    pub async fn check_answer(&self) -> Result<(), ServiceError> {
        self.endpoint.get(Step::CheckServer, &["v1", "models"], []).check_answer().await
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
            // The answer may contain the user's organizations and projects.
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
        self.endpoint
            .read_pages(&Budget::default(), |cursor| {
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
        self.endpoint
            .read_pages(&self.budget, |cursor| {
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
        self.endpoint.learn_key(&mut created);
        created.end = end;
        Ok(created)
    }

    async fn check_key(&self, key: &ApiKey) -> Result<(), ServiceError> {
        self.endpoint.get(Step::CheckKey, &["v1", "models"], []).bearer(key.expose()).send(|_| Ok(())).await
    }
}
