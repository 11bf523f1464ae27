//! The policies, roles and onboarding of an account, which the platform reports before a key is requested.

use crate::support::{FORBIDDEN, Story, UNAVAILABLE, choose, run_flow};
use keymint_domain::testing::{FakeClock, FakePlatform, organization, project};
use keymint_domain::{
    Event, Observation, Organization, PolicyOwner, Project, ProvisionError, Reason, Role, ServiceErrorKind,
    Step,
};
use std::time::Duration;

fn default_organization(id: &str) -> Organization {
    let mut organization = organization(id);
    organization.is_default = true;
    organization
}

fn refusing(organization: Organization) -> Organization {
    let mut organization = organization;
    organization.disable_user_api_keys = Some(true);
    organization
}

fn refusing_project(id: &str) -> Project {
    let mut project = project(id, true);
    project.disable_user_api_keys = Some(true);
    project
}

/// Returns the ids of the skipped organizations and projects.
fn skipped(story: &Story) -> Vec<(&str, Option<&str>)> {
    let skipped = story.events.iter().filter_map(|event| match event {
        Event::TargetSkipped(candidate) => Some(candidate),
        _ => None,
    });
    let ids = skipped.map(|candidate| {
        (candidate.organization.id.as_str(), candidate.project.as_ref().map(|project| project.id.as_str()))
    });
    ids.collect()
}

/// The default organization refuses keys of users, and another one has a project that does.
fn account(clock: &FakeClock) -> FakePlatform {
    FakePlatform::empty(clock)
        .with(refusing(default_organization("org-firm")), vec![project("proj_firm", true)])
        .with(organization("org-lab"), vec![refusing_project("proj_lab")])
        .with(organization("org-club"), vec![project("proj_club", true)])
}

#[test]
fn a_target_that_certainly_refuses_is_skipped_and_the_first_one_is_reported() {
    let clock = FakeClock::new();
    let story = run_flow(&account(&clock), &clock);
    assert_eq!(story.target(), ("org-club", "proj_club"));
    assert_eq!(skipped(&story), [("org-firm", None)]);

    let platform = FakePlatform::empty(&clock)
        .with(default_organization("org-lab"), vec![refusing_project("proj_lab")])
        .with(organization("org-club"), vec![project("proj_club", true)]);
    let story = run_flow(&platform, &clock);
    assert_eq!(story.target(), ("org-club", "proj_club"));
    assert_eq!(skipped(&story), [("org-lab", Some("proj_lab"))]);
}

#[test]
fn a_target_that_refuses_is_skipped_without_a_word_if_it_was_not_preferred() {
    let clock = FakeClock::new();
    let platform = FakePlatform::empty(&clock)
        .with(refusing(organization("org-firm")), vec![project("proj_firm", true)])
        .with(default_organization("org-own"), vec![project("proj_own", true)]);
    let story = run_flow(&platform, &clock);
    assert_eq!((story.target(), skipped(&story)), (("org-own", "proj_own"), vec![]));
    assert_eq!(platform.count(Step::ListProjects), 1);
}

#[test]
fn a_named_target_is_selected_although_it_refuses() {
    let clock = FakeClock::new();
    for (organization, project, expected) in [
        ("org-firm", "", ("org-firm", "proj_firm")),
        ("org-lab", "", ("org-lab", "proj_lab")),
        ("org-lab", "proj_lab", ("org-lab", "proj_lab")),
        ("", "proj_lab", ("org-lab", "proj_lab")),
        ("", "proj_club", ("org-club", "proj_club")),
    ] {
        let story = choose(&account(&clock), &clock, organization, project);
        assert_eq!((story.target(), skipped(&story)), (expected, vec![]), "{organization} {project}");
    }
}

#[test]
fn of_targets_that_all_refuse_the_preferred_one_is_selected_at_once() {
    let clock = FakeClock::new();
    let firm = || (refusing(default_organization("org-firm")), vec![project("proj_firm", true)]);
    let lab = || (organization("org-lab"), vec![refusing_project("proj_lab")]);
    let other = || (refusing(organization("org-other")), vec![project("proj_other", true)]);
    for (organizations, expected, lists) in [
        (vec![firm()], ("org-firm", "proj_firm"), 1),
        (vec![other(), firm()], ("org-firm", "proj_firm"), 1),
        // Its organization does not refuse keys, so it ranks first.
        (vec![firm(), lab()], ("org-lab", "proj_lab"), 2),
        (vec![lab()], ("org-lab", "proj_lab"), 1),
    ] {
        let platform = organizations
            .into_iter()
            .fold(FakePlatform::empty(&clock), |platform, (organization, projects)| {
                platform.with(organization, projects)
            });
        let story = run_flow(&platform, &clock);
        assert_eq!((story.target(), skipped(&story)), (expected, vec![]));
        assert_eq!((story.took, platform.count(Step::ListProjects)), (Duration::ZERO, lists));
    }
}

#[test]
fn a_list_that_cannot_be_read_does_not_hide_a_target_that_refuses() {
    let clock = FakeClock::new();
    for failure in [FORBIDDEN, ServiceErrorKind::OutOfContract, UNAVAILABLE] {
        let platform = FakePlatform::empty(&clock)
            .with(organization("org-lab"), vec![refusing_project("proj_lab")])
            .with(organization("org-club"), vec![project("proj_club", true)])
            .fail_projects_of("org-club", &[failure; 1000]);
        assert_eq!(run_flow(&platform, &clock).target(), ("org-lab", "proj_lab"));
    }
}

#[test]
fn a_refused_creation_has_the_reason_that_is_known_of_its_target() {
    let clock = FakeClock::new();
    let mut reader = organization("org-1");
    reader.role = Some(Role::Reader);
    let mut owner = organization("org-1");
    owner.role = Some(Role::Owner);
    for (organization, project, status, reason) in [
        (refusing(organization("org-1")), project("proj_1", true), 403, Reason::Policy),
        (refusing(reader.clone()), project("proj_1", true), 400, Reason::Policy),
        (reader.clone(), refusing_project("proj_1"), 403, Reason::Policy),
        (reader.clone(), project("proj_1", true), 403, Reason::Role),
        (reader.clone(), project("proj_1", true), 400, Reason::Policy),
        (reader, project("proj_1", true), 404, Reason::NotFound),
        (owner, project("proj_1", true), 403, Reason::Policy),
        (organization("org-1"), project("proj_1", true), 403, Reason::Forbidden),
        (organization("org-1"), project("proj_1", true), 400, Reason::Policy),
    ] {
        let refusal = ServiceErrorKind::Refused { status, retry_after: None };
        let platform = FakePlatform::empty(&clock)
            .with(organization.clone(), vec![project.clone()])
            .fail(Step::CreateKey, &[refusal]);
        let story = run_flow(&platform, &clock);
        assert_eq!(story.service_error(), (Step::CreateKey, refusal));
        let error = story.outcome.unwrap_err();
        assert_eq!(error.reason(), Some(reason), "{status} {organization:?} {project:?}");
    }
}

#[test]
fn a_target_carries_the_owner_of_the_policy_that_disables_keys() {
    let clock = FakeClock::new();
    for (name, owner) in
        [("org-firm", Some(PolicyOwner::Organization)), ("org-lab", Some(PolicyOwner::Project)), ("", None)]
    {
        let story = choose(&account(&clock), &clock, name, "");
        assert_eq!(story.outcome.unwrap().target.keys_disabled_by, owner);
    }
}

#[test]
fn an_account_that_was_not_set_up_is_reported_at_the_first_look_and_waited_for() {
    let clock = FakeClock::new();
    let not_set_up = || {
        let mut own = organization("org-own");
        own.personal = true;
        own.completed_platform_onboarding = Some(false);
        own
    };
    let observed = Observation::NotOnboarded { organizations: 1, projects: 0 };
    let waiting = Event::WaitingForProject { observed, retry_in: Duration::from_millis(500) };

    let platform = FakePlatform::empty(&clock)
        .with(not_set_up(), vec![project("proj_own", true)])
        .projects_ready_after(Duration::from_secs(5));
    let story = run_flow(&platform, &clock);
    assert_eq!(story.target(), ("org-own", "proj_own"));
    assert!(story.events.contains(&waiting), "{:?}", story.events);

    let platform = FakePlatform::empty(&clock).with(not_set_up(), vec![]);
    let story = run_flow(&platform, &clock);
    assert_eq!((story.last_observation(), story.took), (observed, Duration::from_secs(60)));
    assert!(story.events.contains(&waiting), "{:?}", story.events);
    let error = story.outcome.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::NotOnboarded));
    assert!(matches!(error, ProvisionError::NoDefaultProject { .. }));

    let platform = FakePlatform::empty(&clock).with(not_set_up(), vec![project("proj_own", true)]);
    assert!(run_flow(&platform, &clock).outcome.is_ok());
}
