use super::FakeClock;
use crate::clock::{Clock, Moment};
use crate::platform::id::{OrganizationId, ProjectId};
use crate::platform::listing::Listing;
use crate::platform::login::{Login, LoginOrganization};
use crate::platform::new_key::{CreatedKey, NewKey};
use crate::platform::organization::{Organization, Project};
use crate::platform::target::Target;
use crate::ports::PlatformApi;
use crate::secret::{AccessToken, ApiKey, SessionKey};
use crate::service_error::{ServiceError, ServiceErrorKind, Step};
use async_trait::async_trait;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Creates an organization without a title that is neither default nor personal.
///
/// # Panics
///
/// If `id` is not a valid id.
pub fn organization(id: &str) -> Organization {
    Organization::new(OrganizationId::parse(id).expect("an id"))
}

/// Creates a project without a title.
///
/// # Panics
///
/// If `id` is not a valid id.
pub fn project(id: &str, is_initial: bool) -> Project {
    Project { is_initial, ..Project::new(ProjectId::parse(id).expect("an id")) }
}

/// The session key of every login.
const SESSION: &str = "sess-fake";

/// A request that a [`FakePlatform`] received.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// The time at which it was sent.
    pub at: Moment,
    /// The kind of request.
    pub step: Step,
    /// The organization that it names.
    pub organization: Option<OrganizationId>,
    /// The name that it has: the application of a login, or the name of a key.
    pub name: Option<String>,
}

/// A platform in memory: organizations and projects that may appear some time after the login, created keys, and
/// the failures that a test sets.
pub struct FakePlatform {
    clock: FakeClock,
    organizations: Vec<Place>,
    organizations_ready_after: Duration,
    projects_ready_after: Duration,
    login_organizations: Option<Listing<LoginOrganization>>,
    latency: Duration,
    slow: HashMap<Step, Duration>,
    failures: Mutex<Failures>,
    incomplete: HashMap<Step, (usize, bool)>,
    state: Mutex<ServerState>,
}

/// The failures that are still due, of a step or of one organization's list.
type Failures = HashMap<(Step, Option<String>), VecDeque<ServiceErrorKind>>;

/// An organization, and the time after the login from which it exists.
struct Place {
    organization: Organization,
    projects: Vec<Project>,
    exists_after: Duration,
}

#[derive(Default)]
struct ServerState {
    logged_in_at: Option<Moment>,
    calls: Vec<Call>,
    in_flight: usize,
    in_flight_peak: usize,
    keys: Vec<String>,
}

impl FakePlatform {
    /// Creates an account without an organization.
    pub fn empty(clock: &FakeClock) -> Self {
        Self {
            clock: clock.clone(),
            organizations: Vec::new(),
            organizations_ready_after: Duration::ZERO,
            projects_ready_after: Duration::ZERO,
            login_organizations: None,
            latency: Duration::ZERO,
            slow: HashMap::new(),
            failures: Mutex::default(),
            incomplete: HashMap::new(),
            state: Mutex::default(),
        }
    }

    /// Creates an account with one personal organization, `org-1`, and its default project, `proj_1`.
    pub fn ready(clock: &FakeClock) -> Self {
        let personal = Organization { personal: true, ..organization("org-1") };
        Self::empty(clock).with(personal, vec![project("proj_1", true)])
    }

    /// Adds an organization after the others.
    pub fn with(self, organization: Organization, projects: Vec<Project>) -> Self {
        self.with_later(Duration::ZERO, organization, projects)
    }

    /// Adds an organization that exists only this long after the login.
    pub fn with_later(
        mut self,
        exists_after: Duration,
        organization: Organization,
        projects: Vec<Project>,
    ) -> Self {
        self.organizations.push(Place { organization, projects, exists_after });
        self
    }

    /// Lets the list of organizations be empty until this long after the login.
    pub fn organizations_ready_after(self, delay: Duration) -> Self {
        Self { organizations_ready_after: delay, ..self }
    }

    /// Lets the lists of projects be empty until this long after the login.
    pub fn projects_ready_after(self, delay: Duration) -> Self {
        Self { projects_ready_after: delay, ..self }
    }

    /// Adds these organizations to the response to a login.
    pub fn with_login_organizations(self, organizations: Listing<LoginOrganization>) -> Self {
        Self { login_organizations: Some(organizations), ..self }
    }

    /// Delays each answer.
    pub fn latency(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    /// Sets another delay for each answer to `step`.
    pub fn slow(mut self, step: Step, latency: Duration) -> Self {
        self.slow.insert(step, latency);
        self
    }

    /// Lets the first requests of `step` fail with these errors, one after the other.
    pub fn fail(self, step: Step, kinds: &[ServiceErrorKind]) -> Self {
        self.failures().insert((step, None), kinds.to_vec().into());
        self
    }

    /// Lets the first requests for the projects of this organization fail with these errors, one after the other.
    pub fn fail_projects_of(self, organization: &str, kinds: &[ServiceErrorKind]) -> Self {
        self.failures().insert((Step::ListProjects, Some(organization.to_owned())), kinds.to_vec().into());
        self
    }

    /// Makes the lists of `step` incomplete: `skipped` entries are unusable, and `cut` lists have more entries than
    /// are read.
    pub fn incomplete(mut self, step: Step, skipped: usize, cut: bool) -> Self {
        self.incomplete.insert(step, (skipped, cut));
        self
    }

    /// Returns every request so far.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// Returns the number of requests of `step`.
    pub fn count(&self, step: Step) -> usize {
        self.state().calls.iter().filter(|call| call.step == step).count()
    }

    /// Returns the maximum number of simultaneous requests.
    pub fn in_flight_peak(&self) -> usize {
        self.state().in_flight_peak
    }

    /// Returns every created key, including those whose answers were lost.
    pub fn keys(&self) -> Vec<String> {
        self.state().keys.clone()
    }

    fn state(&self) -> MutexGuard<'_, ServerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listing<T>(&self, step: Step, items: Vec<T>) -> Listing<T> {
        let (skipped, cut) = self.incomplete.get(&step).copied().unwrap_or_default();
        Listing::new(items, skipped, !cut)
    }

    fn is_ready(&self, delay: Duration) -> bool {
        let logged_in_at = self.state().logged_in_at;
        logged_in_at.is_some_and(|login| self.clock.now() >= login + delay)
    }

    /// Records the request, takes its time, and fails it if a failure is due or the session is unknown.
    async fn serve(
        &self,
        session: Option<&SessionKey>,
        step: Step,
        organization: Option<&OrganizationId>,
        name: Option<&str>,
    ) -> Result<(), ServiceError> {
        let _in_flight = InFlight::begin(self);
        let failure = self.next_failure(step, organization);
        let (organization, name) = (organization.cloned(), name.map(str::to_owned));
        self.state().calls.push(Call { at: self.clock.now(), step, organization, name });
        self.clock.sleep(self.slow.get(&step).copied().unwrap_or(self.latency)).await;
        if let Some(kind) = failure {
            return Err(ServiceError::new(step, kind, kind.to_string()));
        }
        let logged_in = self.state().logged_in_at.is_some();
        let is_known = session.is_none_or(|session| session.expose() == SESSION && logged_in);
        if is_known { Ok(()) } else { Err(refused(step, 401, "no such session")) }
    }

    fn has(&self, target: &Target) -> bool {
        self.organizations.iter().any(|place| {
            place.organization.id == target.organization_id
                && place.projects.iter().any(|project| project.id == target.project_id)
        })
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the next failure of the organization's own list, or else of the step.
    fn next_failure(&self, step: Step, organization: Option<&OrganizationId>) -> Option<ServiceErrorKind> {
        let mut failures = self.failures();
        let own = (step, organization.map(OrganizationId::to_string));
        let place = if failures.contains_key(&own) { own } else { (step, None) };
        failures.get_mut(&place)?.pop_front()
    }
}

fn refused(step: Step, status: u16, detail: &str) -> ServiceError {
    ServiceError::new(step, ServiceErrorKind::Refused { status, retry_after: None }, detail)
}

struct InFlight<'a>(&'a FakePlatform);

impl<'a> InFlight<'a> {
    fn begin(platform: &'a FakePlatform) -> Self {
        let mut state = platform.state();
        state.in_flight += 1;
        state.in_flight_peak = state.in_flight_peak.max(state.in_flight);
        Self(platform)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.state().in_flight -= 1;
    }
}

#[async_trait]
impl PlatformApi for FakePlatform {
    async fn login(&self, _: &AccessToken, app: &str) -> Result<Login, ServiceError> {
        self.serve(None, Step::Login, None, Some(app)).await?;
        self.state().logged_in_at = Some(self.clock.now());
        let mut login = Login::new(SessionKey::parse(SESSION.to_owned()).expect("a constant"));
        if let Some(organizations) = &self.login_organizations {
            login.organizations.clone_from(organizations);
        }
        Ok(login)
    }

    async fn organizations(&self, session: &SessionKey) -> Result<Listing<Organization>, ServiceError> {
        self.serve(Some(session), Step::ListOrganizations, None, None).await?;
        let there = self
            .organizations
            .iter()
            .filter(|place| self.is_ready(self.organizations_ready_after.max(place.exists_after)));
        let organizations = there.map(|place| place.organization.clone());
        Ok(self.listing(Step::ListOrganizations, organizations.collect()))
    }

    async fn projects(
        &self,
        session: &SessionKey,
        organization: &OrganizationId,
    ) -> Result<Listing<Project>, ServiceError> {
        self.serve(Some(session), Step::ListProjects, Some(organization), None).await?;
        let of_it = self.organizations.iter().find(|place| place.organization.id == *organization);
        let of_it = of_it.ok_or_else(|| refused(Step::ListProjects, 404, "no such organization"))?;
        let ready = self.is_ready(self.projects_ready_after);
        let projects = if ready { of_it.projects.clone() } else { Vec::new() };
        Ok(self.listing(Step::ListProjects, projects))
    }

    async fn create_api_key(
        &self,
        session: &SessionKey,
        target: &Target,
        key: &NewKey,
    ) -> Result<CreatedKey, ServiceError> {
        let organization = Some(&target.organization_id);
        let served = self.serve(Some(session), Step::CreateKey, organization, Some(&key.name)).await;
        // A server whose answer is lost may have processed the request.
        match &served {
            Err(error) if !error.kind.leaves_outcome_unknown() => return Err(error.clone()),
            _ if !self.has(target) => return Err(refused(Step::CreateKey, 404, "no such project")),
            _ => {}
        }
        let mut state = self.state();
        let key = format!("sk-proj-fake-{}", state.keys.len() + 1);
        state.keys.push(key.clone());
        served.map(|()| CreatedKey::new(ApiKey::parse(key).expect("it is printable ASCII")))
    }

    async fn check_key(&self, key: &ApiKey) -> Result<(), ServiceError> {
        self.serve(None, Step::CheckKey, None, None).await?;
        let is_known = self.state().keys.iter().any(|made| made == key.expose());
        if is_known { Ok(()) } else { Err(refused(Step::CheckKey, 401, "no such key")) }
    }
}
