//! `keymint admin`: keys on the server, with an admin key and without a browser.

#![cfg(target_os = "linux")]

use crate::support::machine;
use keymint_sandbox::{Consent, Organization, Project, Reply, Scenario, Step};
use keymint_testkit::{Canaries, Ended, Launch, Machine, browse, steers_a_terminal};
use serde_json::json;

/// Two projects of one organization.
fn scenario() -> Scenario {
    let project = |id: &str, title: &str| Project::new(id).titled(title);
    let acme = Organization::new("org-acme").titled("Acme").as_default();
    let acme = acme.with_project(project("proj_app", "App").as_initial());
    Scenario::of([acme.with_project(project("proj_web", "Web"))])
}

/// A command of an administrator.
fn admin(machine: &Machine, args: &str) -> Launch {
    let key = machine.sandbox.admin_key("org-acme");
    machine.keymint(args.split(' ')).env("OPENAI_ADMIN_KEY", key).current_dir(&machine.home)
}

/// Runs it to its end. No stream has a secret.
async fn run(machine: &Machine, args: &str) -> Ended {
    let ended = admin(machine, args).output().await;
    for text in [&ended.stdout, &ended.stderr] {
        assert_eq!(Canaries::of(machine.sandbox.secrets()).find(text), None, "{text}");
        assert!(!steers_a_terminal(text), "{text:?}");
    }
    assert_eq!(machine.sandbox.violations(), Vec::<String>::new());
    ended
}

/// Creates a key of this name on this machine.
async fn create(machine: &Machine, name: &str) {
    let create = machine.keymint(["create", "--print", "--name", name]).env("KEYMINT_NO_BROWSER", "1");
    let mut create = create.spawn();
    browse(&create.url().await, Consent::Allow);
    create.finish().await.exits_with(0);
}

#[tokio::test]
async fn the_keys_of_all_projects_are_listed_with_those_that_this_machine_made() {
    let scenario =
        scenario().with_key("org-acme", "proj_web", "old \u{1b}[2J\"laptop", "sk-proj-0123456789wxyz");
    let machine = machine(scenario).await;
    create(&machine, "mine").await;
    let listed = run(&machine, "admin list").await.exits_with(0);
    let made = machine.sandbox.keys().into_iter().find(|key| key.name == "mine").unwrap();
    let four = &made.value[made.value.len() - 4..];
    let line = format!(
        "  \"mine\", ending in {four}, made on this machine\n      {}, user \"Sandbox user\"",
        made.id
    );
    assert!(listed.stdout.contains(&line), "{}", listed.stdout);
    assert!(listed.stdout.contains("  \"old \\u{1b}[2J\\\"laptop\", ending in wxyz\n"), "{}", listed.stdout);
    let listed = run(&machine, "admin list --project App --json").await.exits_with(0).json();
    assert_eq!(listed["projects"].as_array().unwrap().len(), 1);
    assert_eq!(listed["projects"][0]["keys"][0]["made_here"], json!(true));

    let unknown = run(&machine, "admin list --project Mobile --json").await.exits_with(8).json();
    assert_eq!(unknown["choices"][1]["project"], json!({"id": "proj_web", "title": "Web"}));
}

#[tokio::test]
async fn what_could_not_be_read_is_reported_and_the_rest_is_listed() {
    let refused = Reply::error(403, "invalid_request_error", None, "no");
    let scenario = scenario().reply(Step::Keys.nth(1), refused.clone()).reply(Step::Keys.nth(3), refused);
    let machine = machine(scenario).await;
    let listed = run(&machine, "admin list").await.exits_with(0);
    assert!(
        listed.stderr.contains("the keys of project \"App\" (proj_app) could not be read"),
        "{}",
        listed.stderr
    );
    assert!(listed.stdout.contains("(proj_app)\n  not read\n\"Web\""), "{}", listed.stdout);
    let listed = run(&machine, "admin list --json").await.exits_with(0).json();
    assert_eq!((&listed["complete"], &listed["projects"][0]["keys"]), (&json!(false), &json!(null)));
}

#[tokio::test]
async fn without_an_admin_key_nothing_is_contacted() {
    let machine = machine(scenario()).await;
    for (key, words) in [
        ("", "OPENAI_ADMIN_KEY is not set"),
        ("sk-proj-0123456789wxyz", "OPENAI_ADMIN_KEY has the key of a project"),
        ("sk-admin- 0123", "OPENAI_ADMIN_KEY has no admin key"),
    ] {
        let list = machine.keymint(["admin", "list"]).env("OPENAI_ADMIN_KEY", key);
        let ended = list.output().await.exits_with(2);
        assert!(ended.stderr.contains(words) && ended.stderr.contains("/admin-keys"), "{}", ended.stderr);
        assert!(key.is_empty() || !ended.stderr.contains(key), "{}", ended.stderr);
    }
    assert!(machine.sandbox.requests().is_empty());
    let list = machine.keymint(["admin", "list"]).env("OPENAI_ADMIN_KEY", "sk-admin-of-another-one");
    let ended = list.output().await.exits_with(7);
    assert!(ended.stderr.contains("Check the admin key in OPENAI_ADMIN_KEY"), "{}", ended.stderr);
}

#[tokio::test]
async fn only_an_id_is_revoked_without_a_question() {
    let scenario = scenario()
        .with_key("org-acme", "proj_app", "laptop", "sk-proj-0123456789wxyz")
        .with_key("org-acme", "proj_web", "laptop", "sk-proj-9876543210wxyz")
        .with_key("org-acme", "proj_web", "server", "sk-proj-9876543210abcd");
    let machine = machine(scenario).await;
    let exist = || machine.sandbox.keys().iter().filter(|key| !key.is_deleted).count();
    for (text, choices) in [("laptop", 2), ("wxyz", 2), ("server", 1), ("abcd", 1)] {
        let refused = run(&machine, &format!("admin revoke {text} --yes --json")).await.exits_with(8).json();
        assert_eq!(refused["choices"].as_array().unwrap().len(), choices, "{refused}");
        assert_eq!(refused["kind"], "no_key");
    }
    let missing = run(&machine, "admin revoke nothing --yes").await.exits_with(8);
    assert!(missing.stderr.contains("there is no key \"nothing\""), "{}", missing.stderr);
    let id = machine.sandbox.keys()[1].id.clone();
    for no_question in ["", " --no-input"] {
        run(&machine, &format!("admin revoke {id}{no_question}")).await.exits_with(2);
    }
    assert_eq!(exist(), 3);

    let revoked = run(&machine, &format!("admin revoke {id} --yes --json")).await.exits_with(0).json();
    assert_eq!((&revoked["key"]["id"], &revoked["made_here"]), (&json!(id), &json!(false)));
    assert!(machine.sandbox.keys()[1].is_deleted && exist() == 2);
    run(&machine, &format!("admin revoke {id} --yes")).await.exits_with(8);
}

#[tokio::test]
async fn a_revoked_key_of_this_machine_is_noted_and_one_of_a_lost_answer_may_be_revoked() {
    for (reply, code, words) in [
        (None, 0, "is revoked."),
        (Some(Reply::error(404, "invalid_request_error", None, "no")), 0, "was deleted already."),
        (Some(Reply::error(403, "invalid_request_error", None, "no")), 7, "Check the admin key"),
        (Some(Reply::hang_up().after_processing()), 10, "may be revoked"),
    ] {
        let scenario =
            reply.into_iter().fold(scenario(), |scenario, reply| scenario.reply(Step::DeleteKey, reply));
        let machine = machine(scenario).await;
        create(&machine, "mine").await;
        let id = machine.sandbox.keys()[0].id.clone();
        let revoked =
            run(&machine, &format!("admin revoke {id} --yes --http-timeout 500ms")).await.exits_with(code);
        assert!(revoked.stderr.contains(words), "{}", revoked.stderr);
        let status = machine.keymint(["status", "--json"]).output().await.json();
        assert_eq!(status["keys"][0]["revoked_at"].is_string(), code == 0, "{status}");
    }
}
