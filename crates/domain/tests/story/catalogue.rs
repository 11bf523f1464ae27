//! The complete catalogue, for the user to see or to choose from.

use crate::support::{FORBIDDEN, REDIRECTED, UNAUTHORIZED, UNAVAILABLE, only_in, too_many};
use keymint_domain::testing::{FakeAuthServer, FakeClock, FakePlatform, granted, organization, project};
use keymint_domain::{
    Catalogue, Clock, Event, Plan, PollPolicy, Ports, ProvisionError, Provisioner, ServiceErrorKind, Step,
};
use std::sync::Mutex;
use std::time::Duration;

/// Returns the catalogue, the reported events, and the time that it took.
fn read(
    platform: &FakePlatform,
    clock: &FakeClock,
    plan: &Plan,
) -> (Result<Catalogue, ProvisionError>, Vec<Event>, Duration) {
    let auth_server = FakeAuthServer::new(clock);
    let ports = Ports { auth_server: &auth_server, platform, clock };
    let events = Mutex::default();
    let observer = |event| Vec::push(&mut events.lock().unwrap(), event);
    let provisioner = Provisioner::new(ports, plan);
    let session = clock.run(provisioner.sign_in(granted())).unwrap();
    let began = clock.now();
    let outcome = clock.run(provisioner.observed_by(&observer).list_targets(&session));
    (outcome, events.into_inner().unwrap(), clock.now().since(began))
}

/// Returns each organization's id with the ids of its projects, or the kind of the error.
fn shown(catalogue: &Catalogue) -> Vec<(&str, Result<Vec<&str>, ServiceErrorKind>)> {
    let entries = catalogue.organizations.iter().map(|entry| {
        let projects = entry.projects.as_ref().map_err(|error| error.kind);
        let ids = projects.map(|projects| projects.iter().map(|project| project.id.as_str()).collect());
        (entry.organization.id.as_str(), ids)
    });
    entries.collect()
}

#[test]
fn every_organization_is_listed_in_the_order_of_preference_with_its_projects_or_an_error() {
    let clock = FakeClock::new();
    let mut default = organization("org-default");
    default.is_default = true;
    let platform = FakePlatform::empty(&clock)
        .with(organization("org-1"), vec![project("proj_b", false), project("proj_a", true)])
        .with(organization("org-empty"), vec![])
        .with(organization("org-closed"), vec![project("proj_c", true)])
        .with(default, vec![project("proj_d", true)])
        .fail_projects_of("org-closed", &[FORBIDDEN]);

    let (outcome, events, _) = read(&platform, &clock, &Plan::named("my key"));

    let catalogue = outcome.unwrap();
    assert_eq!(
        shown(&catalogue),
        [
            ("org-default", Ok(vec!["proj_d"])),
            ("org-1", Ok(vec!["proj_b", "proj_a"])),
            ("org-empty", Ok(vec![])),
            ("org-closed", Err(FORBIDDEN)),
        ]
    );
    let targets: Vec<_> = catalogue.targets().collect();
    let ids: Vec<_> = targets.iter().map(|t| (t.organization_id.as_str(), t.project_id.as_str())).collect();
    assert_eq!(ids, [("org-default", "proj_d"), ("org-1", "proj_b"), ("org-1", "proj_a")]);
    assert_eq!(catalogue.default_candidate(), Some(0));
    assert_eq!((events, platform.count(Step::ListProjects)), (vec![], 4));
}

#[test]
fn a_new_account_has_an_empty_catalogue_and_nothing_is_waited_for() {
    let clock = FakeClock::new();
    let platform = FakePlatform::ready(&clock).organizations_ready_after(Duration::from_secs(3));

    let (outcome, _, took) = read(&platform, &clock, &Plan::named("my key"));

    assert_eq!((shown(&outcome.unwrap()), took), (vec![], Duration::ZERO));
}

#[test]
fn the_default_project_of_the_first_organization_that_has_one_is_suggested() {
    let clock = FakeClock::new();
    let mut closed = project("proj_closed", true);
    closed.disable_user_api_keys = Some(true);
    let platform = FakePlatform::empty(&clock)
        .with(organization("org-1"), vec![project("proj_a", false)])
        .with(organization("org-2"), vec![project("proj_b", false), closed, project("proj_c", true)]);

    let (outcome, ..) = read(&platform, &clock, &Plan::named("my key"));

    let catalogue = outcome.unwrap();
    let suggested = catalogue.candidates().nth(catalogue.default_candidate().unwrap()).unwrap();
    assert_eq!(suggested.project.unwrap().id.as_str(), "proj_c");
}

#[test]
fn it_is_read_concurrently_and_a_transient_failure_is_retried() {
    let clock = FakeClock::new();
    let latency = Duration::from_millis(20);
    let platform = only_in(&clock, 50, 0).latency(latency);
    let (_, _, took) = read(&platform, &clock, &Plan::named("my key"));
    assert_eq!((took, platform.in_flight_peak()), (latency * (1 + 7), 8));

    let platform = only_in(&clock, 3, 0)
        .fail(Step::ListOrganizations, &[UNAVAILABLE])
        .fail_projects_of("org-1", &[too_many(1), UNAVAILABLE]);
    let (outcome, events, _) = read(&platform, &clock, &Plan::named("my key"));
    assert!(outcome.unwrap().organizations.iter().all(|entry| entry.projects.is_ok()));
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Retrying { .. })).count(), 3);
}

#[test]
fn it_ends_with_the_time_and_keeps_what_was_read_until_then() {
    let clock = FakeClock::new();
    let platform = only_in(&clock, 100, 0).slow(Step::ListProjects, Duration::from_secs(25));
    let (outcome, _, took) = read(&platform, &clock, &Plan::named("my key"));
    let catalogue = outcome.unwrap();
    let unread = catalogue.organizations.iter().filter(|entry| entry.projects.is_err()).count();
    assert_eq!((catalogue.organizations.len(), unread), (100, 100 - 2 * 8));
    assert_eq!(took, Duration::from_secs(60));

    // Without a wait for a project, the existing ones are listed.
    let mut plan = Plan::named("my key");
    plan.polling = PollPolicy::adaptive(Duration::ZERO);
    let platform = FakePlatform::ready(&clock).latency(Duration::from_secs(1));
    let (outcome, ..) = read(&platform, &clock, &plan);
    assert_eq!(shown(&outcome.unwrap()), [("org-1", Ok(vec!["proj_1"]))]);
}

#[test]
fn it_has_an_error_only_if_no_list_of_projects_could_be_read() {
    let clock = FakeClock::new();
    let failure = |failures: [Option<ServiceErrorKind>; 2]| {
        let mut platform = only_in(&clock, 2, 0);
        for (id, failure) in ["org-0", "org-1"].into_iter().zip(failures) {
            platform =
                platform.fail_projects_of(id, &vec![failure; 10].into_iter().flatten().collect::<Vec<_>>());
        }
        read(&platform, &clock, &Plan::named("my key")).0.unwrap().error()
    };
    for failures in [[Some(FORBIDDEN), None], [None, Some(REDIRECTED)], [None, None]] {
        assert!(failure(failures).is_none(), "{failures:?}");
    }
    let refused = failure([Some(FORBIDDEN); 2]);
    assert!(matches!(refused, Some(ProvisionError::ProjectsRefused { organizations: 2 })), "{refused:?}");
    // A failure that may be temporary takes precedence over a refusal.
    for failures in [[FORBIDDEN, REDIRECTED], [REDIRECTED, FORBIDDEN], [REDIRECTED, REDIRECTED]] {
        let failed = failure(failures.map(Some));
        assert!(
            matches!(&failed, Some(ProvisionError::Service(error)) if error.kind == REDIRECTED),
            "{failed:?}"
        );
    }
    let (empty, ..) = read(&FakePlatform::empty(&clock), &clock, &Plan::named("my key"));
    assert!(empty.unwrap().error().is_none());
}

#[test]
fn without_a_session_or_the_organizations_it_is_missing() {
    let clock = FakeClock::new();
    for (step, failure) in [
        (Step::ListOrganizations, FORBIDDEN),
        (Step::ListOrganizations, UNAUTHORIZED),
        (Step::ListProjects, UNAUTHORIZED),
    ] {
        let platform = only_in(&clock, 3, 0).fail(step, &[failure; 10]);
        let (outcome, ..) = read(&platform, &clock, &Plan::named("my key"));
        let Err(ProvisionError::Service(error)) = outcome else { panic!("{outcome:?}") };
        assert_eq!((error.step, error.kind), (step, failure));
    }
}

#[test]
fn a_project_to_choose_is_waited_for_and_a_key_is_created_in_it() {
    let clock = FakeClock::new();
    let seconds = Duration::from_secs;
    for (ready_after, lists) in [(Duration::ZERO, 1), (seconds(3), 2)] {
        let (auth_server, platform) = (FakeAuthServer::new(&clock), only_in(&clock, 2, 1));
        let platform = platform.projects_ready_after(ready_after);
        let ports = Ports { auth_server: &auth_server, platform: &platform, clock: &clock };
        let plan = Plan::named("my key");
        let provisioner = Provisioner::new(ports, &plan);
        let session = clock.run(provisioner.sign_in(granted())).unwrap();
        let began = clock.now();

        let targets = clock.run(provisioner.wait_for_targets(&session)).unwrap();

        let ids: Vec<_> = targets.iter().map(|target| target.project_id.as_str()).collect();
        assert_eq!(ids, ["proj_0", "proj_1"]);
        assert!(clock.now().since(began) < ready_after + seconds(2));
        assert!(platform.count(Step::ListOrganizations) >= lists, "{ready_after:?}");

        let created = clock.run(provisioner.create_key(session, targets[1].clone())).unwrap();
        assert_eq!((created.target, platform.keys().len()), (targets[1].clone(), 1));
    }
}
