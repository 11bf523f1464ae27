//! The whole story: from what the browser brought back to a key.

use crate::clock::Clock;
use crate::event::Event;
use crate::oauth::authorization::{AuthorizationGrant, PendingAuthorization};
use crate::platform::organization::Target;
use crate::ports::{PlatformApi, ResponseSource};
use crate::provisioning::error::ProvisionError;
use crate::provisioning::provisioner::{Jitter, Provisioner, Session};
use crate::provisioning::request_runner::RequestRunner;
use crate::secret::ApiKey;
use crate::service_error::{ServiceError, ServiceErrorKind, Step};
use std::time::Duration;

/// A key, and where it was made.
#[derive(Debug)]
#[non_exhaustive]
pub struct ProvisionedKey {
    /// The organization and the project.
    pub target: Target,
    /// The name that the key was given.
    pub name: String,
    /// The key: shown by the platform this once.
    pub key: ApiKey,
}

/// Waits until the browser is back, at most for `patience`.
///
/// # Errors
///
/// [`AuthorizationTimedOut`](ProvisionError::AuthorizationTimedOut) where nobody came,
/// [`NoResponse`](ProvisionError::NoResponse) where nobody could come any more, and
/// [`Authorization`](ProvisionError::Authorization) where the response is no grant.
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
    /// Signs in, waits for the target and creates the key, for a front end that needs nothing in
    /// between.
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
    /// [`Service`](ProvisionError::Service). The grant is spent whatever the outcome: sign in again.
    pub async fn sign_in(&self, grant: AuthorizationGrant) -> Result<Session, ProvisionError> {
        let Self { ports, plan, observer } = *self;
        let jitter = Jitter::of(&grant);
        let runner = RequestRunner { provisioner: *self, jitter: &jitter };
        let deadline = ports.clock.now() + plan.timeouts.total;
        let tokens =
            runner.step(Step::ExchangeCode, deadline, || ports.auth_server.exchange_code(&grant)).await?;
        observer(Event::CodeExchanged);
        let login = || ports.platform.login(&tokens.access_token, &plan.app);
        let key = runner.step(Step::Login, deadline, login).await?;
        observer(Event::SignedIn);
        let time_left = deadline.since(ports.clock.now());
        Ok(Session { key, jitter, time_left, account: tokens.email })
    }

    /// Creates the key, and ends the session with it: one sign-in makes one key.
    ///
    /// When it is dropped between [`Event::CreationRequested`] and its return, a key may exist, unless
    /// [`Event::Retrying`] has said since that none was made.
    ///
    /// # Errors
    ///
    /// [`OutcomeUnknown`](ProvisionError::OutcomeUnknown) where a key may exist; it is never asked for
    /// again by itself. [`Service`](ProvisionError::Service) where certainly none does.
    pub async fn create_key(
        &self,
        session: Session,
        target: Target,
    ) -> Result<ProvisionedKey, ProvisionError> {
        let Self { ports, plan, .. } = *self;
        let runner = RequestRunner { provisioner: *self, jitter: &session.jitter };
        let deadline = ports.clock.now() + session.time_left;
        let name = plan.key_name.clone();
        let create = || ports.platform.create_api_key(&session.key, &target, &name);
        match runner.step(Step::CreateKey, deadline, create).await {
            Ok(key) => Ok(ProvisionedKey { target, name, key }),
            Err(cause) if cause.kind.leaves_outcome_unknown() => {
                Err(ProvisionError::OutcomeUnknown { target: Box::new(target), key_name: name, cause })
            }
            Err(refusal) => Err(refusal.into()),
        }
    }
}

/// The platform's verdict on a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyCheck {
    /// The key works.
    Works,
    /// The platform does not know the key, or not any more.
    NotAccepted,
    /// The key is fine, and its account has no credit.
    NoCredit,
}

/// Asks the platform whether a key works, once.
///
/// # Errors
///
/// [`ServiceError`] if no answer came, or one that says nothing about the key.
pub async fn check_key(platform: &dyn PlatformApi, key: &ApiKey) -> Result<KeyCheck, ServiceError> {
    let Err(error) = platform.check_key(key).await else { return Ok(KeyCheck::Works) };
    match (error.kind, error.code.as_deref()) {
        (ServiceErrorKind::Refused { status: 401, .. }, _) => Ok(KeyCheck::NotAccepted),
        (ServiceErrorKind::Refused { status: 429, .. }, Some("insufficient_quota")) => Ok(KeyCheck::NoCredit),
        _ => Err(error),
    }
}
