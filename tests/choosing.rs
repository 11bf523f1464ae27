//! The organization and the project: named, chosen, listed.

use crate::support::{create, keymint};
use keymint_sandbox::{Consent, Organization, Project, Reply, Scenario, Step};
use serde_json::json;

fn default_project(id: &str) -> Project {
    Project::new(id).titled("Default project").as_initial()
}

/// Three organizations with the same title; the third has a project that no other has.
fn three() -> Scenario {
    Scenario::of([
        Organization::new("org-1").titled("Acme").as_default().with_project(default_project("proj_1")),
        Organization::new("org-2").titled("Acme").with_project(default_project("proj_2")),
        Organization::new("org-3")
            .titled("Acme")
            .with_project(default_project("proj_3"))
            .with_project(Project::new("proj_web").titled("Web")),
    ])
}

#[tokio::test]
async fn a_project_is_found_by_its_title_and_an_organization_by_its_id() {
    for (args, project, lists) in
        [(["--project", "Web"], "proj_web", 3), (["--organization", "org-2"], "proj_2", 1)]
    {
        let ended = create(three()).args(args).args(["--json"]).sign_in().await.exits_with(0);
        assert_eq!(
            (ended.json()["project"]["id"].as_str(), ended.count("GET", "/projects")),
            (Some(project), lists)
        );
    }
}

#[tokio::test]
async fn choosing_with_nobody_to_ask_ends_with_8_and_everything_there_is() {
    let ended = create(three()).args(["--choose", "--json"]).sign_in().await;
    let json = ended.json();
    assert_eq!((ended.code, json["choices"].as_array().unwrap().len()), (8, 4), "{}", ended.stderr);
}

#[tokio::test]
async fn of_many_choices_an_error_shows_fifty_and_says_how_many_more_there_are() {
    let organization = |number| {
        Organization::new(format!("org-{number}")).with_project(default_project(&format!("proj_{number}")))
    };
    let scenario = Scenario::of((0..60).map(organization));
    let ended = create(scenario).args(["--project", "Web", "--json"]).sign_in().await.exits_with(8);
    assert_eq!(ended.json()["choices"].as_array().unwrap().len(), 60);
    let shown = ended.stderr.lines().filter(|line| line.contains("(proj_")).count();
    assert!(shown == 50 && ended.stderr.contains("and 10 more: `keymint list`"), "{shown} {}", ended.stderr);
}

#[tokio::test]
async fn choosing_without_a_question_is_a_usage_error() {
    let home = tempfile::tempdir().unwrap();
    for no_input in ["--no-input", "--json"] {
        let create = keymint(&home).args(["create", "--no-browser", "--choose", no_input]);
        let ended = create.env("KEYMINT_NO_INPUT", "1").output().await.exits_with(2);
        assert!(ended.stderr.contains("--choose") && !ended.stderr.contains("http"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn the_only_project_needs_no_question() {
    let ended = create(Scenario::ready()).args(["--choose"]).sign_in().await;
    assert_eq!((ended.code, ended.stdout.trim_end()), (0, ended.key().as_str()), "{}", ended.stderr);
}

/// In the order of preference, with the lists that could not be read.
#[tokio::test]
async fn a_list_shows_everything_and_creates_nothing() {
    let scenario = three().reply(Step::Projects.of("org-2"), Reply::status(403));
    let ended = create(scenario).command("list").args(["--json"]).sign_in().await;
    assert_eq!((ended.code, ended.sandbox.keys().len()), (0, 0), "{}", ended.stderr);
    let json = ended.json();
    assert_eq!(json["schema"], "keymint.list/1");
    assert_eq!(
        json["organizations"][0],
        json!({
            "id": "org-1", "title": "Acme", "is_default": true, "personal": false,
            "projects": [{ "id": "proj_1", "title": "Default project", "is_initial": true }],
        })
    );
    let refused = &json["organizations"][1];
    assert!(
        refused["error"].as_str().unwrap().contains("403") && refused.get("projects").is_none(),
        "{refused}"
    );
}

#[cfg(target_os = "linux")]
mod at_a_terminal {
    use super::*;
    use crate::support::machine;
    use keymint_testkit::{Machine, Terminal, browse};

    /// Starts `create` with these flags, and signs in.
    async fn signed_in(flags: &str) -> (Machine, Terminal) {
        let machine = machine(three()).await;
        let mut terminal = machine.terminal(&format!("create --no-browser --json {flags}"));
        browse(&terminal.url().await, Consent::Allow);
        (machine, terminal)
    }

    #[tokio::test]
    async fn a_person_is_asked_which_of_those_with_the_same_title() {
        let (machine, mut terminal) = signed_in("--organization Acme").await;
        terminal.shows("a part of a line: ").await;
        terminal.types("nonsense\n").await;
        terminal.shows("a part of a line: ").await;
        terminal.types("2\n").await;
        let (code, shown) = terminal.end().await;
        assert_eq!((code, machine.sandbox.keys().len()), (0, 1), "{shown}");
        assert!(shown.contains("\"proj_2\""), "{shown}");
    }
}
