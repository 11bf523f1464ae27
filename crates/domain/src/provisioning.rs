//! The whole story: from what the browser brought back to a key.

use crate::account::AccountEmail;
use crate::authorization::{AuthorizationGrant, PendingAuthorization};
use crate::error::{ProvisionError, Step};
use crate::event::{Event, Observer};
use crate::polling::PollPolicy;
use crate::ports::{AuthServer, Clock, PlatformApi, ResponseSource};
use crate::request_runner::{Elapsed, Jitter, RequestRunner, within};
use crate::search::find_target;
use crate::secret::{ApiKey, SessionKey};
use crate::selection::Target;
use crate::selector::TargetSelector;
use std::num::NonZeroUsize;
use std::time::Duration;

/// The adapters of one flow.
#[derive(Clone, Copy)]
pub struct Ports<'a> {
    /// The authorization server.
    pub auth_server: &'a dyn AuthServer,
    /// The platform.
    pub platform: &'a dyn PlatformApi,
    /// The time.
    pub clock: &'a dyn Clock,
}

/// What to do, and how patiently.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Plan {
    /// The application that the platform session is for.
    pub app: String,
    /// The key's name, which the dashboard shows. Give each key its own: a lost one is found by it.
    pub key_name: String,
    /// Which organization and project.
    pub selector: TargetSelector,
    /// How often and how long to look for the project.
    pub polling: PollPolicy,
    /// How long the code exchange, the login and the creation may each take to answer. A little
    /// longer than the adapter's own limit, whose error can say more. A list has the time that is
    /// left for looking.
    pub call_timeout: Duration,
    /// How long each of the three may take with all its tries. None of them is sent again where less
    /// than `call_timeout` is left.
    pub step_timeout: Duration,
    /// How long the three may take together with all their tries. When it is up, what is due is
    /// still sent once, and nothing is sent again. Looking for the project and asking a person have
    /// times of their own.
    pub total_timeout: Duration,
    /// How many lists, after that of the preferred organization, are asked for at once. An answer
    /// that there are too many requests halves it for the rest of the search.
    pub width: NonZeroUsize,
}

impl Plan {
    /// The default plan for a key of this name.
    pub fn named(key_name: impl Into<String>) -> Self {
        Self { key_name: key_name.into(), ..Self::default() }
    }
}

impl Default for Plan {
    /// The values of the Codex CLI, and time for nearly three calls in a step and five in all.
    fn default() -> Self {
        Self {
            app: "api".to_owned(),
            key_name: "Codex CLI".to_owned(),
            selector: TargetSelector::default(),
            polling: PollPolicy::default(),
            call_timeout: Duration::from_secs(31),
            step_timeout: Duration::from_secs(90),
            total_timeout: Duration::from_secs(150),
            width: NonZeroUsize::new(8).expect("8 is not 0"),
        }
    }
}

/// A signed-in person's session on the platform. Good for one key.
#[derive(Debug)]
pub struct Session {
    pub(crate) key: SessionKey,
    pub(crate) jitter: Jitter,
    /// What is left of the plan's total time.
    time_left: Duration,
    account: Option<AccountEmail>,
}

impl Session {
    /// Whose account it is, where the authorization server said so: for the person who signed in to
    /// see, and for nobody else.
    pub fn account(&self) -> Option<&AccountEmail> {
        self.account.as_ref()
    }
}

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
    pending.accept(response)
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
