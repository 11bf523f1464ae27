//! The hexagon's edge: what the flow needs of the world.
//!
//! An implementation carries and does not decide: it sends each request once (a list may take one
//! for each of its pages), and reports what happened. When to try again, how long to wait and what
//! to make of a failure is the domain's. Every future may be dropped at any time, which ends the
//! request.

use crate::oauth::account::AccountEmail;
use crate::oauth::authorization::{AuthorizationGrant, AuthorizationResponse, PendingAuthorization};
use crate::platform::organization::{Listing, Organization, OrganizationId, Project, Target};
use crate::secret::{AccessToken, ApiKey, SessionKey};
use crate::service_error::ServiceError;
use async_trait::async_trait;
use std::error::Error;

/// The authorization server's token endpoint (RFC 6749 section 3.2).
#[async_trait]
pub trait AuthServer: Send + Sync {
    /// Exchanges an authorization code for an access token (RFC 6749 section 4.1.3, RFC 7636
    /// section 4.5).
    ///
    /// A code is good for one exchange, so it is asked for again only after an error that says
    /// that nothing was sent ([`NotSent`](crate::ServiceErrorKind::NotSent)), or a complete 429.
    async fn exchange_code(&self, grant: &AuthorizationGrant) -> Result<Tokens, ServiceError>;
}

/// What the token endpoint answers (RFC 6749 section 5.1), as far as it is used.
#[derive(Debug)]
#[non_exhaustive]
pub struct Tokens {
    /// `access_token`.
    pub access_token: AccessToken,
    /// What an `id_token` beside it claims to be the account's address, if there is one that can be
    /// read. The ID token itself is of no further use, and stays in the adapter.
    pub email: Option<AccountEmail>,
}

impl Tokens {
    /// An answer with this access token and nothing else.
    pub fn new(access_token: AccessToken) -> Self {
        Self { access_token, email: None }
    }
}

/// The platform's dashboard API, as far as creating one key needs it.
///
/// It has no public description. The requests are those of the Codex CLI; what they are sent and what
/// they answer is played, strictly, by the sandbox beside this crate.
#[async_trait]
pub trait PlatformApi: Send + Sync {
    /// `POST /dashboard/onboarding/login`: opens a dashboard session for `app`. The session key replaces
    /// `token` from here on.
    async fn login(&self, token: &AccessToken, app: &str) -> Result<SessionKey, ServiceError>;

    /// `GET /v1/organizations`: the person's organizations, in the server's order, which breaks ties in
    /// [`by_preference`](crate::by_preference). Empty for a new account.
    async fn organizations(&self, session: &SessionKey) -> Result<Listing<Organization>, ServiceError>;

    /// `GET /dashboard/organizations/{id}/projects`: the projects of one organization, in the server's
    /// order.
    async fn projects(
        &self,
        session: &SessionKey,
        organization: &OrganizationId,
    ) -> Result<Listing<Project>, ServiceError>;

    /// `POST /dashboard/organizations/{id}/projects/{id}/api_keys`: creates a key.
    ///
    /// Not idempotent: each success is a new key, so an error must not say that nothing was sent, or
    /// that the server refused, unless that is certain.
    async fn create_api_key(
        &self,
        session: &SessionKey,
        target: &Target,
        name: &str,
    ) -> Result<ApiKey, ServiceError>;

    /// `GET /v1/models`, with the key itself: succeeds if the key works. It is not part of the flow;
    /// [`check_key`](crate::check_key) tells what the answer means.
    async fn check_key(&self, key: &ApiKey) -> Result<(), ServiceError>;
}

/// Where the authorization response comes from: a loopback listener, a paste box, a deep link, or
/// several of them raced (the front end's affair).
#[async_trait]
pub trait ResponseSource: Send {
    /// Waits for the response to `pending`. What is not that response
    /// ([`Callback::Stray`](crate::Callback::Stray)) changes nothing and is waited past.
    ///
    /// The future may be dropped, which ends the waiting; it need not be possible to go on.
    async fn receive(&mut self, pending: &PendingAuthorization)
    -> Result<AuthorizationResponse, SourceError>;
}

/// Why a [`ResponseSource`] cannot receive any response.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SourceError(Box<dyn Error + Send + Sync>);

impl SourceError {
    /// With this cause: an error, or a message.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }

    /// The cause that it was made with, for a front end that knows its own sources.
    pub fn cause(&self) -> &(dyn Error + Send + Sync + 'static) {
        self.0.as_ref()
    }
}
