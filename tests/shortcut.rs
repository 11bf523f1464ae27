//! The organizations and projects in the login's answer, which spare the requests for lists.

use crate::sources::root;
use crate::support::{Ended, create};
use keymint_sandbox::{LoginLists, NamedScenario, Organization, Project, Scenario};
use std::fs;

/// Returns an account of this many organizations, the last of which is the default one.
fn account(organizations: usize, login_lists: LoginLists) -> Scenario {
    let numbered = (1..organizations).map(Organization::numbered);
    let default = Organization::new("org-default")
        .as_default()
        .with_project(Project::new("proj_web"))
        .with_project(Project::new("proj_default").as_initial());
    Scenario::of(numbered.chain([default])).login_lists(login_lists)
}

/// The number of requests up to the creation, apart from the browser's.
fn requests(ended: &Ended) -> usize {
    let requests = ended.sandbox.requests();
    requests
        .iter()
        .filter(|request| !request.path.starts_with("/oauth/") || request.path == "/oauth/token")
        .count()
}

#[tokio::test]
async fn a_login_that_settles_the_project_makes_a_run_of_three_requests() {
    let names = ["--organization", "org-default", "--project", "proj_web"];
    for (organizations, args, project) in
        [(1, &[][..], "proj_default"), (50, &[], "proj_default"), (50, &names, "proj_web")]
    {
        let scenario = account(organizations, LoginLists::Complete);
        let ended = create(scenario).args(["--json"]).args(args).sign_in().await.exits_with(0);
        assert_eq!(ended.json()["project"]["id"], project);
        assert_eq!(requests(&ended), 3, "{organizations} {args:?}");
    }
}

#[tokio::test]
async fn lists_that_settle_nothing_are_requested_and_lead_to_the_same_project() {
    for login_lists in [
        LoginLists::Absent,
        LoginLists::WithoutFlags,
        LoginLists::Empty,
        LoginLists::WithoutProjects,
        LoginLists::Cut,
    ] {
        let ended = create(account(2, login_lists)).args(["--json"]).sign_in().await.exits_with(0);
        assert_eq!(ended.json()["project"]["id"], "proj_default");
        assert_eq!(requests(&ended), 5, "{login_lists:?}");
    }
}

#[tokio::test]
async fn each_kind_of_lists_is_documented_with_the_number_of_requests() {
    let document = fs::read_to_string(root().join("docs/scenarios.md")).unwrap();
    for lists in LoginLists::ALL {
        let ended = create(account(1, lists)).sign_in().await.exits_with(0);
        let row = format!("| `{}` | {} | {} |\n", lists.name(), lists.summary(), requests(&ended));
        assert!(document.contains(&row), "{row} is not in docs/scenarios.md");
    }
}

#[tokio::test]
async fn a_default_organization_that_refuses_keys_settles_nothing() {
    for scenario in [NamedScenario::UserKeysDisabled, NamedScenario::ProjectUserKeysDisabled] {
        let complete = scenario.scenario().login_lists(LoginLists::Complete);
        let ended = create(complete).args(["--json"]).sign_in().await.exits_with(0);
        let target = ["organization", "project"].map(|item| ended.json()[item]["id"].clone());
        assert_eq!(target, ["org-sandbox-personal", "proj_sandbox_default"], "{}", scenario.name());
        // The automatic choice also reads the projects of the organization that it skips.
        let expected = if scenario == NamedScenario::UserKeysDisabled { 5 } else { 6 };
        assert_eq!(requests(&ended), expected, "{}", ended.stderr);
    }
}

/// The lists of the same server are not compared with its login: the login settles the target, if it can.
#[tokio::test]
async fn a_login_that_contradicts_the_lists_is_believed_only_where_it_settles_the_target() {
    let other = || Organization::new("org-other").with_project(Project::new("proj_other"));
    let default = || {
        let project = Project::new("proj_default").as_initial();
        Organization::new("org-default").as_default().with_project(project)
    };
    // In the login, the flags are the opposite: org-other is the default one, and proj_other is initial.
    for (organizations, args, expected, sent) in [
        (vec![other(), default()], &[][..], ["org-other", "proj_other"], 3),
        (vec![other(), default()], &["--no-shortcut"], ["org-default", "proj_default"], 5),
        // No item in the login has both flags, so the lists decide.
        (vec![default()], &[], ["org-default", "proj_default"], 5),
    ] {
        let scenario = Scenario::of(organizations).login_lists(LoginLists::Contradicting);
        let ended = create(scenario).args(["--json"]).args(args).sign_in().await.exits_with(0);
        assert_eq!(["organization", "project"].map(|item| ended.json()[item]["id"].clone()), expected);
        let [key] = ended.sandbox.keys().try_into().unwrap();
        assert_eq!([key.organization, key.project], expected);
        assert_eq!(requests(&ended), sent, "{}", ended.stderr);
    }
}

#[tokio::test]
async fn without_the_shortcut_the_lists_are_requested() {
    let complete = || create(account(1, LoginLists::Complete));
    for (run, expected) in [
        (complete().args(["--no-shortcut"]), 5),
        (complete().env("KEYMINT_NO_SHORTCUT", "1"), 5),
        (complete().command("list"), 4),
    ] {
        let ended = run.sign_in().await;
        assert_eq!(requests(&ended), expected, "{}", ended.stderr);
    }
}
