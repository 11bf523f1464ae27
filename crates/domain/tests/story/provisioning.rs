//! The flow from the grant to the key without failures.

use crate::support::{UNAVAILABLE, run_flow, run_flow_with};
use keymint_domain::testing::{
    FakeAuthServer, FakeClock, FakePlatform, FakeSource, granted, organization, pending, project,
};
use keymint_domain::{Event, Plan, Ports, Provisioner, Step, wait_for_grant};
use std::time::Duration;

#[test]
fn a_ready_account_gets_its_key_with_one_request_of_each_kind() {
    let clock = FakeClock::new();
    let platform = FakePlatform::ready(&clock).latency(Duration::from_millis(50));
    let auth_server = FakeAuthServer::new(&clock).latency(Duration::from_millis(50));

    let mut plan = Plan::named("my key");
    plan.app = "my app".to_owned();

    let story = run_flow_with(&auth_server, &platform, &clock, &plan);

    let created = story.outcome.unwrap();
    assert_eq!(platform.keys(), [created.key.expose()]);
    assert_eq!((created.name.as_str(), created.target.project_id.as_str()), ("my key", "proj_1"));
    let names: Vec<_> = platform.calls().into_iter().map(|call| call.name).collect();
    assert_eq!(names, [Some("my app".to_owned()), None, None, Some("my key".to_owned())]);
    assert_eq!(
        story.events,
        [
            Event::CodeExchanged,
            Event::SignedIn,
            Event::TargetSelected(created.target),
            Event::CreationRequested
        ]
    );
    let steps: Vec<_> = platform.calls().into_iter().map(|call| call.step).collect();
    assert_eq!(steps, [Step::Login, Step::ListOrganizations, Step::ListProjects, Step::CreateKey]);
    assert_eq!((auth_server.exchanges(), story.took), (1, Duration::from_millis(250)));
}

#[test]
fn the_order_of_preference_holds_when_a_later_organization_answers_first() {
    let clock = FakeClock::new();
    let platform = (0..4)
        .fold(FakePlatform::empty(&clock), |platform, i| {
            platform.with(organization(&format!("org-{i}")), vec![project("p", i > 0)])
        })
        .fail_projects_of("org-1", &[UNAVAILABLE]);

    assert_eq!(run_flow(&platform, &clock).organization(), "org-1");
}

#[test]
fn the_futures_of_a_flow_can_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let clock = FakeClock::new();
    let (auth_server, platform) = (FakeAuthServer::new(&clock), FakePlatform::ready(&clock));
    let ports = Ports { auth_server: &auth_server, platform: &platform, clock: &clock };
    let mut source = FakeSource::silent(&clock);
    let plan = Plan::named("my key");
    is_send(&Provisioner::new(ports, &plan).provision(granted()));
    is_send(&wait_for_grant(&clock, &mut source, pending(), Duration::ZERO));
}
