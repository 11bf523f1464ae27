//! The whole story: from what the browser brought back to a key.

use crate::clock::Clock;
use crate::event::{Event, Observer};
use crate::oauth::authorization::{AuthorizationGrant, PendingAuthorization};
use crate::platform::organization::Target;
use crate::ports::ResponseSource;
use crate::provisioning::error::ProvisionError;
use crate::provisioning::plan::{Plan, Ports};
use crate::provisioning::request_runner::{Elapsed, RequestRunner, within};
use crate::provisioning::search::find_target;
use crate::provisioning::session::{Jitter, Session};
use crate::secret::ApiKey;
use crate::service_error::Step;
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

/// Signs in, finds the target and creates the key, for a front end that needs nothing in between.
///
/// # Errors
///
/// Those of [`sign_in`], [`find_target`] and [`create_key`].
pub async fn provision(
    ports: Ports<'_>,
    plan: &Plan,
    grant: AuthorizationGrant,
    observer: Observer<'_>,
) -> Result<ProvisionedKey, ProvisionError> {
    let session = sign_in(ports, plan, grant, observer).await?;
    let target = find_target(ports, plan, &session, observer).await?;
    create_key(ports, plan, session, target, observer).await
}

/// Waits until the browser is back, at most for `patience`.
///
/// # Errors
///
/// [`AuthorizationTimedOut`](ProvisionError::AuthorizationTimedOut) where nobody came,
/// [`NoResponse`](ProvisionError::NoResponse) where nobody could come any more, and
/// those of [`accept`](PendingAuthorization::accept) where the answer was not a code.
pub async fn authorize(
    clock: &dyn Clock,
    source: &mut dyn ResponseSource,
    pending: PendingAuthorization,
    patience: Duration,
) -> Result<AuthorizationGrant, ProvisionError> {
    let response = within(clock, patience, source.receive(&pending))
        .await
        .map_err(|Elapsed| ProvisionError::AuthorizationTimedOut { waited: patience })?
        .map_err(ProvisionError::NoResponse)?;
    Ok(pending.accept(response)?)
}

/// Exchanges the code and opens a session on the platform.
///
/// # Errors
///
/// [`Service`](ProvisionError::Service). The grant is spent whatever the outcome: sign in again.
pub async fn sign_in(
    ports: Ports<'_>,
    plan: &Plan,
    grant: AuthorizationGrant,
    observer: Observer<'_>,
) -> Result<Session, ProvisionError> {
    let jitter = Jitter::of(&grant);
    let runner = RequestRunner { ports, plan, observer, jitter: &jitter };
    let deadline = ports.clock.now() + plan.total_timeout;
    let tokens =
        runner.step(Step::ExchangeCode, deadline, || ports.auth_server.exchange_code(&grant)).await?;
    observer(Event::CodeExchanged);
    let key =
        runner.step(Step::Login, deadline, || ports.platform.login(&tokens.access_token, &plan.app)).await?;
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
    ports: Ports<'_>,
    plan: &Plan,
    session: Session,
    target: Target,
    observer: Observer<'_>,
) -> Result<ProvisionedKey, ProvisionError> {
    let runner = RequestRunner { ports, plan, observer, jitter: &session.jitter };
    let deadline = ports.clock.now() + session.time_left;
    let name = plan.key_name.clone();
    match runner
        .step(Step::CreateKey, deadline, || ports.platform.create_api_key(&session.key, &target, &name))
        .await
    {
        Ok(key) => Ok(ProvisionedKey { target, name, key }),
        Err(cause) if cause.kind.leaves_outcome_unknown() => {
            Err(ProvisionError::OutcomeUnknown { target: Box::new(target), key_name: name, cause })
        }
        Err(refusal) => Err(refusal.into()),
    }
}
