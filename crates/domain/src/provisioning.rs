//! The whole story: from what the browser brought back to a key.

use crate::authorization::{AuthorizationGrant, AuthorizationResponse, PendingAuthorization};
use crate::error::{ProvisionError, ServiceError, ServiceErrorKind, Step};
use crate::event::{Event, Observation, Observer};
use crate::polling::{PollPolicy, PollRound, PollStep};
use crate::ports::{AuthServer, Clock, Listing, Moment, PlatformApi, ResponseSource};
use crate::retry::{self, Retry};
use crate::secret::{ApiKey, SessionKey};
use crate::selection::{Organization, OrganizationId, Project, Target, by_preference, default_project};
use futures_util::future::{self, BoxFuture, Either, FutureExt};
use futures_util::stream::{FuturesOrdered, StreamExt};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use std::collections::HashSet;
use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
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
    /// How long the code exchange, the login and the creation may each take to answer. A little
    /// longer than the adapter's own limit, whose error can say more. A list has the time that is
    /// left for looking.
    pub call_timeout: Duration,
    /// How long each of the three may take with all its tries. None is begun that could not take
    /// its whole time.
    pub step_timeout: Duration,
    /// How many organizations, after the preferred one, are asked for their projects at once.
    pub width: NonZeroUsize,
}

impl Default for Plan {
    /// The values of the Codex CLI, and time for nearly three calls in a step.
    fn default() -> Self {
        Self {
            app: "api".to_owned(),
            key_name: "Codex CLI".to_owned(),
            polling: PollPolicy::default(),
            call_timeout: Duration::from_secs(31),
            step_timeout: Duration::from_secs(90),
            width: NonZeroUsize::new(8).expect("8 is not 0"),
        }
    }
}

/// A signed-in person's session on the platform. Good for one key.
#[derive(Debug)]
pub struct Session {
    key: SessionKey,
    jitter: Jitter,
}

/// The random numbers of one sign-in's retries.
#[derive(Debug)]
struct Jitter(Mutex<SmallRng>);

impl Jitter {
    fn of(grant: &AuthorizationGrant) -> Self {
        Self(Mutex::new(SmallRng::seed_from_u64(grant.jitter_seed())))
    }

    fn lock(&self) -> MutexGuard<'_, SmallRng> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
    let jitter = Jitter::of(&grant);
    let flow = Flow { ports, plan, observer, jitter: &jitter };
    let tokens = flow.step(Step::ExchangeCode, || ports.auth_server.exchange_code(&grant)).await?;
    observer(Event::CodeExchanged);
    let key = flow.step(Step::Login, || ports.platform.login(&tokens.access_token, &plan.app)).await?;
    observer(Event::SignedIn);
    Ok(Session { key, jitter })
}

/// Looks for the default project until it is there, or the plan's time is up.
///
/// # Errors
///
/// [`NoDefaultProject`](ProvisionError::NoDefaultProject) where the last look got any answer about
/// projects; [`Service`](ProvisionError::Service) where it got none, or where looking again would
/// not help.
pub async fn find_target(
    ports: Ports<'_>,
    plan: &Plan,
    session: &Session,
    observer: Observer<'_>,
) -> Result<Target, ProvisionError> {
    let flow = Flow { ports, plan, observer, jitter: &session.jitter };
    let search = Search { flow, session, told: Mutex::default() };
    let mut schedule = plan.polling.start(ports.clock.now());
    loop {
        let round = schedule.begin_round(ports.clock.now());
        let miss = match search.look(round.into()).await {
            Ok(target) => {
                observer(Event::TargetSelected(target.clone()));
                return Ok(target);
            }
            Err(miss) => miss,
        };
        let now = ports.clock.now();
        match schedule.after_round(now) {
            PollStep::Sleep(retry_in) if miss.is_worth_another_look(round.ends.since(now)) => {
                let retry_in = retry_in.max(miss.asked_wait());
                if !retry_in.is_zero() {
                    observer(miss.event(retry_in));
                    ports.clock.sleep(retry_in).await;
                }
            }
            _ => return Err(miss.into_error(schedule.elapsed(now))),
        }
    }
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
    let flow = Flow { ports, plan, observer, jitter: &session.jitter };
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
            Self::Failed(failure) => failure.kind.is_transient() && self.asked_wait() <= remaining,
        }
    }

    /// How long the server asks to wait.
    fn asked_wait(&self) -> Duration {
        match self {
            Self::Nothing(_) => Duration::ZERO,
            Self::Failed(failure) => failure.kind.retry_after().unwrap_or_default(),
        }
    }

    fn event(self, retry_in: Duration) -> Event {
        match self {
            Self::Nothing(observed) => Event::WaitingForProject { observed, retry_in },
            Self::Failed(failure) => {
                Event::Retrying { step: failure.step, reason: failure.kind, after: retry_in }
            }
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
    Skipped(OrganizationId),
    Incomplete(Step),
}

impl Search<'_> {
    /// One round: the organizations, then their projects, in the order of preference, until one
    /// has a default project. The preferred organization is asked alone, since it nearly always
    /// has it; the others side by side.
    async fn look(&self, time: StepTime) -> Result<Target, Miss> {
        let platform = self.flow.ports.platform;
        let listing = self
            .flow
            .until(time, Step::ListOrganizations, || platform.organizations(&self.session.key))
            .await?;
        self.tell_incomplete(Step::ListOrganizations, &listing);
        let mut ranked = by_preference(&listing.items).into_iter();
        let mut questions = FuturesOrdered::new();
        questions.extend(ranked.next().map(|preferred| self.projects(preferred, time)));
        if questions.is_empty() {
            return Err(Miss::Nothing(Observation::NoOrganization));
        }

        let (mut organizations, mut projects) = (0, 0);
        let mut failure = None;
        while let Some((organization, answer)) = questions.next().await {
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
                // The time is up, which is not the organization's fault.
                Err(error) if error.kind == ServiceErrorKind::TimedOut && self.is_over(time) => {
                    failure = Some(error);
                    break;
                }
                Err(error) => {
                    self.tell_skipped(organization, &error);
                    if !is_refusal(&error.kind) {
                        failure = Some(error);
                    }
                }
            }
            let room = self.flow.plan.width.get().saturating_sub(questions.len());
            questions
                .extend(ranked.by_ref().take(room).map(|organization| self.projects(organization, time)));
        }
        Err(match failure {
            _ if organizations > 0 => {
                Miss::Nothing(Observation::NoDefaultProject { organizations, projects })
            }
            Some(failure) => failure.into(),
            None => Miss::Nothing(Observation::ProjectsRefused { organizations: listing.items.len() }),
        })
    }

    /// Boxed, since a collection of nameless futures is not seen to be `Send`.
    fn projects<'s>(&'s self, organization: &'s Organization, time: StepTime) -> BoxFuture<'s, Answer<'s>> {
        let ask = || self.flow.ports.platform.projects(&self.session.key, &organization.id);
        async move { (organization, self.flow.until(time, Step::ListProjects, ask).await) }.boxed()
    }

    fn is_over(&self, time: StepTime) -> bool {
        self.flow.ports.clock.now() >= time.ends
    }

    fn tell_skipped(&self, organization: &Organization, error: &ServiceError) {
        let id = organization.id.clone();
        if self.is_news(Told::Skipped(id.clone())) {
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

/// How long a step may run and what it may do with that time.
#[derive(Clone, Copy)]
struct StepTime {
    ends: Moment,
    /// How long one call may take. None is begun with less time than this.
    call: Option<Duration>,
    may_retry: bool,
}

impl From<PollRound> for StepTime {
    fn from(round: PollRound) -> Self {
        Self { ends: round.ends, call: None, may_retry: !round.is_last }
    }
}

/// What every step needs.
#[derive(Clone, Copy)]
struct Flow<'a> {
    ports: Ports<'a>,
    plan: &'a Plan,
    observer: Observer<'a>,
    jitter: &'a Jitter,
}

impl Flow<'_> {
    /// Runs a step in the time that the plan gives it.
    async fn step<T, F>(&self, step: Step, call: impl FnMut() -> F) -> Result<T, ServiceError>
    where
        F: Future<Output = Result<T, ServiceError>>,
    {
        let deadline = self.ports.clock.now() + self.plan.step_timeout;
        let time = StepTime { ends: deadline, call: Some(self.plan.call_timeout), may_retry: true };
        self.until(time, step, call).await
    }

    /// Sends a request until it succeeds, may not be sent again, or the time is up.
    async fn until<T, F>(
        &self,
        time: StepTime,
        step: Step,
        mut call: impl FnMut() -> F,
    ) -> Result<T, ServiceError>
    where
        F: Future<Output = Result<T, ServiceError>>,
    {
        let clock = self.ports.clock;
        let mut attempt = 0;
        loop {
            let failure = match self.once(time, step, &mut call).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            attempt += 1;
            let remaining = time.ends.since(clock.now()).saturating_sub(time.call.unwrap_or_default());
            let next = retry::after(step, &failure.kind, attempt, remaining, &mut *self.jitter.lock());
            match next {
                Retry::After(after) if time.may_retry => {
                    (self.observer)(Event::Retrying { step, reason: failure.kind, after });
                    clock.sleep(after).await;
                }
                _ => return Err(failure),
            }
        }
    }

    /// Sends a request, unless the time is up already.
    async fn once<T, F>(
        &self,
        time: StepTime,
        step: Step,
        call: &mut impl FnMut() -> F,
    ) -> Result<T, ServiceError>
    where
        F: Future<Output = Result<T, ServiceError>>,
    {
        let clock = self.ports.clock;
        let remaining = time.ends.since(clock.now());
        let limit = time.call.map_or(remaining, |call| call.min(remaining));
        if limit.is_zero() {
            return Err(ServiceError::out_of_time(step, limit));
        }
        if step == Step::CreateKey {
            (self.observer)(Event::CreationRequested);
        }
        within(clock, limit, call())
            .await
            .unwrap_or_else(|Elapsed| Err(ServiceError::out_of_time(step, limit)))
    }
}

struct Elapsed;

/// Races `work` with the clock. Work that is ready when the time is up still counts.
async fn within<T>(clock: &dyn Clock, limit: Duration, work: impl Future<Output = T>) -> Result<T, Elapsed> {
    match future::select(pin!(work), clock.sleep(limit)).await {
        Either::Left((output, _)) => Ok(output),
        Either::Right(((), _)) => Err(Elapsed),
    }
}
