//! The selection by a name that the user gives.

use crate::support::{FORBIDDEN, UNAVAILABLE, choose};
use keymint_domain::testing::{FakeClock, FakePlatform, organization, project};
use keymint_domain::{
    Clock, Event, Moment, Observation, Organization, Project, Reason, ServiceErrorKind, Step, Title,
};
use std::time::Duration;

fn titled(id: &str, title: &str) -> Organization {
    let mut organization = organization(id);
    organization.title = Some(Title::new(title));
    organization
}

fn named(id: &str, title: &str) -> Project {
    let mut project = project(id, false);
    project.title = Some(Title::new(title));
    project
}

/// Returns three organizations. The second is the user's default one, and only the third has a "Lab".
fn account(clock: &FakeClock) -> FakePlatform {
    let mut acme = titled("org-acme", "Acme");
    acme.is_default = true;
    FakePlatform::empty(clock)
        .with(titled("org-own", "Me"), vec![project("proj_own", true), named("proj_own_web", "Web")])
        .with(acme, vec![project("proj_acme", true), named("proj_acme_web", "Web")])
        .with(titled("org-uni", "University"), vec![project("proj_uni", true), named("proj_lab", "Lab")])
}

#[test]
fn a_target_is_found_by_its_id_or_its_title() {
    let clock = FakeClock::new();
    for (organization, project, expected) in [
        ("", "", ("org-acme", "proj_acme")),
        ("org-uni", "", ("org-uni", "proj_uni")),
        ("University", "", ("org-uni", "proj_uni")),
        ("Me", "Web", ("org-own", "proj_own_web")),
        ("org-own", "proj_own_web", ("org-own", "proj_own_web")),
        ("", "proj_own_web", ("org-own", "proj_own_web")),
        ("", "Lab", ("org-uni", "proj_lab")),
        ("", "proj_lab", ("org-uni", "proj_lab")),
    ] {
        let platform = account(&clock);
        let story = choose(&platform, &clock, organization, project);
        assert_eq!(story.target(), expected, "{organization:?} {project:?}");
        assert_eq!(story.took, Duration::ZERO);
    }
}

#[test]
fn only_the_named_organization_is_asked_for_its_projects() {
    let clock = FakeClock::new();
    for project in ["", "Lab", "proj_lab"] {
        let platform = account(&clock);
        assert!(choose(&platform, &clock, "University", project).outcome.is_ok());
        let asked: Vec<_> = platform
            .calls()
            .into_iter()
            .filter(|call| call.step == Step::ListProjects)
            .map(|call| call.organization.unwrap().to_string())
            .collect();
        assert_eq!(asked, ["org-uni"]);
    }
}

#[test]
fn an_id_is_certain_as_soon_as_it_is_seen_and_a_title_only_at_the_end() {
    let clock = FakeClock::new();
    let lists_read = |project| {
        let platform = account(&clock);
        let _ = choose(&platform, &clock, "", project);
        platform.count(Step::ListProjects)
    };
    assert_eq!((lists_read("proj_acme_web"), lists_read("Lab")), (1, 3));
}

#[test]
fn an_id_goes_before_a_title_of_an_earlier_organization() {
    let clock = FakeClock::new();
    let platform = FakePlatform::empty(&clock)
        .with(organization("org-1"), vec![named("proj_1", "proj_2")])
        .with(organization("org-2"), vec![named("proj_2", "Two")]);
    assert_eq!(choose(&platform, &clock, "", "proj_2").target(), ("org-2", "proj_2"));
}

#[test]
fn an_unknown_name_ends_the_flow_at_once_with_the_choices() {
    let clock = FakeClock::new();
    let organizations = vec![("org-acme", ""), ("org-own", ""), ("org-uni", "")];
    let of_acme = vec![("org-acme", "proj_acme"), ("org-acme", "proj_acme_web")];
    let of_others = [
        ("org-own", "proj_own"),
        ("org-own", "proj_own_web"),
        ("org-uni", "proj_uni"),
        ("org-uni", "proj_lab"),
    ];
    let all = [&of_acme[..], &of_others].concat();
    for (organization, project, words, choices, lists_read) in [
        ("Initech", "Web", r#"there is no organization "Initech""#, organizations, 0),
        ("Acme", "Lab", r#"there is no project "Lab""#, of_acme, 1),
        ("", "Shed", r#"there is no project "Shed""#, all, 3),
    ] {
        let platform = account(&clock);
        let story = choose(&platform, &clock, organization, project);
        assert_eq!(story.target_error(), (words.to_owned(), choices));
        assert_eq!((story.took, platform.count(Step::ListProjects)), (Duration::ZERO, lists_read));
    }
}

#[test]
fn a_title_that_several_have_is_ambiguous_and_no_key_is_made() {
    let clock = FakeClock::new();
    for (organization, project, words, choices) in [
        ("Acme", "", r#"there is more than one organization "Acme""#, [("org-acme", ""), ("org-2", "")]),
        (
            "",
            "Web",
            r#"there is more than one project "Web""#,
            [("org-acme", "proj_acme_web"), ("org-own", "proj_own_web")],
        ),
    ] {
        let platform = account(&clock).with(titled("org-2", "Acme"), vec![]);
        let story = choose(&platform, &clock, organization, project);
        assert_eq!(story.target_error(), (words.to_owned(), choices.to_vec()));
        assert!(platform.keys().is_empty());
    }
}

#[test]
fn an_empty_list_is_waited_for() {
    let clock = FakeClock::new();
    let soon = Duration::from_secs(5);
    for (organization, project, expected) in [
        ("University", "", ("org-uni", "proj_uni")),
        ("University", "Lab", ("org-uni", "proj_lab")),
        ("", "Lab", ("org-uni", "proj_lab")),
    ] {
        for platform in
            [account(&clock).organizations_ready_after(soon), account(&clock).projects_ready_after(soon)]
        {
            let story = choose(&platform, &clock, organization, project);
            assert_eq!(story.target(), expected);
            assert!(story.took >= soon && story.took < soon * 2, "{:?}", story.took);
        }
    }
}

#[test]
fn a_named_organization_without_a_default_project_gives_its_only_one_and_is_not_waited_for() {
    let clock = FakeClock::new();
    let platform = account(&clock).with(titled("org-new", "New"), vec![named("proj_new", "Web")]);
    let story = choose(&platform, &clock, "New", "");
    assert_eq!((story.target(), story.took), (("org-new", "proj_new"), Duration::ZERO));

    let projects = vec![named("proj_web", "Web"), named("proj_app", "App")];
    let story = choose(&account(&clock).with(titled("org-new", "New"), projects), &clock, "New", "");
    let (words, choices) = story.target_error();
    assert_eq!((words.as_str(), choices.len()), (r#"organization "New" has no default project"#, 2));
    assert_eq!(story.took, Duration::ZERO);
}

#[test]
fn a_project_that_an_empty_list_may_yet_have_is_waited_for_and_then_reported_with_the_choices() {
    let clock = FakeClock::new();
    let platform = account(&clock).with(titled("org-new", "New"), vec![]);

    let story = choose(&platform, &clock, "", "Shed");

    let (words, choices) = story.target_error();
    assert_eq!((words.as_str(), choices.len()), (r#"there is no project "Shed""#, 6));
    assert_eq!(story.took, Duration::from_secs(60));
    assert!(story.events.iter().any(|event| matches!(event, Event::WaitingForProject { .. })));

    let nothing_at_all = FakePlatform::empty(&clock).with(titled("org-new", "New"), vec![]);
    let story = choose(&nothing_at_all, &clock, "", "Shed");
    assert_eq!(story.last_observation(), Observation::NoDefaultProject { organizations: 1, projects: 0 });
}

#[test]
fn a_list_that_cannot_be_read_is_skipped_and_an_answer_says_so() {
    let clock = FakeClock::new();
    let forbidden = || account(&clock).fail_projects_of("org-own", &[FORBIDDEN; 10]);

    // The list that cannot be read may contain another one, as the warning says.
    let story = choose(&forbidden(), &clock, "", "Web");
    assert_eq!(story.target(), ("org-acme", "proj_acme_web"));
    let skipped = Event::OrganizationSkipped {
        id: organization("org-own").id,
        kind: FORBIDDEN,
        reason: Reason::Forbidden,
    };
    assert!(story.events.contains(&skipped));

    let story = choose(&forbidden(), &clock, "", "Shed");
    assert_eq!(
        story.target_error().0,
        r#"there is no project "Shed" in the lists that were read; one list could not be read completely"#
    );
    assert_eq!(story.took, Duration::ZERO);
}

#[test]
fn a_list_that_fails_may_have_what_is_named_and_is_asked_again() {
    let clock = FakeClock::new();
    let failing = |times| account(&clock).fail_projects_of("org-uni", &vec![UNAVAILABLE; times]);

    assert_eq!(choose(&failing(6), &clock, "", "Lab").target(), ("org-uni", "proj_lab"));

    let odd = account(&clock).fail_projects_of("org-uni", &[ServiceErrorKind::OutOfContract; 10]);
    for (platform, ended_after) in [(failing(1000), 60..61), (odd, 0..10)] {
        let story = choose(&platform, &clock, "", "Lab");
        assert!(story.target_error().0.ends_with("one list could not be read completely"));
        assert!(ended_after.contains(&story.took.as_secs()), "{:?}", story.took);
    }
}

#[test]
fn lists_that_are_cut_short_by_the_time_prove_nothing_about_a_title() {
    let clock = FakeClock::new();
    let platform = (0..1000)
        .fold(FakePlatform::empty(&clock), |platform, i| {
            platform.with(organization(&format!("org-{i}")), vec![named(&format!("proj_{i}"), "Web")])
        })
        .slow(Step::ListProjects, Duration::from_secs(3));
    for name in ["Web", "Shed"] {
        let story = choose(&platform, &clock, "", name);
        assert_eq!(story.service_error(), (Step::ListProjects, ServiceErrorKind::TimedOut));
        assert!(platform.keys().is_empty());
    }
}

#[test]
fn a_named_project_of_an_organization_that_shows_none_is_waited_for() {
    let clock = FakeClock::new();
    let platform = account(&clock).fail(Step::ListProjects, &[FORBIDDEN; 1000]);

    let story = choose(&platform, &clock, "Acme", "Web");

    assert_eq!(story.last_observation(), Observation::ProjectsRefused { organizations: 1 });
    assert!(clock.now() > Moment::ORIGIN);
}
