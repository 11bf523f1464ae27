//! The duration of the wait for a project, and the number of its rounds.

use crate::support::{only_in, run_flow, run_flow_with};
use keymint_domain::testing::{FakeAuthServer, FakeClock, FakePlatform};
use keymint_domain::{Event, Observation, Plan, PollPolicy, ServiceErrorKind, Step};
use std::time::Duration;

#[test]
fn a_project_that_takes_12_s_is_found_about_a_second_after_it_exists() {
    let clock = FakeClock::new();
    let ready = Duration::from_secs(12);
    let platform = FakePlatform::ready(&clock).projects_ready_after(ready);

    let story = run_flow(&platform, &clock);

    assert!(story.outcome.is_ok());
    assert!(story.took >= ready && story.took < ready + Duration::from_millis(1400), "{:?}", story.took);
    let waits = story.events.iter().filter(|event| matches!(event, Event::WaitingForProject { .. })).count();
    assert_eq!(platform.count(Step::ListOrganizations), waits + 1);
    assert!(story.events.contains(&Event::WaitingForProject {
        observed: Observation::NoDefaultProject { organizations: 1, projects: 0 },
        retry_in: Duration::from_millis(500),
    }));
}

#[test]
fn an_account_that_is_never_ready_ends_after_a_minute_with_what_was_last_seen() {
    let clock = FakeClock::new();
    let minute = Duration::from_secs(60);
    let nobody = FakePlatform::empty(&clock);
    let no_default = only_in(&clock, 3, usize::MAX);
    for (platform, expected) in [
        (&nobody, "no default project after 60 s: the account has no organization yet"),
        (&no_default, "no default project after 60 s: 3 organizations and 3 projects were checked"),
    ] {
        let story = run_flow(platform, &clock);
        assert_eq!(story.outcome.unwrap_err().to_string(), expected);
        assert_eq!((story.took, platform.count(Step::ListOrganizations)), (minute, 20));
        assert!(platform.keys().is_empty());
    }
}

#[test]
fn a_project_that_appears_with_the_last_second_is_found_by_the_look_at_the_deadline() {
    let clock = FakeClock::new();
    let platform = FakePlatform::ready(&clock)
        .projects_ready_after(Duration::from_millis(59_990))
        .latency(Duration::from_millis(100));

    let story = run_flow(&platform, &clock);

    assert!(story.outcome.is_ok());
}

#[test]
fn the_reference_schedule_looks_seven_times_a_minute() {
    let clock = FakeClock::new();
    let platform = FakePlatform::empty(&clock);
    let mut plan = Plan::named("my key");
    plan.polling = PollPolicy::fixed(Duration::from_secs(10), Duration::from_secs(60));

    let story = run_flow_with(&FakeAuthServer::new(&clock), &platform, &clock, &plan);

    assert_eq!(story.last_observation(), Observation::NoOrganization);
    assert_eq!(platform.count(Step::ListOrganizations), 7);
}

#[test]
fn a_look_is_cut_at_the_deadline_and_the_last_one_4_s_later() {
    let clock = FakeClock::new();
    let platform = FakePlatform::ready(&clock).slow(Step::ListProjects, Duration::from_secs(70));

    let story = run_flow(&platform, &clock);

    assert_eq!(story.service_error(), (Step::ListProjects, ServiceErrorKind::TimedOut));
    assert_eq!(story.took, Duration::from_secs(64));
}

#[test]
fn every_run_ends_within_5_s_of_its_deadline_however_slow_and_many_the_organizations() {
    let clock = FakeClock::new();
    let platform = only_in(&clock, 1000, usize::MAX).latency(Duration::from_secs(3));

    let story = run_flow(&platform, &clock);

    assert!(story.outcome.is_err());
    assert!(story.took < Duration::from_secs(3 + 60 + 5), "{:?}", story.took);
    assert_eq!(platform.in_flight_peak(), 8);
}
