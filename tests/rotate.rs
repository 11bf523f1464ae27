//! `keymint rotate`: a new key in every destination of the old one, and then the revocation of the old one.

#![cfg(target_os = "linux")]

mod signals;

use crate::support::machine;
use keymint_sandbox::{Consent, Organization, Project, Reply, Scenario, Step};
use keymint_testkit::{Ended, Launch, Machine, Session, browse, free_port, until};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

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

fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
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
async fn without_an_admin_key_the_user_learns_which_key_to_delete() {
    let machine = with_a_key(Scenario::ready()).await;
    let ended = run(&machine, rotate(&machine, &["--name", "new"])).await.exits_with(0);
    assert_eq!((key_in(&machine, ".env"), valid(&machine)), (Some(1), vec![true, true]));
    let shown = in_one_line(&ended.stderr);
    let last4 = &machine.sandbox.keys()[0].value;
    let expected = format!(
        "warning: the old key \"old\", ending in {} is still valid: delete it at https://platform.openai.com/api-keys",
        &last4[last4.len() - 4..]
    );
    assert!(shown.contains(&expected), "{shown}");
    // The replaced key is rotated again only if it is named.
    let ended = run(&machine, rotate(&machine, &["--events"])).await.exits_with(0);
    assert!(ended.stderr.contains(r#"{"event":"old_key","name":"new","#), "{}", ended.stderr);
    assert!(ended.stderr.contains(r#""state":"kept","reason":"no_admin_key"}"#), "{}", ended.stderr);
    run(&machine, rotate(&machine, &["old", "--dry-run"])).await.exits_with(0);
    let ended = run(&machine, rotate(&machine, &["unknown"])).await.exits_with(8);
    assert!(!ended.stderr.contains("sign in"), "{}", ended.stderr);
}

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
async fn an_admin_key_that_is_refused_ends_the_run_before_the_sign_in() {
    let machine = with_a_key(Scenario::ready()).await;
    for (admin_key, code) in [("sk-admin-of-another", 7), ("not a key", 2)] {
        let program = rotate(&machine, &[]).env("OPENAI_ADMIN_KEY", admin_key);
        let ended = run(&machine, program).await.exits_with(code);
        let shown = in_one_line(&ended.stderr);
        assert!(shown.contains("OPENAI_ADMIN_KEY") && !shown.contains(admin_key), "{shown}");
        assert!(!shown.contains("/oauth/authorize?"), "{shown}");
    }
    assert_eq!((key_in(&machine, ".env"), valid(&machine)), (Some(0), vec![true]));
}

#[tokio::test]
async fn an_admin_api_that_cannot_be_reached_ends_the_run_before_the_sign_in() {
    let scenario = Scenario::ready().reply(Step::Keys, Reply::hang_up());
    let machine = with_a_key(scenario).await;
    let ended = run(&machine, with_admin_key(&machine, &["--http-timeout", "1s"])).await;
    assert!([6, 7].contains(&ended.code), "{}", ended.stderr);
    assert!(in_one_line(&ended.stderr).contains("nothing was created"), "{}", ended.stderr);
    assert_eq!((key_in(&machine, ".env"), valid(&machine)), (Some(0), vec![true]));
}

/// The server's answer to the creation has no id of the key, and another key has its name.
#[tokio::test]
async fn an_old_key_that_may_be_another_one_is_kept() {
    let body = json!({"key": {"sensitive_id": "sk-proj-0123456789abcdefghij", "name": "old"}});
    let scenario = Scenario::ready()
        .with_key(ORGANIZATION, PROJECT, "old", "sk-proj-1123456789abcdefghij")
        .with_key(ORGANIZATION, PROJECT, "old", "sk-proj-0123456789abcdefghij")
        .reply(Step::CreateKey.nth(1), Reply::status(200).json(&body));
    let machine = with_a_key(scenario).await;
    let ended = run(&machine, with_admin_key(&machine, &[])).await.exits_with(0);
    let shown = in_one_line(&ended.stderr);
    assert!(shown.contains("the old key will not be revoked: it may be any of these keys"), "{shown}");
    assert!(shown.contains("is still valid: it may be any of these keys"), "{shown}");
    assert!(valid(&machine).into_iter().all(|valid| valid));
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
async fn a_revocation_that_is_refused_is_an_error_with_the_new_key_in_place() {
    let scenario = || Scenario::ready().reply(Step::DeleteKey, Reply::status(403));
    let machine = with_a_key(scenario()).await;
    let ended = run(&machine, with_admin_key(&machine, &["--json"])).await.exits_with(7);
    assert_eq!(ended.json()["old"]["reason"], "not_revoked", "{}", ended.stderr);
    assert_eq!((key_in(&machine, ".env"), valid(&machine)), (Some(1), vec![true, true]));

    let machine = with_a_key(scenario()).await;
    let ended = run(&machine, with_admin_key(&machine, &["--events"])).await.exits_with(7);
    assert!(ended.stderr.contains(r#""state":"kept","reason":"not_revoked"}"#), "{}", ended.stderr);

    // Standard output that fails as well hides nothing.
    let machine = with_a_key(scenario()).await;
    let program = with_admin_key(&machine, &["--json"]).stdout(keymint_testkit::full_disk());
    let ended = run(&machine, program).await.exits_with(7);
    let shown = in_one_line(&ended.stderr);
    assert!(
        shown.contains("the server did not revoke it") && shown.contains("standard output failed"),
        "{shown}"
    );
}

#[tokio::test]
async fn an_answer_to_the_revocation_that_is_lost_is_reported_to_programs() {
    let machine = with_a_key(Scenario::ready().reply(Step::DeleteKey, Reply::hang_up())).await;
    let ended = run(&machine, with_admin_key(&machine, &["--events", "--http-timeout", "1s"])).await;
    assert!([6, 7].contains(&ended.code), "{}", ended.stderr);
    assert!(ended.stderr.contains(r#""state":"may_be_revoked","reason":null}"#), "{}", ended.stderr);
    assert!(ended.stderr.contains("may be valid: the answer to its revocation was lost"), "{}", ended.stderr);
    let status = keymint(&machine, &["status", "--json"]).output().await.json();
    assert_eq!(status["keys"][1]["rotation"]["outcome"], "may_be_revoked", "{status}");
}

#[tokio::test]
async fn a_new_key_that_may_not_list_models_is_accepted() {
    let refused = Reply::error(403, "invalid_request_error", None, "You have insufficient permissions");
    let machine = with_a_key(Scenario::ready().reply(Step::Models, refused)).await;
    run(&machine, with_admin_key(&machine, &["--scope", "model.request"])).await.exits_with(0);
    assert_eq!((key_in(&machine, ".env"), valid(&machine)), (Some(1), vec![false, true]));
}

#[tokio::test]
async fn a_value_that_is_not_the_old_key_is_replaced_only_by_force() {
    let machine = with_a_key(Scenario::ready()).await;
    fs::write(env_file(&machine), "OPENAI_API_KEY=sk-proj-of-another-user\n").unwrap();
    let ended = run(&machine, with_admin_key(&machine, &[])).await.exits_with(8);
    assert!(in_one_line(&ended.stderr).contains("which keymint did not put there"), "{}", ended.stderr);
    let ended = run(&machine, with_admin_key(&machine, &["old"])).await.exits_with(11);
    assert!(!ended.stderr.contains("/oauth/authorize?"), "{}", ended.stderr);
    assert_eq!(valid(&machine), [true]);

    // Another run may have put it there, so nothing suggests to replace it.
    assert!(!in_one_line(&ended.stderr).contains("--force"), "{}", ended.stderr);
    assert!(
        in_one_line(&ended.stderr).contains("`keymint status` shows which key is where"),
        "{}",
        ended.stderr
    );

    run(&machine, with_admin_key(&machine, &["old", "--force"])).await.exits_with(0);
    assert_eq!((key_in(&machine, ".env"), valid(&machine)), (Some(1), vec![false, true]));
}

#[tokio::test]
async fn another_key_with_the_same_end_is_not_taken_for_the_old_one() {
    let machine = with_a_key(Scenario::ready()).await;
    let made = machine.sandbox.keys()[0].value.clone();
    let other = format!("OPENAI_API_KEY=sk-proj-of-another-user-{}\n", &made[made.len() - 4..]);
    fs::write(env_file(&machine), &other).unwrap();
    let ended = run(&machine, with_admin_key(&machine, &[])).await.exits_with(8);
    assert!(in_one_line(&ended.stderr).contains("which keymint did not put there"), "{}", ended.stderr);
    run(&machine, with_admin_key(&machine, &["old"])).await.exits_with(11);
    assert_eq!((fs::read_to_string(env_file(&machine)).unwrap(), valid(&machine)), (other, vec![true]));
}

/// The keyring has no lock, so both runs create a key.
#[tokio::test]
async fn of_two_rotations_at_once_one_replaces_the_key_and_the_other_keeps_its_own() {
    let (session, machine) = (Session::start("unlocked"), machine(Scenario::ready()).await);
    let in_session = |program: Launch| program.env("DBUS_SESSION_BUS_ADDRESS", &session.address);
    let args = ["create", "--keyring", "--name", "old"];
    run(&machine, in_session(keymint(&machine, &args))).await.exits_with(0);
    let port = free_port().to_string();
    let [mut winner, mut loser] = [None, Some(port)].map(|port| {
        let program = in_session(with_admin_key(&machine, &[]));
        port.into_iter().fold(program, |program, port| program.env("KEYMINT_CALLBACK_PORT", port)).spawn()
    });
    let urls = [winner.url().await, loser.url().await];
    browse(&urls[0], Consent::Allow);
    winner.finish().await.exits_with(0);
    browse(&urls[1], Consent::Allow);
    let ended = loser.finish().await.exits_with(9);
    let shown = in_one_line(&ended.stderr);
    assert!(
        shown.contains("the key changed during the sign-in") && shown.contains("This run did not revoke"),
        "{shown}"
    );
    assert!(!shown.contains("--force") && !shown.contains("--new"), "{shown}");
    let keys = machine.sandbox.keys();
    assert_eq!(
        (session.stored("default"), valid(&machine)),
        (keys[1].value.clone(), vec![false, true, true])
    );

    // The old key is revoked.
    run(&machine, in_session(with_admin_key(&machine, &["old"]))).await.exits_with(8);
}

#[tokio::test]
async fn a_key_that_the_user_removed_from_the_keyring_is_not_put_back() {
    let (session, machine) = (Session::start("unlocked"), machine(Scenario::ready()).await);
    let in_session = |program: Launch| program.env("DBUS_SESSION_BUS_ADDRESS", &session.address);
    let args = ["create", "--keyring", "--env-file", "--name", "old"];
    run(&machine, in_session(keymint(&machine, &args))).await.exits_with(0);
    session.run(Command::new("secret-tool").args(["clear", "service", "keymint", "username", "default"]));
    run(&machine, in_session(with_admin_key(&machine, &[]))).await.exits_with(0);
    assert_eq!((key_in(&machine, ".env"), valid(&machine)), (Some(1), vec![false, true]));
    assert_eq!(session.stored("default"), "");
}

/// The value changes during the sign-in.
#[tokio::test]
async fn a_value_that_changes_meanwhile_stays_and_so_does_the_old_key() {
    let machine = with_a_key(Scenario::ready()).await;
    let mut run = with_admin_key(&machine, &[]).spawn();
    let url = run.url().await;
    fs::write(env_file(&machine), "OPENAI_API_KEY=changed\n").unwrap();
    browse(&url, Consent::Allow);
    let ended = run.finish().await.exits_with(9);
    assert_eq!(fs::read_to_string(env_file(&machine)).unwrap(), "OPENAI_API_KEY=changed\n");
    assert_eq!(valid(&machine), [true, true], "{}", ended.stderr);
}

#[tokio::test]
async fn a_destination_that_a_run_cannot_repeat_keeps_the_old_key() {
    let machine = machine(Scenario::ready()).await;
    let args = ["create", "--env-file", "--name", "old", "--pipe-to", "sh -c 'cat >taken'"];
    run(&machine, keymint(&machine, &args)).await.exits_with(0);
    until(|| machine.home.path().join("taken").exists()).await;
    let ended = run(&machine, with_admin_key(&machine, &[])).await.exits_with(0);
    let shown = in_one_line(&ended.stderr);
    assert!(shown.contains("the command of --pipe-to had it, and did not get the new key"), "{shown}");
    assert_eq!((key_in(&machine, ".env"), valid(&machine)), (Some(1), vec![true, true]));
    // Another command does not replace the key of the first one, and the same one does.
    for (command, is_revoked) in [("sh -c 'cat >other'", false), ("sh -c 'cat >taken'", true)] {
        let machine = crate::support::machine(Scenario::ready()).await;
        run(&machine, keymint(&machine, &args)).await.exits_with(0);
        let ended = run(&machine, with_admin_key(&machine, &["--pipe-to", command])).await.exits_with(0);
        let shown = in_one_line(&ended.stderr);
        assert_eq!(
            shown.contains("the command of --pipe-to had it, and did not get"),
            !is_revoked,
            "{shown}"
        );
        assert_eq!((key_in(&machine, ".env"), valid(&machine)), (Some(1), vec![!is_revoked, true]));
    }
}

#[tokio::test]
async fn a_key_that_went_to_a_command_alone_is_not_printed_without_its_flag() {
    let machine = machine(Scenario::ready()).await;
    run(&machine, keymint(&machine, &["create", "--name", "old", "--pipe-to", "cat"])).await.exits_with(0);
    let ended = run(&machine, rotate(&machine, &[])).await.exits_with(2);
    let shown = in_one_line(&ended.stderr);
    assert!(shown.contains("Repeat --pipe-to") && !shown.contains("/oauth/authorize?"), "{shown}");
    assert_eq!((&*ended.stdout, valid(&machine)), ("", vec![true]));
    run(&machine, rotate(&machine, &["--pipe-to", "cat"])).await.exits_with(0);
}

/// A printed or copied key may be anywhere.
#[tokio::test]
async fn a_key_that_was_printed_is_not_revoked_and_the_user_learns_it_before_the_sign_in() {
    let machine = machine(Scenario::ready()).await;
    run(&machine, keymint(&machine, &["create", "--name", "old"])).await.exits_with(0);
    let ended = run(&machine, with_admin_key(&machine, &[])).await.exits_with(0);
    let shown = in_one_line(&ended.stderr);
    let revoke = format!("`keymint admin revoke {}` deletes the old one", machine.sandbox.keys()[0].id);
    let [before, after] = ["the old key will not be revoked: ", "is still valid: "]
        .map(|beginning| shown.find(&format!("{beginning}standard output had it, and keymint cannot know")));
    assert!(before.is_some() && before < after && shown.contains(&revoke), "{shown}");
    assert!(before < shown.find("/oauth/authorize?"), "{shown}");
    assert_eq!(valid(&machine), [true, true]);
}

/// Each holder is a variable of a file, or the file behind a link.
#[tokio::test]
async fn a_holder_is_a_variable_of_the_file_that_is_there_now() {
    let machine = with_a_key(Scenario::ready()).await;
    fs::rename(env_file(&machine), machine.home.path().join("real.env")).unwrap();
    std::os::unix::fs::symlink("real.env", env_file(&machine)).unwrap();
    let args = ["--env-file", "--var", "OTHER"];
    let ended = run(&machine, with_admin_key(&machine, &args)).await.exits_with(2);
    assert!(in_one_line(&ended.stderr).contains("as OPENAI_API_KEY, and not as OTHER"), "{}", ended.stderr);
    run(&machine, with_admin_key(&machine, &[])).await.exits_with(0);
    assert_eq!((key_in(&machine, "real.env"), valid(&machine)), (Some(1), vec![false, true]));

    // The user takes it out of the file, which does not get the next key.
    fs::write(env_file(&machine), "OTHER=1\n").unwrap();
    let ended = run(&machine, with_admin_key(&machine, &["--print"])).await.exits_with(0);
    assert_eq!(fs::read_to_string(env_file(&machine)).unwrap(), "OTHER=1\n");
    let keys = machine.sandbox.keys();
    assert_eq!((ended.stdout.trim_end(), valid(&machine)), (&*keys[2].value, vec![false, false, true]));
}

/// The records of earlier versions have no variable.
#[tokio::test]
async fn a_variable_that_is_not_recorded_is_not_guessed() {
    for (variable, is_found) in [("OPENAI_API_KEY", true), ("OTHER", false)] {
        let machine = machine(Scenario::ready()).await;
        let args = ["create", "--env-file", "--var", variable, "--name", "old"];
        run(&machine, keymint(&machine, &args)).await.exits_with(0);
        for record in fs::read_dir(machine.home.path().join(".local/state/keymint/records")).unwrap() {
            let path = record.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            fs::write(path, text.replace(&format!(r#""variable":"{variable}""#), r#""variable":null"#))
                .unwrap();
        }
        let ended = run(&machine, with_admin_key(&machine, &["old", "--print"])).await.exits_with(0);
        assert_eq!(valid(&machine), [!is_found, true], "{}", ended.stderr);
        let text = fs::read_to_string(env_file(&machine)).unwrap();
        let key = &machine.sandbox.keys()[usize::from(is_found)].value;
        assert_eq!(text, format!("{variable}={key}\n"), "{}", ended.stderr);
    }
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
async fn a_file_that_is_gone_keeps_the_old_key_and_the_new_one_is_printed_on_request_alone() {
    let machine = with_a_key(Scenario::ready()).await;
    fs::remove_file(env_file(&machine)).unwrap();
    let ended = run(&machine, rotate(&machine, &[]).env("CLAUDECODE", "1")).await.exits_with(2);
    assert!(in_one_line(&ended.stderr).contains("`keymint rotate --env-file`"), "{}", ended.stderr);
    let ended = run(&machine, with_admin_key(&machine, &["--json", "--print"])).await.exits_with(2);
    assert!(in_one_line(&ended.stderr).contains("--json would print the new key"), "{}", ended.stderr);
    for args in [&["--quiet"][..], &["--json"]] {
        let ended = run(&machine, with_admin_key(&machine, args)).await.exits_with(2);
        let shown = in_one_line(&ended.stderr);
        assert!(shown.contains("Name --env-file or --keyring. --print prints the new key."), "{shown}");
        assert!(!shown.contains("/oauth/authorize?"), "{shown}");
    }
    assert_eq!(valid(&machine), [true]);

    let ended = run(&machine, with_admin_key(&machine, &["--print"])).await.exits_with(0);
    assert!(in_one_line(&ended.stderr).contains(".env no longer exists"), "{}", ended.stderr);
    assert_eq!(ended.stdout.trim_end(), machine.sandbox.keys()[1].value);
    assert!(!env_file(&machine).exists());
    // The file may have been moved, with the key that a program reads from it.
    assert!(
        in_one_line(&ended.stderr).contains(".env had it, and did not get the new key"),
        "{}",
        ended.stderr
    );
    assert_eq!(valid(&machine), [true, true]);
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

#[tokio::test]
async fn a_machine_without_a_key_has_none_to_rotate() {
    let machine = machine(Scenario::ready()).await;
    let ended = run(&machine, rotate(&machine, &["--json"])).await.exits_with(8);
    let error: Value = ended.json();
    assert_eq!(error["kind"], "no_key");
}
