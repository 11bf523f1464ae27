//! The whole story: from what the browser brought back to a key.

use crate::authorization::{AuthorizationGrant, AuthorizationResponse, PendingAuthorization};
use crate::error::{ProvisionError, ServiceError, ServiceErrorKind, Step};
use crate::event::{Event, Observation, Observer};
use crate::polling::{PollPolicy, PollRound, PollStep};
use crate::ports::{AuthServer, Clock, Listing, Moment, PlatformApi, ResponseSource};
use crate::retry::{Retry, RetryPolicy};
use crate::secret::{ApiKey, SessionKey};
use crate::selection::{Organization, Project, Target, by_preference, default_project};
use futures_util::future::{self, BoxFuture, Either, FutureExt};
use futures_util::stream::{self, StreamExt};
use std::collections::HashSet;
use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
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
    /// How often and how long to look for the default project.
    pub polling: PollPolicy,
    /// When a failed request is sent again.
    pub retry: RetryPolicy,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// How long a step that is not waited for may take, with all its tries: the code exchange, the
    /// login, the creation.
    pub step_timeout: Duration,
    /// How many organizations, after the preferred one, are asked for their projects at once.
    pub width: NonZeroUsize,
}

impl Default for Plan {
    /// The values of the Codex CLI, and twice a request's time for a step.
    fn default() -> Self {
        Self {
            app: "api".to_owned(),
            key_name: "Codex CLI".to_owned(),
            polling: PollPolicy::default(),
            retry: RetryPolicy::default(),
            request_timeout: Duration::from_secs(30),
            step_timeout: Duration::from_secs(60),
            width: NonZeroUsize::new(8).expect("8 is not 0"),
        }
    }
}

/// A signed-in person's session on the platform.
#[derive(Debug)]
pub struct Session {
    key: SessionKey,
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
    create_key(ports, plan, &session, target, observer).await
}

/// Waits until the browser is back, at most for `patience`.
///
/// # Errors
///
/// [`AuthorizationTimedOut`](ProvisionError::AuthorizationTimedOut) where nobody came,
/// [`NoResponse`](ProvisionError::NoResponse) where nobody could come any more, and
/// [`Denied`](ProvisionError::Denied), [`MalformedResponse`](ProvisionError::MalformedResponse) or
/// [`IssuerMismatch`](ProvisionError::IssuerMismatch) where the answer was not a code.
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
    match response {
        AuthorizationResponse::Granted(code) => Ok(pending.into_grant(code)),
        AuthorizationResponse::Denied { error, description } => {
            Err(ProvisionError::Denied { error, description })
        }
        AuthorizationResponse::Malformed => Err(ProvisionError::MalformedResponse),
        AuthorizationResponse::IssuerMismatch => Err(ProvisionError::IssuerMismatch),
    }
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
    let flow = Flow { ports, plan, observer };
    let tokens = flow.step(Step::ExchangeCode, || ports.auth_server.exchange_code(&grant)).await?;
    observer(Event::CodeExchanged);
    let key = flow.step(Step::Login, || ports.platform.login(&tokens.access_token, &plan.app)).await?;
    observer(Event::SignedIn);
    Ok(Session { key })
}

/// Looks for the default project until it is there, or the plan's time is up.
///
/// # Errors
///
/// [`NoDefaultProject`](ProvisionError::NoDefaultProject) where the last look was answered;
/// [`Service`](ProvisionError::Service) where it was not, or where looking again would not help.
pub async fn find_target(
    ports: Ports<'_>,
    plan: &Plan,
    session: &Session,
    observer: Observer<'_>,
) -> Result<Target, ProvisionError> {
    let search = Search { flow: Flow { ports, plan, observer }, session, told: Mutex::default() };
    let mut schedule = plan.polling.start(ports.clock.now());
    loop {
        let round = schedule.begin_round(ports.clock.now());
        let miss = match search.look(round).await {
            Ok(target) => {
                observer(Event::TargetSelected(target.clone()));
                return Ok(target);
            }
            Err(miss) => miss,
        };
        let now = ports.clock.now();
        match schedule.after_round(now) {
            PollStep::Sleep(retry_in) if miss.is_worth_another_look(round.ends.since(now)) => {
                observer(miss.event(retry_in));
                ports.clock.sleep(retry_in).await;
            }
            _ => return Err(miss.into_error(schedule.elapsed(now))),
        }
    }
}

/// Creates the key. Takes the target by value: once.
///
/// Not cancel-safe: when it is dropped after its first poll, a key may exist.
///
/// # Errors
///
/// [`OutcomeUnknown`](ProvisionError::OutcomeUnknown) where a key may exist; it is never asked for
/// again by itself. [`Service`](ProvisionError::Service) where certainly none does.
pub async fn create_key(
    ports: Ports<'_>,
    plan: &Plan,
    session: &Session,
    target: Target,
    observer: Observer<'_>,
) -> Result<ProvisionedKey, ProvisionError> {
    let flow = Flow { ports, plan, observer };
    let name = plan.key_name.clone();
    match flow.step(Step::CreateKey, || ports.platform.create_api_key(&session.key, &target, &name)).await {
        Ok(key) => Ok(ProvisionedKey { target, name, key }),
        Err(cause) if cause.kind.leaves_outcome_unknown() => {
            Err(ProvisionError::OutcomeUnknown { target: Box::new(target), key_name: name, cause })
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// Why one round of requests found no target.
enum Miss {
    Nothing(Observation),
    Failed(ServiceError),
}

impl From<ServiceError> for Miss {
    fn from(failure: ServiceError) -> Self {
        Self::Failed(failure)
    }
}

impl Miss {
    fn is_worth_another_look(&self, remaining: Duration) -> bool {
        match self {
            Self::Nothing(_) => true,
            Self::Failed(failure) => {
                let in_time = failure.kind.retry_after().is_none_or(|asked| asked <= remaining);
                failure.kind.is_transient() && in_time
            }
        }
    }

    fn event(self, retry_in: Duration) -> Event {
        match self {
            Self::Nothing(observed) => Event::WaitingForProject { observed, retry_in },
            Self::Failed(failure) => Event::Retrying { step: failure.step, after: retry_in },
        }
    }

    fn into_error(self, waited: Duration) -> ProvisionError {
        match self {
            Self::Nothing(last) => ProvisionError::NoDefaultProject { waited, last },
            Self::Failed(failure) => failure.into(),
        }
    }
}

/// What the rounds of one search share.
struct Search<'a> {
    flow: Flow<'a>,
    session: &'a Session,
    /// What the observer was told already.
    told: Mutex<HashSet<Told>>,
}

#[derive(PartialEq, Eq, Hash)]
enum Told {
    Skipped(String),
    Incomplete(Step),
}

impl Search<'_> {
    /// One round: the organizations, then their projects, in the order of preference, until one
    /// has a default project. The preferred organization is asked alone, since it nearly always
    /// has it; the others side by side.
    async fn look(&self, round: PollRound) -> Result<Target, Miss> {
        let clock = self.flow.ports.clock;
        let limit = round.ends.since(clock.now());
        within(clock, limit, self.look_unhurried(round.into()))
            .await
            .unwrap_or_else(|Elapsed| Err(ServiceError::out_of_time(Step::ListProjects, limit).into()))
    }

    async fn look_unhurried(&self, time: StepTime) -> Result<Target, Miss> {
        let platform = self.flow.ports.platform;
        let listing = self
            .flow
            .until(time, Step::ListOrganizations, || platform.organizations(&self.session.key))
            .await?;
        self.tell_incomplete(Step::ListOrganizations, &listing);
        let ranked = by_preference(&listing.items);
        let questions: Vec<_> =
            ranked.into_iter().map(|organization| self.projects(organization, time)).collect();
        let mut questions = questions.into_iter();
        let Some(preferred) = questions.next() else {
            return Err(Miss::Nothing(Observation::NoOrganization));
        };
        let others = stream::iter(questions).buffered(self.flow.plan.width.get());
        let mut answers = Box::pin(stream::once(preferred).chain(others));
        let (mut organizations, mut projects) = (0, 0);
        let mut failure = None;
        while let Some((organization, answer)) = answers.next().await {
            match answer {
                Ok(listing) => {
                    self.tell_incomplete(Step::ListProjects, &listing);
                    if let Some(project) = default_project(&listing.items) {
                        return Ok(Target::new(organization, project));
                    }
                    organizations += 1;
                    projects += listing.items.len();
                }
                // The session itself is refused: no other organization will answer.
                Err(refusal) if matches!(refusal.kind, ServiceErrorKind::Refused { status: 401, .. }) => {
                    return Err(refusal.into());
                }
                Err(error) => {
                    self.tell_skipped(organization, &error);
                    if !is_refusal(&error.kind) {
                        failure = Some(error);
                    }
                }
            }
        }
        Err(match failure {
            _ if organizations > 0 => {
                Miss::Nothing(Observation::NoDefaultProject { organizations, projects })
            }
            Some(failure) => failure.into(),
            None => Miss::Nothing(Observation::ProjectsRefused { organizations: listing.items.len() }),
        })
    }

    /// Boxed, since a stream of nameless futures is not seen to be `Send`.
    fn projects<'s>(&'s self, organization: &'s Organization, time: StepTime) -> BoxFuture<'s, Answer<'s>> {
        let ask = || self.flow.ports.platform.projects(&self.session.key, &organization.id);
        async move { (organization, self.flow.until(time, Step::ListProjects, ask).await) }.boxed()
    }

    fn tell_skipped(&self, organization: &Organization, error: &ServiceError) {
        let id = organization.id.clone();
        if self.is_news(Told::Skipped(id.to_string())) {
            (self.flow.observer)(Event::OrganizationSkipped { id, reason: error.kind });
        }
    }

    fn tell_incomplete<T>(&self, step: Step, listing: &Listing<T>) {
        let (skipped, cut) = (listing.skipped, !listing.complete);
        if (skipped > 0 || cut) && self.is_news(Told::Incomplete(step)) {
            (self.flow.observer)(Event::ListIncomplete { step, skipped, cut });
        }
    }

    fn is_news(&self, news: Told) -> bool {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(news)
    }
}

/// An organization, and what became of the question for its projects.
type Answer<'a> = (&'a Organization, Result<Listing<Project>, ServiceError>);

/// A refusal that concerns the organization alone. A redirect is none: whoever answers so is not
/// the platform, or not where it was.
fn is_refusal(kind: &ServiceErrorKind) -> bool {
    matches!(kind, ServiceErrorKind::Refused { status: 400..=499, .. }) && !kind.is_transient()
}

/// Until when a step may run, and until when it may be tried again.
#[derive(Clone, Copy)]
struct StepTime {
    ends: Moment,
    retries_end: Moment,
}

impl From<PollRound> for StepTime {
    fn from(round: PollRound) -> Self {
        Self { ends: round.ends, retries_end: if round.is_last { Moment::ORIGIN } else { round.ends } }
    }
}

/// What every step needs.
#[derive(Clone, Copy)]
struct Flow<'a> {
    ports: Ports<'a>,
    plan: &'a Plan,
    observer: Observer<'a>,
}

impl Flow<'_> {
    /// Runs a step in the time that the plan gives it.
    async fn step<T, F>(&self, step: Step, call: impl FnMut() -> F) -> Result<T, ServiceError>
    where
        F: Future<Output = Result<T, ServiceError>> + Unpin,
    {
        let deadline = self.ports.clock.now() + self.plan.step_timeout;
        self.until(StepTime { ends: deadline, retries_end: deadline }, step, call).await
    }

    /// Sends a request until it succeeds, may not be sent again, or the time is up.
    async fn until<T, F>(
        &self,
        time: StepTime,
        step: Step,
        mut call: impl FnMut() -> F,
    ) -> Result<T, ServiceError>
    where
        F: Future<Output = Result<T, ServiceError>> + Unpin,
    {
        let clock = self.ports.clock;
        let mut attempt = 0;
        loop {
            let limit = time.ends.since(clock.now()).min(self.plan.request_timeout);
            let outcome = within(clock, limit, call())
                .await
                .unwrap_or_else(|Elapsed| Err(ServiceError::out_of_time(step, limit)));
            let failure = match outcome {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            attempt += 1;
            match self.plan.retry.next(step, &failure.kind, attempt, time.retries_end.since(clock.now())) {
                Retry::Stop => return Err(failure),
                Retry::After(after) => {
                    (self.observer)(Event::Retrying { step, after });
                    clock.sleep(after).await;
                }
            }
        }
    }
}

struct Elapsed;

/// Races `work` with the clock. Work that is ready when the time is up still counts.
async fn within<T>(clock: &dyn Clock, limit: Duration, work: impl Future<Output = T>) -> Result<T, Elapsed> {
    match future::select(Box::pin(work), clock.sleep(limit)).await {
        Either::Left((output, _)) => Ok(output),
        Either::Right(((), _)) => Err(Elapsed),
    }
}
