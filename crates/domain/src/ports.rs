//! The ports to the two servers and to the browser.
//!
//! The documentation of the crate has the rules for every implementation.

use crate::oauth::account::AccountEmail;
use crate::oauth::authorization::{AuthorizationGrant, AuthorizationResponse, PendingAuthorization};
use crate::platform::id::{KeyId, OrganizationId, ProjectId, ServiceAccountId};
use crate::platform::listing::Listing;
use crate::platform::login::Login;
use crate::platform::new_key::{CreatedKey, KeyDetails, NewKey};
use crate::platform::organization::{Organization, Project};
use crate::platform::project_key::{KeyChange, ProjectKey};
use crate::platform::service_account::ServiceAccount;
use crate::platform::target::Target;
use crate::secret::{AccessToken, AdminKey, ApiKey, RefreshToken, SessionKey};
use crate::service_error::ServiceError;
use async_trait::async_trait;
use std::error::Error;

/// The authorization server's token endpoint (RFC 6749 section 3.2) and revocation endpoint (RFC 7009).
#[async_trait]
pub trait AuthServer: Send + Sync {
    /// Exchanges an authorization code for an access token (RFC 6749 section 4.1.3, RFC 7636
    /// section 4.5).
    ///
    /// A code is valid for one exchange. The exchange is retried only after an error that says that
    /// nothing was sent ([`NotSent`](crate::ServiceErrorKind::NotSent)), or a complete 429.
    async fn exchange_code(&self, grant: &AuthorizationGrant) -> Result<Tokens, ServiceError>;

    /// Revokes a refresh token for the client that it was issued to (RFC 7009 section 2.1). A token that
    /// is already invalid counts as revoked.
    async fn revoke(&self, client_id: &str, token: &RefreshToken) -> Result<(), ServiceError>;
}

/// The used part of a token response (RFC 6749 section 5.1).
#[derive(Debug)]
#[non_exhaustive]
pub struct Tokens {
    /// `access_token`.
    pub access_token: AccessToken,
    /// `refresh_token`, if the server issued one.
    pub refresh_token: Option<RefreshToken>,
    /// The e-mail address that the `id_token` claims, if it can be read. The ID token itself has no
    /// further use, and stays in the adapter.
    pub email: Option<AccountEmail>,
}

impl Tokens {
    /// Creates a response with this access token alone.
    pub fn new(access_token: AccessToken) -> Self {
        Self { access_token, refresh_token: None, email: None }
    }
}

/// The part of the platform's dashboard API that creates a key.
///
/// The API has no public description. The requests are those of the Codex CLI. The sandbox in this
/// repository checks the requests strictly and gives the same responses.
#[async_trait]
pub trait PlatformApi: Send + Sync {
    /// `POST /dashboard/onboarding/login`: opens a dashboard session for `app`. All later calls use the
    /// session key instead of `token`. The response may contain the organizations and projects.
    async fn login(&self, token: &AccessToken, app: &str) -> Result<Login, ServiceError>;

    /// `GET /v1/organizations`: lists the user's organizations in the server's order, which breaks ties in
    /// [`by_preference`](crate::by_preference). The list is empty for a new account.
    async fn organizations(&self, session: &SessionKey) -> Result<Listing<Organization>, ServiceError>;

    /// `GET /dashboard/organizations/{id}/projects`: lists an organization's projects in the server's
    /// order.
    async fn projects(
        &self,
        session: &SessionKey,
        organization: &OrganizationId,
    ) -> Result<Listing<Project>, ServiceError>;

    /// `POST /dashboard/organizations/{id}/projects/{id}/api_keys`: creates a key.
    ///
    /// The body is `{"action": "create", "name": …}`, with `expires_in_seconds` and `scopes` only if they are
    /// set. Each success creates a new key. Therefore an error must not say that nothing was sent, or that the
    /// server refused, unless that is certain. The platform does not show a key again: an implementation returns
    /// as soon as the description of the key is complete, and the rest of the answer is the
    /// [end](crate::AnswerEnd) of the created key.
    async fn create_api_key(
        &self,
        session: &SessionKey,
        target: &Target,
        key: &NewKey,
    ) -> Result<CreatedKey, ServiceError>;

    /// `GET /v1/models`, with the key itself: succeeds if the key works. It is not part of the flow.
    /// [`check_key`](crate::check_key) interprets the result.
    async fn check_key(&self, key: &ApiKey) -> Result<(), ServiceError>;
}

/// The part of the platform's documented Admin API that manages the keys of projects.
///
/// Each request is authorized by an admin key. Creating a key of a user is not a part of it: the
/// [`PlatformApi`] does that.
#[async_trait]
pub trait AdminApi: Send + Sync {
    /// `GET /v1/organization/projects`: lists the projects that the admin key may see, in the server's order.
    async fn projects(&self, admin: &AdminKey) -> Result<Listing<Project>, ServiceError>;

    /// `GET /v1/organization/projects/{id}/api_keys`: lists a project's keys in the server's order.
    async fn keys(&self, admin: &AdminKey, project: &ProjectId) -> Result<Listing<ProjectKey>, ServiceError>;

    /// `GET /v1/organization/projects/{id}/api_keys/{id}`: returns one key.
    async fn key(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        key: &KeyId,
    ) -> Result<ProjectKey, ServiceError>;

    /// `POST /v1/organization/projects/{id}/api_keys/{id}`: changes the lifetime and the permissions of a key.
    async fn update_key(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        key: &KeyId,
        change: &KeyChange,
    ) -> Result<KeyDetails, ServiceError>;

    /// `DELETE /v1/organization/projects/{id}/api_keys/{id}`: deletes a key of a user. A success means that the
    /// server has confirmed the deletion of this key. A key of a service account is refused.
    async fn delete_key(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        key: &KeyId,
    ) -> Result<(), ServiceError>;

    /// `POST /v1/organization/projects/{id}/service_accounts`: creates a service account, a member of the project,
    /// with its first key.
    ///
    /// Each success creates a new account. The rules of [`create_api_key`](PlatformApi::create_api_key) for errors
    /// and for the end of the answer apply here as well.
    async fn create_service_account(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        name: &str,
    ) -> Result<ServiceAccount, ServiceError>;

    /// `POST /v1/organization/projects/{id}/service_accounts` with `create_service_account_only`: creates an account
    /// without a key and without a role in the project.
    async fn create_empty_account(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        name: &str,
    ) -> Result<ServiceAccountId, ServiceError>;

    /// `POST /v1/organization/projects/{id}/service_accounts/{id}`: makes an account a member of the project.
    async fn add_to_project(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        account: &ServiceAccountId,
    ) -> Result<(), ServiceError>;

    /// `POST /v1/organization/projects/{id}/service_accounts/{id}/api_keys`: creates another key of an account.
    /// Each success creates a new key, as in [`create_api_key`](PlatformApi::create_api_key).
    async fn create_account_key(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        account: &ServiceAccountId,
        key: &NewKey,
    ) -> Result<CreatedKey, ServiceError>;

    /// `DELETE /v1/organization/projects/{id}/service_accounts/{id}`: deletes an account with all its keys.
    async fn delete_service_account(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        account: &ServiceAccountId,
    ) -> Result<(), ServiceError>;
}

/// A source of the authorization response: a loopback listener, a paste box, a deep link, or a race of
/// several.
#[async_trait]
pub trait ResponseSource: Send {
    /// Waits for the response to `pending`. Skips everything that is not that response
    /// ([`Callback::Stray`](crate::Callback::Stray)).
    ///
    /// Dropping the future ends the wait. The source need not be usable afterwards.
    async fn receive(&mut self, pending: &PendingAuthorization)
    -> Result<AuthorizationResponse, SourceError>;
}

/// The reason why a [`ResponseSource`] cannot receive any response.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SourceError(Box<dyn Error + Send + Sync>);

impl SourceError {
    /// Creates an error with this cause: an error, or a message.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }

    /// Returns the cause, for a front end that knows its own sources.
    pub fn cause(&self) -> &(dyn Error + Send + Sync + 'static) {
        self.0.as_ref()
    }
}
