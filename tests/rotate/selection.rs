//! The key that `keymint rotate` replaces.

use super::{env_file, key_in, keymint, rotate, run, valid, with_a_key, with_admin_key};
use crate::support::{in_one_line, machine};
use keymint_sandbox::{Organization, Project, Scenario};
use serde_json::Value;
use std::fs;

/// The value of a shell outlives the rotation of the file that it came from.
#[tokio::test]
async fn a_replaced_key_in_the_environment_is_no_reason_for_another_rotation() {
    let machine = with_a_key(Scenario::ready()).await;
    let old = machine.sandbox.keys()[0].value.clone();
    run(&machine, rotate(&machine, &[])).await.exits_with(0);
    let again = rotate(&machine, &[]).env("OPENAI_API_KEY", &old);
    let ended = run(&machine, again).await.exits_with(8);
    assert!(in_one_line(&ended.stderr).contains("which is revoked or replaced"), "{}", ended.stderr);
    // The user has put it back.
    fs::write(env_file(&machine), format!("OPENAI_API_KEY={old}\n")).unwrap();
    run(&machine, with_admin_key(&machine, &[])).await.exits_with(0);
    assert_eq!((key_in(&machine, ".env"), valid(&machine)), (Some(2), vec![false, true, true]));
}

#[tokio::test]
async fn several_keys_of_one_name_are_listed_to_choose_from() {
    let machine = with_a_key(Scenario::ready()).await;
    let args = ["create", "--env-file", "other.env", "--name", "old"];
    run(&machine, keymint(&machine, &args)).await.exits_with(0);
    let ended = run(&machine, rotate(&machine, &["old"])).await.exits_with(8);
    let keys = machine.sandbox.keys();
    let shown = in_one_line(&ended.stderr);
    assert!(shown.contains(&keys[0].id) && shown.contains(&keys[1].id), "{shown}");
    // The key in use here comes before the newest one, and an id names any.
    run(&machine, rotate(&machine, &["--dry-run"])).await.exits_with(0);
    run(&machine, with_admin_key(&machine, &[])).await.exits_with(0);
    assert_eq!(valid(&machine), [false, true, true]);
    run(&machine, with_admin_key(&machine, &[&keys[1].id])).await.exits_with(0);
    assert_eq!(valid(&machine), [false, false, true, true]);
    assert_eq!((key_in(&machine, ".env"), key_in(&machine, "other.env")), (Some(2), Some(3)));
}

#[tokio::test]
async fn another_account_replaces_no_key() {
    let machine = with_a_key(Scenario::ready()).await;
    let other = Organization::new("org-other").titled("Other").with_project(Project::new("proj_other"));
    let other = crate::support::machine(Scenario::of([other])).await;
    // The records belong to one platform, and another server plays it now.
    let records = machine.home.path().join(".local/state/keymint/records");
    for record in fs::read_dir(records).unwrap() {
        let path = record.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text.replace(machine.sandbox.api_base(), other.sandbox.api_base())).unwrap();
    }
    let program = rotate(&machine, &["--json"]).envs(other.environment());
    let ended = run(&other, program).await.exits_with(8);
    let shown = in_one_line(&ended.stderr);
    assert!(shown.contains("sign in with an account that has it"), "{shown}");
    assert_eq!(ended.json()["choices"].as_array().map(Vec::len), Some(1), "{}", ended.stdout);
    assert_eq!((key_in(&machine, ".env"), other.sandbox.keys().len()), (Some(0), 0));
}

/// Something else is in its place.
#[tokio::test]
async fn records_that_cannot_be_read_are_an_error() {
    let machine = with_a_key(Scenario::ready()).await;
    let records = machine.home.path().join(".local/state/keymint/records");
    fs::rename(&records, records.with_file_name("away")).unwrap();
    fs::write(&records, "").unwrap();
    for command in ["rotate", "status"] {
        let ended = keymint(&machine, &[command]).output().await.exits_with(1);
        assert!(
            in_one_line(&ended.stderr).contains("the records of keys cannot be read"),
            "{}",
            ended.stderr
        );
    }
}

#[tokio::test]
async fn a_machine_without_a_key_has_none_to_rotate() {
    let machine = machine(Scenario::ready()).await;
    let ended = run(&machine, rotate(&machine, &["--json"])).await.exits_with(8);
    let error: Value = ended.json();
    assert_eq!(error["kind"], "no_key");
}
