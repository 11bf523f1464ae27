//! `keymint rotate`: a new key in every destination of the old one, and then the revocation of the old one.

#![cfg(target_os = "linux")]

mod destinations;
mod revocation;
mod selection;
mod signals;

use crate::support::{in_one_line, machine};
use keymint_sandbox::{Consent, Reply, Scenario, Step};
use keymint_testkit::{Ended, Launch, Machine, browse, until};
use serde_json::json;
use std::fs;
use std::path::PathBuf;

const ORGANIZATION: &str = "org-sandbox-personal";

const PROJECT: &str = "proj_sandbox_default";

/// A machine with a key that keymint has put into `.env` of its home.
async fn with_a_key(scenario: Scenario) -> Machine {
    let machine = machine(scenario).await;
    run(&machine, keymint(&machine, &["create", "--env-file", "--name", "old"])).await.exits_with(0);
    machine
}

fn keymint(machine: &Machine, args: &[&str]) -> Launch {
    machine.keymint(args).env("KEYMINT_NO_BROWSER", "1").current_dir(&machine.home)
}

fn rotate(machine: &Machine, args: &[&str]) -> Launch {
    keymint(machine, &[&["rotate"], args].concat())
}

fn with_admin_key(machine: &Machine, args: &[&str]) -> Launch {
    rotate(machine, args).env("OPENAI_ADMIN_KEY", machine.sandbox.admin_key(ORGANIZATION))
}

/// Runs the program to its end, and signs in if it waits for that. Checks that standard error has no secret.
async fn run(machine: &Machine, program: Launch) -> Ended {
    let mut run = program.spawn();
    if let Some(url) = run.try_url().await {
        browse(&url, Consent::Allow);
    }
    let ended = run.finish().await;
    let secrets = machine.secrets();
    let shown = secrets.iter().find(|secret| ended.stderr.contains(*secret));
    assert_eq!(shown, None, "{}", ended.stderr);
    ended
}

fn env_file(machine: &Machine) -> PathBuf {
    machine.home.path().join(".env")
}

/// The number of the key that a file has, from 0 in the order of their creation.
fn key_in(machine: &Machine, file: &str) -> Option<usize> {
    let text = fs::read_to_string(machine.home.path().join(file)).unwrap();
    machine.sandbox.keys().iter().position(|key| text == format!("OPENAI_API_KEY={}\n", key.value))
}

/// Returns whether each key is valid.
fn valid(machine: &Machine) -> Vec<bool> {
    machine.sandbox.keys().iter().map(|key| !key.is_deleted).collect()
}

fn position(machine: &Machine, method: &str, path_end: &str) -> usize {
    let requests = machine.sandbox.requests();
    let fits =
        |request: &keymint_sandbox::Request| request.method == method && request.path.ends_with(path_end);
    requests.iter().rposition(fits).unwrap_or_else(|| panic!("{method} {path_end}"))
}

#[tokio::test]
async fn the_old_key_is_looked_up_first_and_revoked_last() {
    let machine = with_a_key(Scenario::ready()).await;
    let ended = run(&machine, with_admin_key(&machine, &["--json"])).await.exits_with(0);

    assert_eq!((key_in(&machine, ".env"), valid(&machine)), (Some(1), vec![false, true]));
    let keys = machine.sandbox.keys();
    let listed = format!("/v1/organization/projects/{PROJECT}/api_keys");
    let order = [
        position(&machine, "GET", &listed),
        position(&machine, "POST", "/oauth/token"),
        position(&machine, "POST", "/api_keys"),
        position(&machine, "GET", "/v1/models"),
        position(&machine, "DELETE", &keys[0].id),
    ];
    assert!(order.is_sorted(), "{order:?}");
    let shown = ended.json();
    let expected = json!({
        "schema": "keymint.rotated/1",
        "organization": {"id": ORGANIZATION, "title": "Personal"},
        "project": {"id": PROJECT, "title": "Default project"},
        "key": {
            "name": keys[1].name, "last4": keys[1].value[keys[1].value.len() - 4..],
            "id": keys[1].id, "created_at": shown["key"]["created_at"],
        },
        "delivered_to": [{"kind": "env_file", "path": env_file(&machine), "variable": "OPENAI_API_KEY"}],
        "old": {
            "name": "old", "last4": keys[0].value[keys[0].value.len() - 4..], "id": keys[0].id,
            "state": "revoked", "reason": null,
        },
    });
    assert_eq!(shown, expected);
    let order = ["Checking that the new key works", "Revoked the old key \"old\", ending in "];
    let order = order.map(|line| in_one_line(&ended.stderr).find(line));
    assert!(order[0].is_some() && order.is_sorted(), "{}", ended.stderr);
    let status = keymint(&machine, &["status", "--json"]).output().await.json();
    assert!(status["keys"][0]["revoked_at"].is_string(), "{status}");
    assert_eq!(status["keys"][1]["rotation"]["replaces"], status["keys"][0]["id"]);
}

#[tokio::test]
async fn a_key_whose_rotation_failed_in_part_is_rotated_again_without_a_false_warning() {
    let machine = machine(Scenario::ready()).await;
    let args = ["create", "--env-file", "--name", "old", "--pipe-to", "sh -c 'cat >taken; test ! -e broken'"];
    run(&machine, keymint(&machine, &args)).await.exits_with(0);
    let [broken, taken] = ["broken", "taken"].map(|name| machine.home.path().join(name));
    fs::write(&broken, "").unwrap();
    let again = ["--pipe-to", args[5]];
    run(&machine, with_admin_key(&machine, &[&["--name", "new"], &again[..]].concat())).await.exits_with(9);
    assert_eq!((key_in(&machine, ".env"), valid(&machine)), (Some(1), vec![true, true]));

    fs::remove_file(&broken).unwrap();
    let ended = run(&machine, with_admin_key(&machine, &[&["old"], &again[..]].concat())).await.exits_with(0);
    assert!(!ended.stderr.contains("cut short"), "{}", ended.stderr);
    let keys = machine.sandbox.keys();
    until(|| fs::read_to_string(&taken).is_ok_and(|taken| taken == keys[2].value)).await;
    assert_eq!((key_in(&machine, ".env"), valid(&machine)), (Some(1), vec![false, true, true]));
}

#[tokio::test]
async fn a_new_key_that_a_destination_does_not_take_leaves_the_old_one_valid() {
    let machine = with_a_key(Scenario::ready()).await;
    let ended = run(&machine, with_admin_key(&machine, &["--pipe-to", "false"])).await.exits_with(9);
    let shown = in_one_line(&ended.stderr);
    assert!(shown.contains("it is kept in"), "{shown}");
    assert!(shown.contains("This run did not revoke the old key"), "{shown}");
    assert_eq!((key_in(&machine, ".env"), valid(&machine)), (Some(1), vec![true, true]));
}

#[tokio::test]
async fn a_new_key_that_the_server_does_not_accept_leaves_the_old_one_valid() {
    let unknown = Reply::error(401, "invalid_request_error", Some("invalid_api_key"), "Incorrect API key");
    let machine = with_a_key(Scenario::ready().reply(Step::Models, unknown)).await;
    let ended = run(&machine, with_admin_key(&machine, &["--json"])).await.exits_with(7);
    let shown = in_one_line(&ended.stderr);
    assert!(shown.contains("the new key is in every destination, but the old key"), "{shown}");
    assert_eq!(
        (&ended.json()["old"]["state"], &ended.json()["old"]["reason"]),
        (&json!("kept"), &json!("not_accepted"))
    );
    assert_eq!((key_in(&machine, ".env"), valid(&machine)), (Some(1), vec![true, true]));
}

#[tokio::test]
async fn a_new_key_that_may_not_list_models_is_accepted() {
    let refused = Reply::error(403, "invalid_request_error", None, "You have insufficient permissions");
    let machine = with_a_key(Scenario::ready().reply(Step::Models, refused)).await;
    run(&machine, with_admin_key(&machine, &["--scope", "model.request"])).await.exits_with(0);
    assert_eq!((key_in(&machine, ".env"), valid(&machine)), (Some(1), vec![false, true]));
}

#[tokio::test]
async fn a_browser_does_not_inherit_the_admin_key() {
    let machine = with_a_key(Scenario::ready()).await;
    let launcher = machine.home.path().join("launcher");
    keymint_testkit::script(&launcher, "env >environment.new && mv environment.new environment");
    let args = [&["rotate", "--browser"], &[launcher.to_str().unwrap()][..]].concat();
    let program = machine.keymint(&args).current_dir(&machine.home);
    let program = program.env("OPENAI_ADMIN_KEY", machine.sandbox.admin_key(ORGANIZATION));
    run(&machine, program).await.exits_with(0);
    let environment = machine.home.path().join("environment");
    until(|| environment.exists()).await;
    let environment = fs::read_to_string(environment).unwrap();
    assert!(environment.contains("HOME=") && !environment.contains("OPENAI_ADMIN_KEY"));
}

#[tokio::test]
async fn under_an_agent_a_key_in_a_file_is_rotated_and_in_ci_none_is() {
    let machine = with_a_key(Scenario::ready()).await;
    let ended = run(&machine, rotate(&machine, &[]).env("CI", "true")).await.exits_with(2);
    assert!(ended.stderr.contains("keymint start"), "{}", ended.stderr);
    let ended = run(&machine, rotate(&machine, &["--json"]).env("CLAUDECODE", "1")).await.exits_with(0);
    assert_eq!(ended.json()["key"].get("value"), None);
    assert_eq!(key_in(&machine, ".env"), Some(1));
}
