//! Lists that fail, are refused, or are incomplete.

use crate::support::{
    FORBIDDEN, NO_CONNECTION, REDIRECTED, UNAUTHORIZED, UNAVAILABLE, only_in, run_flow, too_many,
};
use keymint_domain::testing::{FakeClock, FakePlatform, organization};
use keymint_domain::{ConnectFailure, Event, Observation, Reason, ServiceErrorKind, Step};
use std::collections::HashSet;
use std::time::Duration;

#[test]
fn transient_failures_of_the_lists_are_outlived() {
    let clock = FakeClock::new();
    for failures in [
        vec![UNAVAILABLE; 5],
        vec![NO_CONNECTION, ServiceErrorKind::TimedOut, ServiceErrorKind::Interrupted],
        vec![too_many(7)],
        vec![ServiceErrorKind::OutOfContract; 2],
    ] {
        let platform = FakePlatform::ready(&clock).fail(Step::ListOrganizations, &failures);
        let story = run_flow(&platform, &clock);
        assert!(story.outcome.is_ok(), "{failures:?}: {:?}", story.outcome);
        let retries = story.events.iter().filter(|event| matches!(event, Event::Retrying { .. })).count();
        assert_eq!(retries, failures.len());
    }
}

#[test]
fn retry_after_is_kept_and_ends_the_flow_where_it_cannot_be_waited_for() {
    let clock = FakeClock::new();
    let platform = FakePlatform::ready(&clock).fail(Step::ListOrganizations, &[too_many(7)]);
    assert!(run_flow(&platform, &clock).took >= Duration::from_secs(7));

    let platform = FakePlatform::ready(&clock).fail(Step::ListOrganizations, &[too_many(99_999)]);
    let story = run_flow(&platform, &clock);
    assert_eq!(story.service_error(), (Step::ListOrganizations, too_many(99_999)));
    assert_eq!((story.took, platform.count(Step::ListOrganizations)), (Duration::ZERO, 1));
}

#[test]
fn retry_after_is_kept_from_one_look_to_the_next() {
    let clock = FakeClock::new();
    let seven = Duration::from_secs(7);
    let platform = FakePlatform::ready(&clock).fail(Step::ListProjects, &[too_many(7); 6]);

    assert!(run_flow(&platform, &clock).outcome.is_ok());

    let calls: Vec<_> = platform.calls().into_iter().filter(|call| call.step == Step::ListProjects).collect();
    assert_eq!(calls.len(), 7);
    assert!(calls.windows(2).all(|pair| pair[1].at.since(pair[0].at) >= seven), "{calls:?}");
}

#[test]
fn a_server_that_asks_for_no_wait_is_not_flooded() {
    let clock = FakeClock::new();
    let platform = FakePlatform::ready(&clock).fail(Step::ListOrganizations, &[too_many(0); 1000]);

    assert!(run_flow(&platform, &clock).outcome.is_err());

    let requests = platform.count(Step::ListOrganizations);
    assert!(requests < 40, "{requests} requests in a minute");
}

#[test]
fn organizations_that_fail_together_are_asked_again_one_by_one() {
    let clock = FakeClock::new();
    let platform = (0..9).fold(only_in(&clock, 9, 8), |platform, i| {
        platform.fail_projects_of(&format!("org-{i}"), &[UNAVAILABLE])
    });

    assert_eq!(run_flow(&platform, &clock).organization(), "org-8");

    let calls = platform.calls();
    let moments: Vec<_> =
        calls.iter().filter(|call| call.step == Step::ListProjects).map(|call| call.at).collect();
    let again: HashSet<_> = moments.iter().skip(1 + 1 + 8).collect();
    assert_eq!((moments.len(), again.len()), (18, 8), "{moments:?}");
}

#[test]
fn a_look_that_runs_out_of_time_blames_no_organization() {
    let clock = FakeClock::new();
    let platform = only_in(&clock, 100, usize::MAX).slow(Step::ListProjects, Duration::from_secs(20));

    let story = run_flow(&platform, &clock);

    assert!(
        !story.events.iter().any(|event| matches!(event, Event::OrganizationSkipped { .. })),
        "{:?}",
        story.events
    );
    // One request alone, twice eight concurrent ones until the time is up, and eight in the last round.
    assert_eq!(platform.count(Step::ListProjects), 1 + 2 * 8 + 8);
}

#[test]
fn lists_that_fail_until_the_time_is_up_end_with_the_last_failure() {
    let clock = FakeClock::new();
    for failure in [NO_CONNECTION, UNAVAILABLE] {
        let platform = FakePlatform::ready(&clock).fail(Step::ListOrganizations, &vec![failure; 1000]);
        let story = run_flow(&platform, &clock);
        assert_eq!(story.service_error(), (Step::ListOrganizations, failure));
        assert_eq!(story.took, Duration::from_secs(60));
    }
}

#[test]
fn a_failure_that_waiting_cannot_mend_ends_the_flow_at_once() {
    let clock = FakeClock::new();
    for (step, failure) in [
        (Step::Login, UNAUTHORIZED),
        (Step::Login, FORBIDDEN),
        (Step::ListOrganizations, UNAUTHORIZED),
        (Step::ListOrganizations, FORBIDDEN),
        (Step::ListOrganizations, ServiceErrorKind::NotSent(ConnectFailure::Tls)),
        (Step::ListProjects, UNAUTHORIZED),
        (Step::ListProjects, REDIRECTED),
    ] {
        let platform = FakePlatform::ready(&clock).fail(step, &[failure; 10]);
        let story = run_flow(&platform, &clock);
        assert_eq!(story.service_error(), (step, failure));
        assert_eq!((story.took, platform.count(step)), (Duration::ZERO, 1));
        assert!(platform.keys().is_empty());
    }
}

#[test]
fn an_organization_whose_projects_are_refused_is_skipped_and_reported_once() {
    let clock = FakeClock::new();
    let platform = only_in(&clock, 3, 2)
        .fail_projects_of("org-0", &[FORBIDDEN; 10])
        .projects_ready_after(Duration::from_secs(3));

    let story = run_flow(&platform, &clock);

    assert_eq!(story.organization(), "org-2");
    let skipped: Vec<_> =
        story.events.iter().filter(|event| matches!(event, Event::OrganizationSkipped { .. })).collect();
    assert_eq!(
        skipped,
        [&Event::OrganizationSkipped {
            id: organization("org-0").id,
            kind: FORBIDDEN,
            reason: Reason::Forbidden
        }]
    );
}

#[test]
fn a_list_that_was_not_read_whole_is_reported_once_for_each_step() {
    let clock = FakeClock::new();
    for step in [Step::ListOrganizations, Step::ListProjects] {
        for (skipped, cut, times) in [(0, false, 0), (1, false, 1), (0, true, 1), (2, true, 1)] {
            let platform = only_in(&clock, 3, 2)
                .incomplete(step, skipped, cut)
                .projects_ready_after(Duration::from_secs(3));
            let mut events = run_flow(&platform, &clock).events;
            events.retain(|event| matches!(event, Event::ListIncomplete { .. }));
            assert_eq!(events, vec![Event::ListIncomplete { step, skipped, cut }; times]);
        }
    }
}

#[test]
fn when_every_organization_refuses_the_last_observation_says_so() {
    let clock = FakeClock::new();
    let platform = only_in(&clock, 2, 0).fail(Step::ListProjects, &[FORBIDDEN; 1000]);

    let story = run_flow(&platform, &clock);

    assert_eq!(story.last_observation(), Observation::ProjectsRefused { organizations: 2 });
}
