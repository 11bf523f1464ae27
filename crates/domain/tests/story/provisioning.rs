//! From the grant to the key: order, waiting, giving up, and what is told of it.

use crate::support::{
    FORBIDDEN, NO_CONNECTION, REDIRECTED, UNAUTHORIZED, UNAVAILABLE, only_in, tell, tell_with, too_many,
};
use keymint_domain::testing::{
    FakeAuthServer, FakeClock, FakePlatform, FakeSource, granted, organization, pending, project,
};
use keymint_domain::{
    Clock, Event, Moment, Observation, Plan, PollPolicy, Ports, ProvisionError, ServiceErrorKind, Step,
    Unreached, authorize, provision,
};
use std::collections::HashSet;
use std::time::Duration;

#[test]
fn a_ready_account_gets_its_key_with_one_request_of_each_kind() {
    let clock = FakeClock::new();
    let platform = FakePlatform::ready(&clock).latency(Duration::from_millis(50));
    let auth_server = FakeAuthServer::new(&clock).latency(Duration::from_millis(50));

    let mut plan = Plan::default();
    plan.app = "my app".to_owned();
    plan.key_name = "my key".to_owned();

    let story = tell_with(&auth_server, &platform, &clock, &plan);

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
fn of_50_organizations_the_default_one_is_preferred_and_the_personal_one_is_next() {
    let clock = FakeClock::new();
    let flagged = |i: usize| {
        let mut flagged = organization(&format!("org-{i}"));
        flagged.is_default = i == 49;
        flagged.personal = i == 30;
        flagged
    };
    let account = |default_has_one: bool| {
        (0..50).fold(FakePlatform::empty(&clock), |platform, i| {
            let initial = i == 30 || (i == 49 && default_has_one);
            platform.with(flagged(i), vec![project("p", initial)])
        })
    };

    let only_the_personal_one = account(false);
    assert_eq!(tell(&only_the_personal_one, &clock).organization(), "org-30");
    let first_two: Vec<_> =
        only_the_personal_one.calls().into_iter().filter_map(|call| call.organization).take(2).collect();
    assert_eq!(first_two, [flagged(49).id, flagged(30).id]);

    let both = account(true);
    assert_eq!(tell(&both, &clock).organization(), "org-49");
    assert_eq!(both.count(Step::ListProjects), 1);
}

#[test]
fn later_organizations_are_asked_side_by_side_and_no_more_than_eight_at_once() {
    let clock = FakeClock::new();
    let platform = only_in(&clock, 50, 49).latency(Duration::from_millis(20));

    let story = tell(&platform, &clock);

    assert_eq!(story.organization(), "org-49");
    assert_eq!((platform.count(Step::ListProjects), platform.in_flight_peak()), (50, 8));
    // Login, organizations, the first one's projects, 49 others in 7 groups of 8, creation.
    assert_eq!(story.took, Duration::from_millis(20) * (3 + 7 + 1));
}

#[test]
fn the_order_of_preference_stands_when_a_later_organization_answers_first() {
    let clock = FakeClock::new();
    let platform = (0..4)
        .fold(FakePlatform::empty(&clock), |platform, i| {
            platform.with(organization(&format!("org-{i}")), vec![project("p", i > 0)])
        })
        .fail_projects_of("org-1", &[UNAVAILABLE]);

    assert_eq!(tell(&platform, &clock).organization(), "org-1");
}

#[test]
fn a_project_that_takes_12_s_is_found_about_a_second_after_it_exists() {
    let clock = FakeClock::new();
    let ready = Duration::from_secs(12);
    let platform = FakePlatform::ready(&clock).projects_ready_after(ready);

    let story = tell(&platform, &clock);

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
        let story = tell(platform, &clock);
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

    let story = tell(&platform, &clock);

    assert!(story.outcome.is_ok());
}

#[test]
fn the_reference_schedule_looks_seven_times_a_minute() {
    let clock = FakeClock::new();
    let platform = FakePlatform::empty(&clock);
    let mut plan = Plan::default();
    plan.polling = PollPolicy::fixed(Duration::from_secs(10), Duration::from_secs(60));

    let story = tell_with(&FakeAuthServer::new(&clock), &platform, &clock, &plan);

    assert!(matches!(
        story.outcome,
        Err(ProvisionError::NoDefaultProject { last: Observation::NoOrganization, .. })
    ));
    assert_eq!(platform.count(Step::ListOrganizations), 7);
}

#[test]
fn a_look_is_cut_at_the_deadline_and_the_last_one_4_s_later() {
    let clock = FakeClock::new();
    let platform = FakePlatform::ready(&clock).slow(Step::ListProjects, Duration::from_secs(70));

    let story = tell(&platform, &clock);

    assert_eq!(story.service_error(), (Step::ListProjects, ServiceErrorKind::TimedOut));
    assert_eq!(story.took, Duration::from_secs(64));
}

#[test]
fn every_run_ends_within_5_s_of_its_deadline_however_slow_and_many_the_organizations() {
    let clock = FakeClock::new();
    let platform = only_in(&clock, 1000, usize::MAX).latency(Duration::from_secs(3));

    let story = tell(&platform, &clock);

    assert!(story.outcome.is_err());
    assert!(story.took < Duration::from_secs(3 + 60 + 5), "{:?}", story.took);
    assert_eq!(platform.in_flight_peak(), 8);
}

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
        let story = tell(&platform, &clock);
        assert!(story.outcome.is_ok(), "{failures:?}: {:?}", story.outcome);
        let retries = story.events.iter().filter(|event| matches!(event, Event::Retrying { .. })).count();
        assert_eq!(retries, failures.len());
    }
}

#[test]
fn retry_after_is_kept_and_ends_the_flow_where_it_cannot_be_waited_for() {
    let clock = FakeClock::new();
    let platform = FakePlatform::ready(&clock).fail(Step::ListOrganizations, &[too_many(7)]);
    assert!(tell(&platform, &clock).took >= Duration::from_secs(7));

    let platform = FakePlatform::ready(&clock).fail(Step::ListOrganizations, &[too_many(99_999)]);
    let story = tell(&platform, &clock);
    assert_eq!(story.service_error(), (Step::ListOrganizations, too_many(99_999)));
    assert_eq!((story.took, platform.count(Step::ListOrganizations)), (Duration::ZERO, 1));
}

#[test]
fn retry_after_is_kept_from_one_look_to_the_next() {
    let clock = FakeClock::new();
    let seven = Duration::from_secs(7);
    let platform = FakePlatform::ready(&clock).fail(Step::ListProjects, &[too_many(7); 6]);

    assert!(tell(&platform, &clock).outcome.is_ok());

    let calls: Vec<_> = platform.calls().into_iter().filter(|call| call.step == Step::ListProjects).collect();
    assert_eq!(calls.len(), 7);
    assert!(calls.windows(2).all(|pair| pair[1].at.since(pair[0].at) >= seven), "{calls:?}");
}

#[test]
fn a_server_that_asks_for_no_wait_is_not_flooded() {
    let clock = FakeClock::new();
    let platform = FakePlatform::ready(&clock).fail(Step::ListOrganizations, &[too_many(0); 1000]);

    assert!(tell(&platform, &clock).outcome.is_err());

    let requests = platform.count(Step::ListOrganizations);
    assert!(requests < 40, "{requests} requests in a minute");
}

#[test]
fn organizations_that_fail_together_are_asked_again_one_by_one() {
    let clock = FakeClock::new();
    let platform = (0..9).fold(only_in(&clock, 9, 8), |platform, i| {
        platform.fail_projects_of(&format!("org-{i}"), &[UNAVAILABLE])
    });

    assert_eq!(tell(&platform, &clock).organization(), "org-8");

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

    let story = tell(&platform, &clock);

    assert!(
        !story.events.iter().any(|event| matches!(event, Event::OrganizationSkipped { .. })),
        "{:?}",
        story.events
    );
    // One alone, twice eight side by side, and then the time is up; the last look ends with eight.
    assert_eq!(platform.count(Step::ListProjects), 1 + 2 * 8 + 8);
}

#[test]
fn lists_that_fail_until_the_time_is_up_end_with_the_last_failure() {
    let clock = FakeClock::new();
    for failure in [NO_CONNECTION, UNAVAILABLE] {
        let platform = FakePlatform::ready(&clock).fail(Step::ListOrganizations, &vec![failure; 1000]);
        let story = tell(&platform, &clock);
        assert_eq!(story.service_error(), (Step::ListOrganizations, failure));
        assert_eq!(story.took, Duration::from_secs(60));
    }
}

#[test]
fn what_waiting_cannot_mend_ends_the_flow_at_once() {
    let clock = FakeClock::new();
    for (step, failure) in [
        (Step::Login, UNAUTHORIZED),
        (Step::ListOrganizations, UNAUTHORIZED),
        (Step::ListOrganizations, FORBIDDEN),
        (Step::ListOrganizations, ServiceErrorKind::NotSent(Unreached::Tls)),
        (Step::ListProjects, UNAUTHORIZED),
        (Step::ListProjects, REDIRECTED),
    ] {
        let platform = FakePlatform::ready(&clock).fail(step, &[failure; 10]);
        let story = tell(&platform, &clock);
        assert_eq!(story.service_error(), (step, failure));
        assert_eq!((story.took, platform.count(step)), (Duration::ZERO, 1));
    }
}

#[test]
fn an_organization_whose_projects_are_refused_is_passed_over_and_told_once() {
    let clock = FakeClock::new();
    let platform = only_in(&clock, 3, 2)
        .fail_projects_of("org-0", &[FORBIDDEN; 10])
        .projects_ready_after(Duration::from_secs(3));

    let story = tell(&platform, &clock);

    assert_eq!(story.organization(), "org-2");
    let skipped: Vec<_> =
        story.events.iter().filter(|event| matches!(event, Event::OrganizationSkipped { .. })).collect();
    assert_eq!(skipped, [&Event::OrganizationSkipped { id: organization("org-0").id, reason: FORBIDDEN }]);
}

#[test]
fn a_list_that_was_not_read_whole_is_told_once_for_each_step() {
    let clock = FakeClock::new();
    for step in [Step::ListOrganizations, Step::ListProjects] {
        for (skipped, cut, times) in [(0, false, 0), (1, false, 1), (0, true, 1), (2, true, 1)] {
            let platform = only_in(&clock, 3, 2)
                .incomplete(step, skipped, cut)
                .projects_ready_after(Duration::from_secs(3));
            let mut told = tell(&platform, &clock).events;
            told.retain(|event| matches!(event, Event::ListIncomplete { .. }));
            assert_eq!(told, vec![Event::ListIncomplete { step, skipped, cut }; times]);
        }
    }
}

#[test]
fn when_every_organization_refuses_the_last_observation_says_so() {
    let clock = FakeClock::new();
    let platform = only_in(&clock, 2, 0).fail(Step::ListProjects, &[FORBIDDEN; 1000]);

    let story = tell(&platform, &clock);

    let Err(ProvisionError::NoDefaultProject { last, .. }) = story.outcome else {
        panic!("{:?}", story.outcome)
    };
    assert_eq!(last, Observation::ProjectsRefused { organizations: 2 });
}

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
        let story = tell_with(&auth_server, &platform, &clock, &Plan::default());
        assert_eq!((auth_server.exchanges(), story.outcome.is_ok()), (exchanges, succeeds), "{failures:?}");
        assert_eq!(platform.count(Step::Login), usize::from(succeeds));
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
        assert!(tell(&platform, &clock).outcome.is_ok());
        assert_eq!((platform.count(Step::CreateKey), platform.keys().len()), (creations, 1));
    }
}

#[test]
fn a_lost_answer_to_the_creation_is_told_and_never_repeated() {
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
        let story = tell(&platform, &clock);
        let Err(ProvisionError::OutcomeUnknown { target, key_name, cause }) = story.outcome else {
            panic!("{failure:?}: {:?}", story.outcome);
        };
        assert_eq!(
            (target.organization_id.as_str(), key_name.as_str(), cause.kind),
            ("org-1", "Codex CLI", failure)
        );
        assert_eq!((platform.count(Step::CreateKey), platform.keys().len()), (1, 1), "{failure:?}");
    }
}

#[test]
fn nothing_that_cannot_be_repeated_is_begun_without_the_time_to_end_it() {
    let clock = FakeClock::new();
    // After such a wait, less than the time of a call would be left.
    let late = [too_many(60)];
    let platform = FakePlatform::ready(&clock).fail(Step::CreateKey, &late);
    assert_eq!(tell(&platform, &clock).service_error(), (Step::CreateKey, late[0]));
    assert_eq!((platform.count(Step::CreateKey), platform.keys().len()), (1, 0));

    let auth_server = FakeAuthServer::new(&clock).fail(late[0]);
    let story = tell_with(&auth_server, &FakePlatform::ready(&clock), &clock, &Plan::default());
    assert_eq!((story.service_error(), auth_server.exchanges()), ((Step::ExchangeCode, late[0]), 1));
}

#[test]
fn it_is_told_when_a_creation_is_under_way_and_when_not_any_more() {
    let clock = FakeClock::new();
    let platform = FakePlatform::ready(&clock).fail(Step::CreateKey, &[NO_CONNECTION]);

    let events = tell(&platform, &clock).events;

    let told: Vec<_> =
        events.iter().skip_while(|event| !matches!(event, Event::TargetSelected(_))).skip(1).collect();
    assert!(
        matches!(
            told[..],
            [
                Event::CreationRequested,
                Event::Retrying { step: Step::CreateKey, .. },
                Event::CreationRequested
            ]
        ),
        "{told:?}"
    );
}

#[test]
fn a_refused_creation_is_a_definite_no() {
    let clock = FakeClock::new();
    for status in [400, 401, 403, 404, 409, 422] {
        let failure = ServiceErrorKind::Refused { status, retry_after: None };
        let platform = FakePlatform::ready(&clock).fail(Step::CreateKey, &[failure; 10]);
        assert_eq!(tell(&platform, &clock).service_error(), (Step::CreateKey, failure));
        assert_eq!((platform.count(Step::CreateKey), platform.keys().len()), (1, 0));
    }
}

#[test]
fn a_call_that_is_never_answered_is_given_up() {
    let clock = FakeClock::new();
    let Plan { call_timeout, step_timeout, .. } = Plan::default();

    let creation = FakePlatform::ready(&clock).slow(Step::CreateKey, Duration::MAX);
    let story = tell(&creation, &clock);
    assert!(matches!(story.outcome, Err(ProvisionError::OutcomeUnknown { .. })), "{:?}", story.outcome);
    assert_eq!((story.took, creation.count(Step::CreateKey)), (call_timeout, 1));

    let login = FakePlatform::ready(&clock).slow(Step::Login, Duration::MAX);
    let story = tell(&login, &clock);
    assert_eq!(story.service_error(), (Step::Login, ServiceErrorKind::TimedOut));
    assert_eq!(login.count(Step::Login), 2);
    assert!(story.took <= step_timeout);
}

#[test]
fn what_is_due_when_all_time_is_up_is_sent_once_and_nothing_again() {
    let clock = FakeClock::new();
    let slow = || FakePlatform::ready(&clock).slow(Step::Login, Duration::from_secs(30));
    let slow_sign_in = |platform: &FakePlatform, total| {
        let auth_server = FakeAuthServer::new(&clock).latency(Duration::from_secs(30)).fail(too_many(0));
        let mut plan = Plan::default();
        plan.total_timeout = Duration::from_secs(total);
        tell_with(&auth_server, platform, &clock, &plan)
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
    let mut plan = Plan::default();
    plan.total_timeout = plan.call_timeout + Duration::from_secs(5);
    let story = tell_with(&FakeAuthServer::new(&clock), &platform, &clock, &plan);
    assert!(story.outcome.is_ok() && story.took > plan.total_timeout, "{:?}", story.outcome);
}

#[test]
fn nobody_comes_back_for_15_minutes() {
    let clock = FakeClock::new();
    let patience = Duration::from_secs(15 * 60);

    let outcome = clock.run(authorize(&clock, &mut FakeSource::silent(&clock), pending(), patience));

    assert_eq!(outcome.unwrap_err().to_string(), "nobody came back from the browser within 15 min");
    assert_eq!(clock.now(), Moment::ORIGIN + patience);
}

#[test]
fn the_first_answer_with_the_right_state_decides() {
    let clock = FakeClock::new();
    let come_back = |targets: &[&str]| {
        let mut source = FakeSource::after(&clock, Duration::from_secs(20), targets);
        clock.run(authorize(&clock, &mut source, pending(), Duration::from_secs(60)))
    };
    let strays = ["/favicon.ico", "/cancel", "/auth/callback?code=X&state=foreign", "/auth/callback?error=x"];

    let granted = come_back(&[strays.as_slice(), &["/auth/callback?code=C&state=STATE"]].concat());
    assert_eq!(granted.unwrap().code().expose(), "C");

    let denied = come_back(&["/auth/callback?error=access_denied&error_description=no%E2%80%AE&state=STATE"]);
    assert_eq!(denied.unwrap_err().to_string(), r"the sign-in was refused: access_denied: no\u{202e}");

    assert!(matches!(come_back(&["/auth/callback?state=STATE"]), Err(ProvisionError::MalformedResponse)));
    let foreign_issuer = "/auth/callback?code=C&iss=https://evil.example&state=STATE";
    assert!(matches!(come_back(&[foreign_issuer]), Err(ProvisionError::IssuerMismatch)));
    assert!(matches!(come_back(&strays), Err(ProvisionError::NoResponse(_))));
}

#[test]
fn the_futures_of_a_flow_can_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let clock = FakeClock::new();
    let (auth_server, platform) = (FakeAuthServer::new(&clock), FakePlatform::ready(&clock));
    let ports = Ports { auth_server: &auth_server, platform: &platform, clock: &clock };
    let mut source = FakeSource::silent(&clock);
    let plan = Plan::default();
    is_send(&provision(ports, &plan, granted(), &keymint_domain::ignore));
    is_send(&authorize(&clock, &mut source, pending(), Duration::ZERO));
}
