//! Runs of a whole flow on fakes.

use keymint_domain::testing::{FakeAuthServer, FakeClock, FakePlatform, granted, organization, project};
use keymint_domain::{
    Candidate, Clock, ConnectFailure, Event, Observation, Plan, Ports, ProvisionError, ProvisionedKey,
    Provisioner, ServiceErrorKind, Step, TargetError,
};
use std::sync::Mutex;
use std::time::Duration;

pub(crate) const UNAVAILABLE: ServiceErrorKind = ServiceErrorKind::Refused { status: 503, retry_after: None };
pub(crate) const FORBIDDEN: ServiceErrorKind = ServiceErrorKind::Refused { status: 403, retry_after: None };
pub(crate) const UNAUTHORIZED: ServiceErrorKind =
    ServiceErrorKind::Refused { status: 401, retry_after: None };
pub(crate) const REDIRECTED: ServiceErrorKind = ServiceErrorKind::Refused { status: 302, retry_after: None };
pub(crate) const NO_CONNECTION: ServiceErrorKind = ServiceErrorKind::NotSent(ConnectFailure::Connect);

pub(crate) fn too_many(retry_after: u64) -> ServiceErrorKind {
    ServiceErrorKind::Refused { status: 429, retry_after: Some(Duration::from_secs(retry_after)) }
}

/// A flow from the grant on, and its results.
pub(crate) struct Story {
    pub(crate) outcome: Result<ProvisionedKey, ProvisionError>,
    pub(crate) events: Vec<Event>,
    pub(crate) took: Duration,
}

pub(crate) fn run_flow(platform: &FakePlatform, clock: &FakeClock) -> Story {
    run_flow_with(&FakeAuthServer::new(clock), platform, clock, &Plan::named("my key"))
}

pub(crate) fn run_flow_with(
    auth_server: &FakeAuthServer,
    platform: &FakePlatform,
    clock: &FakeClock,
    plan: &Plan,
) -> Story {
    let events = Mutex::default();
    let ports = Ports { auth_server, platform, clock };
    let began = clock.now();
    let observer = |event| Vec::push(&mut events.lock().unwrap(), event);
    let outcome = clock.run(Provisioner::new(ports, plan).observed_by(&observer).provision(granted()));
    Story { outcome, events: events.into_inner().unwrap(), took: clock.now().since(began) }
}

impl Story {
    /// Returns the organization in which the key was created.
    pub(crate) fn organization(&self) -> &str {
        self.outcome.as_ref().unwrap().target.organization_id.as_str()
    }

    /// Returns the last observation of a search without a default project.
    pub(crate) fn last_observation(&self) -> Observation {
        match &self.outcome {
            Err(ProvisionError::NoDefaultProject { last, .. }) => *last,
            other => panic!("{other:?}"),
        }
    }

    /// Returns the ids of the target.
    pub(crate) fn target(&self) -> (&str, &str) {
        let target = &self.outcome.as_ref().unwrap().target;
        (target.organization_id.as_str(), target.project_id.as_str())
    }

    /// Returns the error's text, and the organization and project ids of its choices.
    pub(crate) fn target_error(&self) -> (String, Vec<(&str, &str)>) {
        let Err(ProvisionError::Target(
            error @ (TargetError::NoSuchTarget { choices, .. }
            | TargetError::Ambiguous { choices, .. }
            | TargetError::NoDefaultProject { choices, .. }),
        )) = &self.outcome
        else {
            panic!("{:?}", self.outcome)
        };
        let ids = choices.iter().map(|Candidate { organization, project, .. }| {
            (organization.id.as_str(), project.as_ref().map_or("", |project| project.id.as_str()))
        });
        (error.to_string(), ids.collect())
    }

    pub(crate) fn service_error(&self) -> (Step, ServiceErrorKind) {
        match &self.outcome {
            Err(ProvisionError::Service(error)) => (error.step, error.kind),
            other => panic!("{other:?}"),
        }
    }
}

/// Creates organizations `org-0`, `org-1`, …, with a default project in only one of them.
pub(crate) fn only_in(clock: &FakeClock, number: usize, holder: usize) -> FakePlatform {
    (0..number).fold(FakePlatform::empty(clock), |platform, i| {
        platform.with(organization(&format!("org-{i}")), vec![project(&format!("proj_{i}"), i == holder)])
    })
}

/// Runs a flow with the names of an organization and a project, of which an empty one is unset.
pub(crate) fn choose(platform: &FakePlatform, clock: &FakeClock, organization: &str, project: &str) -> Story {
    let name = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
    let mut plan = Plan::named("my key");
    plan.selector.organization = name(organization);
    plan.selector.project = name(project);
    run_flow_with(&FakeAuthServer::new(clock), platform, clock, &plan)
}
