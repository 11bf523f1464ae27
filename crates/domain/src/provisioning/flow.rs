//! The flow: from the browser's response to a key.

use crate::clock::Clock;
use crate::event::Event;
use crate::oauth::authorization::{AuthorizationGrant, PendingAuthorization};
use crate::platform::answer_end::AnswerEnd;
use crate::platform::login::Login;
use crate::platform::new_key::{CreatedKey, KeyDetails, Restriction};
use crate::platform::target::Target;
use crate::ports::{PlatformApi, ResponseSource};
use crate::provisioning::error::ProvisionError;
use crate::provisioning::jitter::Jitter;
use crate::provisioning::provisioner::{Provisioner, Session};
use crate::secret::ApiKey;
use crate::service_error::{Reason, ServiceError, ServiceErrorKind, Step};
use std::time::Duration;

/// A created key with its target.
#[derive(Debug)]
#[non_exhaustive]
pub struct ProvisionedKey {
    /// The organization and the project.
    pub target: Target,
    /// The name of the key.
    pub name: String,
    /// The key. The platform does not show it again.
    pub key: ApiKey,
    /// The server's description of the key.
    pub details: KeyDetails,
    /// The requested restrictions that the server did not confirm.
    pub unconfirmed: Vec<Restriction>,
    /// The end of the server's answer. A front end may wait for it, to report an answer that broke off.
    pub end: AnswerEnd,
}

/// Waits at most `patience` for the browser's response.
///
/// # Errors
///
/// [`AuthorizationTimedOut`](ProvisionError::AuthorizationTimedOut) if no response came,
/// [`NoResponse`](ProvisionError::NoResponse) if the source failed, and
/// [`Authorization`](ProvisionError::Authorization) if the response does not grant access.
pub async fn wait_for_grant(
    clock: &dyn Clock,
    source: &mut dyn ResponseSource,
    pending: PendingAuthorization,
    patience: Duration,
) -> Result<AuthorizationGrant, ProvisionError> {
    let response = clock
        .timeout(patience, source.receive(&pending))
        .await
        .map_err(|_| ProvisionError::AuthorizationTimedOut { waited: patience })?
        .map_err(ProvisionError::NoResponse)?;
    Ok(pending.accept(response)?)
}

impl Provisioner<'_> {
    /// Signs in, waits for the target and creates the key.
    ///
    /// # Errors
    ///
    /// Those of [`sign_in`](Self::sign_in), [`wait_for_target`](Self::wait_for_target) and
    /// [`create_key`](Self::create_key).
    pub async fn provision(&self, grant: AuthorizationGrant) -> Result<ProvisionedKey, ProvisionError> {
        let session = self.sign_in(grant).await?;
        let target = self.wait_for_target(&session).await?;
        self.create_key(session, target).await
    }

    /// Exchanges the code and opens a session on the platform.
    ///
    /// # Errors
    ///
    /// [`Service`](ProvisionError::Service) if a request fails, after its retries. The grant is used up in any case, so
    /// the user must sign in again.
    pub async fn sign_in(&self, grant: AuthorizationGrant) -> Result<Session, ProvisionError> {
        let Self { ports, plan, observer } = *self;
        let jitter = Jitter::of(&grant);
        let runner = self.runner(&jitter);
        let deadline = ports.clock.now() + plan.timeouts.total;
        let tokens =
            runner.step(Step::ExchangeCode, deadline, || ports.auth_server.exchange_code(&grant)).await?;
        tokens.refresh_token.into_iter().for_each(|token| grant.keep_refresh_token(token));
        observer(Event::CodeExchanged);
        let login = || ports.platform.login(&tokens.access_token, &plan.app);
        let Login { session: key, organizations } = runner.step(Step::Login, deadline, login).await?;
        observer(Event::SignedIn);
        let time_left = deadline.since(ports.clock.now());
        Ok(Session { key, organizations, jitter, time_left, account: tokens.email })
    }

    /// Creates the key, and consumes the session: one sign-in makes one key.
    ///
    /// If the future is dropped after [`Event::CreationRequested`], a key may exist, unless
    /// [`Event::Retrying`] followed.
    ///
    /// # Errors
    ///
    /// [`OutcomeUnknown`](ProvisionError::OutcomeUnknown) if a key may exist; the request is not retried
    /// then. [`Service`](ProvisionError::Service) if certainly no key exists.
    pub async fn create_key(
        &self,
        session: Session,
        target: Target,
    ) -> Result<ProvisionedKey, ProvisionError> {
        let Self { ports, plan, .. } = *self;
        let runner = self.runner(&session.jitter);
        let deadline = ports.clock.now() + session.time_left;
        let name = plan.key.name.clone();
        let create = || ports.platform.create_api_key(&session.key, &target, &plan.key);
        match runner.step(Step::CreateKey, deadline, create).await {
            Ok(CreatedKey { secret: key, details, end }) => {
                let unconfirmed = plan.key.unconfirmed_by(&details);
                Ok(ProvisionedKey { target, name, key, details, unconfirmed, end })
            }
            Err(cause) if cause.kind.leaves_outcome_unknown() => {
                Err(ProvisionError::OutcomeUnknown { target: Box::new(target), key_name: name.into(), cause })
            }
            Err(refusal) => Err(ServiceError { expected: target.expected_refusal(), ..refusal }.into()),
        }
    }
}

/// The result of checking a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyCheck {
    /// The key works.
    Works,
    /// The key is valid, but not permitted to list models. The platform sends this answer for a key with few
    /// permissions.
    Restricted,
    /// The platform does not know the key, or has revoked it.
    NotAccepted,
    /// The key is valid, but its account has no credit.
    NoCredit,
}

impl KeyCheck {
    /// Returns a stable name for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Restricted => "restricted",
            Self::NotAccepted => "not_accepted",
            Self::NoCredit => "no_credit",
        }
    }
}

/// Sends one request to the platform to check whether a key works.
///
/// # Errors
///
/// [`ServiceError`] if there was no answer, or the answer says nothing about the key.
pub async fn check_key(platform: &dyn PlatformApi, key: &ApiKey) -> Result<KeyCheck, ServiceError> {
    let Err(error) = platform.check_key(key).await else { return Ok(KeyCheck::Works) };
    match (error.kind, error.code.as_deref()) {
        (ServiceErrorKind::Refused { status: 401, .. }, _) => Ok(KeyCheck::NotAccepted),
        (ServiceErrorKind::Refused { status: 429, .. }, Some("insufficient_quota")) => Ok(KeyCheck::NoCredit),
        _ if error.reason() == Reason::Forbidden => Ok(KeyCheck::Restricted),
        _ => Err(error),
    }
}
