//! The requests that change something, and whether they are retried.

use crate::support::{FORBIDDEN, NO_CONNECTION, UNAVAILABLE, run_flow, run_flow_with, too_many};
use keymint_domain::testing::{FakeAuthServer, FakeClock, FakePlatform};
use keymint_domain::{Event, Plan, ProvisionError, ServiceErrorKind, Step, Timeouts};
use std::time::Duration;

#[test]
fn the_code_is_exchanged_again_only_when_nothing_was_sent() {
    let clock = FakeClock::new();
    for (failures, exchanges, succeeds) in [
        (vec![NO_CONNECTION, NO_CONNECTION], 3, true),
        (vec![NO_CONNECTION; 3], 3, false),
        (vec![too_many(1)], 2, true),
        (vec![UNAVAILABLE], 1, false),
        (vec![ServiceErrorKind::TimedOut], 1, false),
        (vec![ServiceErrorKind::Interrupted], 1, false),
        (vec![ServiceErrorKind::OutOfContract], 1, false),
        (vec![FORBIDDEN], 1, false),
    ] {
        let auth_server =
            failures.iter().fold(FakeAuthServer::new(&clock), |server, failure| server.fail(*failure));
        let platform = FakePlatform::ready(&clock);
        let story = run_flow_with(&auth_server, &platform, &clock, &Plan::named("my key"));
        assert_eq!((auth_server.exchanges(), story.outcome.is_ok()), (exchanges, succeeds), "{failures:?}");
        assert_eq!(platform.calls().is_empty(), !succeeds);
    }
}

#[test]
fn a_creation_is_sent_again_only_when_it_certainly_made_no_key() {
    let clock = FakeClock::new();
    for (failures, creations) in [
        (vec![NO_CONNECTION; 2], 3),
        (vec![too_many(1), too_many(1)], 3),
        (vec![NO_CONNECTION, too_many(1)], 3),
    ] {
        let platform = FakePlatform::ready(&clock).fail(Step::CreateKey, &failures);
        assert!(run_flow(&platform, &clock).outcome.is_ok());
        assert_eq!((platform.count(Step::CreateKey), platform.keys().len()), (creations, 1));
    }
}

#[test]
fn a_lost_answer_to_the_creation_is_reported_and_the_creation_never_repeated() {
    let clock = FakeClock::new();
    let status = |status| ServiceErrorKind::Refused { status, retry_after: Some(Duration::ZERO) };
    for failure in [
        ServiceErrorKind::TimedOut,
        ServiceErrorKind::Interrupted,
        ServiceErrorKind::OutOfContract,
        status(307),
        status(408),
        status(425),
        status(500),
        status(503),
    ] {
        let platform = FakePlatform::ready(&clock).fail(Step::CreateKey, &[failure; 10]);
        let story = run_flow(&platform, &clock);
        let Err(ProvisionError::OutcomeUnknown { target, key_name, cause }) = story.outcome else {
            panic!("{failure:?}: {:?}", story.outcome);
        };
        assert_eq!((target.organization_id.as_str(), &*key_name, cause.kind), ("org-1", "my key", failure));
        assert_eq!((platform.count(Step::CreateKey), platform.keys().len()), (1, 1), "{failure:?}");
    }
}

#[test]
fn nothing_that_cannot_be_repeated_is_begun_without_the_time_to_end_it() {
    let clock = FakeClock::new();
    // After such a wait, less than the time of a call would remain.
    let late = [too_many(63)];
    let platform = FakePlatform::ready(&clock).fail(Step::CreateKey, &late);
    assert_eq!(run_flow(&platform, &clock).service_error(), (Step::CreateKey, late[0]));
    assert_eq!((platform.count(Step::CreateKey), platform.keys().len()), (1, 0));

    let auth_server = FakeAuthServer::new(&clock).fail(late[0]);
    let story = run_flow_with(&auth_server, &FakePlatform::ready(&clock), &clock, &Plan::named("my key"));
    assert_eq!((story.service_error(), auth_server.exchanges()), ((Step::ExchangeCode, late[0]), 1));
}

#[test]
fn the_events_show_when_a_creation_is_in_flight_and_when_not_any_more() {
    let clock = FakeClock::new();
    let platform = FakePlatform::ready(&clock).fail(Step::CreateKey, &[NO_CONNECTION]);

    let events = run_flow(&platform, &clock).events;

    let events: Vec<_> =
        events.iter().skip_while(|event| !matches!(event, Event::TargetSelected(_))).skip(1).collect();
    assert!(
        matches!(
            events[..],
            [
                Event::CreationRequested,
                Event::Retrying { step: Step::CreateKey, .. },
                Event::CreationRequested
            ]
        ),
        "{events:?}"
    );
}

#[test]
fn a_refused_creation_is_a_definite_no() {
    let clock = FakeClock::new();
    for status in [400, 401, 403, 404, 409, 422] {
        let failure = ServiceErrorKind::Refused { status, retry_after: None };
        let platform = FakePlatform::ready(&clock).fail(Step::CreateKey, &[failure; 10]);
        assert_eq!(run_flow(&platform, &clock).service_error(), (Step::CreateKey, failure));
        assert_eq!((platform.count(Step::CreateKey), platform.keys().len()), (1, 0));
    }
}

#[test]
fn a_call_that_is_never_answered_is_given_up() {
    let clock = FakeClock::new();
    let timeouts = Timeouts::default();

    let creation = FakePlatform::ready(&clock).slow(Step::CreateKey, Duration::MAX);
    let story = run_flow(&creation, &clock);
    assert!(matches!(story.outcome, Err(ProvisionError::OutcomeUnknown { .. })), "{:?}", story.outcome);
    assert_eq!((story.took, creation.count(Step::CreateKey)), (timeouts.call, 1));

    let login = FakePlatform::ready(&clock).slow(Step::Login, Duration::MAX);
    let story = run_flow(&login, &clock);
    assert_eq!(story.service_error(), (Step::Login, ServiceErrorKind::TimedOut));
    assert_eq!(login.count(Step::Login), 2);
    assert!(story.took <= timeouts.step);
}

#[test]
fn a_request_that_is_due_when_all_time_is_up_is_sent_once_and_not_again() {
    let clock = FakeClock::new();
    let slow = || FakePlatform::ready(&clock).slow(Step::Login, Duration::from_secs(30));
    let slow_sign_in = |platform: &FakePlatform, total| {
        let auth_server = FakeAuthServer::new(&clock).latency(Duration::from_secs(30)).fail(too_many(0));
        let mut plan = Plan::named("my key");
        plan.timeouts.total = Duration::from_secs(total);
        run_flow_with(&auth_server, platform, &clock, &plan)
    };

    let platform = slow().fail(Step::Login, &[UNAVAILABLE]);
    assert!(slow_sign_in(&platform, 125).outcome.is_ok());
    for (total, tries) in [(125, 1), (300, 2)] {
        let platform = slow().fail(Step::Login, &[UNAVAILABLE]).fail(Step::CreateKey, &[too_many(0)]);
        let story = slow_sign_in(&platform, total);
        assert_eq!((platform.count(Step::CreateKey), story.outcome.is_ok()), (tries, tries == 2));
    }
    let platform = slow().fail(Step::Login, &[UNAVAILABLE]);
    assert_eq!(slow_sign_in(&platform, 65).service_error(), (Step::Login, UNAVAILABLE));
}

#[test]
fn the_time_for_looking_is_none_of_that_for_the_other_steps() {
    let clock = FakeClock::new();
    let platform = FakePlatform::ready(&clock)
        .projects_ready_after(Duration::from_secs(50))
        .fail(Step::CreateKey, &[too_many(0)]);
    let mut plan = Plan::named("my key");
    plan.timeouts.total = plan.timeouts.call + Duration::from_secs(5);
    let story = run_flow_with(&FakeAuthServer::new(&clock), &platform, &clock, &plan);
    assert!(story.outcome.is_ok() && story.took > plan.timeouts.total, "{:?}", story.outcome);
}
