//! `keymint forget`: the removal of a key from the keyring, and its revocation on the server before.

use super::{BUS, KEY, keymint_in};
use crate::support::{in_one_line, keymint, machine};
use keymint_sandbox::{Consent, Organization, Project, Reply, Scenario, Step, sign_in};
use keymint_testkit::{Launch, Machine, Session, Terminal, watch};
use serde_json::Value;
use std::fs::File;
use std::path::PathBuf;
use std::process::Command;

#[tokio::test]
async fn a_key_leaves_the_keyring_only_with_a_confirmation() {
    let session = Session::start("unlocked");
    session.store("default", &[], KEY);
    for args in [&["forget", "--json"][..], &["forget", "--no-input", "--json"]] {
        let error = keymint_in(&session, args).await.exits_with(2).json();
        assert!(error["hint"].as_str().unwrap().contains("--yes"), "{error}");
    }
    for (answer, code, kept) in [("\n", 2, KEY), ("y\n", 0, "")] {
        let home = tempfile::tempdir().unwrap();
        let mut terminal = Terminal::start(keymint(&home).args(["forget"]).env(BUS, &session.address));
        let question = terminal.shows("Remove it? [y/N] ").await;
        assert!(question.contains(&KEY[KEY.len() - 4..]) && !question.contains(KEY), "{question}");
        terminal.types(answer).await;
        assert_eq!(terminal.end().await.0, code);
        assert_eq!(session.stored("default"), kept);
    }
}

#[tokio::test]
async fn an_item_that_comes_while_the_removal_of_another_one_is_confirmed_stays() {
    let session = Session::start("unlocked");
    for (seen, now) in [("no key", KEY), (KEY, "no key"), ("no key", "another")] {
        session.store("default", &[], seen);
        let home = tempfile::tempdir().unwrap();
        let mut terminal = Terminal::start(keymint(&home).args(["forget"]).env(BUS, &session.address));
        terminal.shows("Remove it? [y/N] ").await;
        session.store("default", &[], now);
        terminal.types("y\n").await;
        let (code, shown) = terminal.end().await;
        let shown = in_one_line(&shown);
        assert!(code == 8 && shown.contains("has changed meanwhile"), "{shown}");
        assert_eq!(session.stored("default"), now);
    }
}

#[tokio::test]
async fn nothing_is_confirmed_if_there_is_nothing_to_forget() {
    let session = Session::start("unlocked");
    let machine = machine(acme()).await;
    for command in ["forget --json", "forget --revoke --json"] {
        let ended = with_admin_key(&machine, &session, command).output().await.exits_with(0);
        assert_eq!(ended.json()["removed"], Value::from(false), "{}", ended.stderr);
    }
}

/// A command of an administrator with this keyring.
fn with_admin_key(machine: &Machine, session: &Session, command: &str) -> Launch {
    let admin_key = machine.sandbox.admin_key("org-acme");
    machine.keymint(command.split(' ')).env(BUS, &session.address).env("OPENAI_ADMIN_KEY", admin_key)
}

/// A machine with a key in the keyring, of which it has a record.
async fn with_a_stored_key(scenario: Scenario, session: &Session) -> Machine {
    let machine = machine(scenario).await;
    let create = machine.keymint(["create", "--keyring"]).env(BUS, &session.address);
    let mut create = create.env("KEYMINT_NO_BROWSER", "1").spawn();
    sign_in(&create.url().await, Consent::Allow).await.unwrap();
    create.finish().await.exits_with(0);
    machine
}

fn acme() -> Scenario {
    let acme = Organization::new("org-acme").titled("Acme").as_default();
    Scenario::of([acme.with_project(Project::new("proj_app").titled("App").as_initial())])
}

#[tokio::test]
async fn a_stored_key_is_revoked_before_the_keyring_loses_it() {
    let session = Session::start("unlocked");
    let machine = with_a_stored_key(acme(), &session).await;
    let forget = "forget --revoke --yes --json";
    let ended = with_admin_key(&machine, &session, forget).output().await.exits_with(0);
    let [key] = machine.sandbox.keys().try_into().unwrap();
    assert!(key.is_deleted && session.stored("default").is_empty());
    let printed = ended.json();
    assert_eq!((&printed["removed"], &printed["revoked"]["key"]["id"]), (&Value::from(true), &key.id.into()));
    assert!(!ended.stderr.contains("stays valid"), "{}", ended.stderr);
    let status = machine.keymint(["status", "--json"]).output().await.json();
    let known = &status["keys"][0];
    assert!(known["revoked_at"].is_string() && known["delivered_to"][0]["removed_at"].is_string(), "{known}");
    let again = with_admin_key(&machine, &session, forget).output().await.exits_with(0).json();
    assert_eq!((&again["removed"], &again["revoked"]), (&Value::from(false), &Value::Null));
}

#[tokio::test]
async fn a_key_that_is_not_certainly_revoked_stays_in_the_keyring() {
    let refused = || Reply::error(403, "invalid_request_error", None, "no");
    for (reply, code) in [(refused(), 7), (Reply::hang_up().after_processing(), 10)] {
        let session = Session::start("unlocked");
        let machine = with_a_stored_key(acme().reply(Step::DeleteKey, reply), &session).await;
        let forget = "forget --revoke --yes --http-timeout 500ms";
        let ended = with_admin_key(&machine, &session, forget).output().await.exits_with(code);
        assert!(ended.stderr.contains("still in the keyring"), "{}", ended.stderr);
        assert_eq!(session.stored("default"), machine.sandbox.keys()[0].value);
    }

    let session = Session::start("unlocked");
    session.store("default", &[], KEY);
    session.store("elsewhere", &[], "sk-proj-of-another-organization-1234");
    let machine = machine(acme().with_key("org-acme", "proj_app", "laptop", KEY)).await;
    for (command, code, choices) in [
        ("forget --revoke --yes --json", 8, 1),
        ("forget --revoke --yes --json --profile elsewhere", 8, 0),
        ("forget --revoke --json", 2, 0),
        ("forget --revoke --yes --json --project Web", 8, 1),
    ] {
        let error = with_admin_key(&machine, &session, command).output().await.exits_with(code).json();
        assert_eq!(error["choices"].as_array().map_or(0, Vec::len), choices, "{error}");
    }
    let no_admin_key = machine.keymint(["forget", "--revoke", "--yes"]).env(BUS, &session.address);
    no_admin_key.output().await.exits_with(2);
    assert!(!machine.sandbox.keys()[0].is_deleted);
    assert_eq!(session.stored("default"), KEY);
    assert!(!session.stored("elsewhere").is_empty());
}

#[tokio::test]
async fn an_imported_key_that_ends_as_one_of_this_machine_is_not_certainly_that_one() {
    let session = Session::start("unlocked");
    let machine = machine(acme()).await;
    let create = machine.keymint(["create", "--print"]).env("KEYMINT_NO_BROWSER", "1");
    let mut create = create.spawn();
    sign_in(&create.url().await, Consent::Allow).await.unwrap();
    create.finish().await.exits_with(0);
    let made = machine.sandbox.keys()[0].value.clone();
    let other = format!("sk-proj-of-another-organization-{}", &made[made.len() - 4..]);
    let import = machine.keymint(["import", "--keyring"]).env(BUS, &session.address);
    import.env("KEYMINT_API_BASE", machine.sandbox.api_base()).input(&other).output().await.exits_with(0);

    let forget = with_admin_key(&machine, &session, "forget --revoke --yes --json");
    let error = forget.output().await.exits_with(8).json();
    assert_eq!(error["choices"].as_array().map_or(0, Vec::len), 1, "{error}");
    assert!(!machine.sandbox.keys()[0].is_deleted);
    assert_eq!(session.stored("default"), other);
}

#[tokio::test]
async fn a_user_says_whether_a_key_without_a_record_is_the_one_to_revoke() {
    let session = Session::start("unlocked");
    session.store("default", &[], KEY);
    let machine = machine(acme().with_key("org-acme", "proj_app", "laptop", KEY)).await;
    for (answer, code) in [("n\n", 2), ("y\n", 0)] {
        let mut terminal = Terminal::start(with_admin_key(&machine, &session, "forget --revoke"));
        let shown = terminal.shows("[y/N]").await;
        assert!(shown.contains("laptop") && !shown.contains(KEY), "{shown}");
        terminal.types(answer).await;
        let (ended, text) = terminal.end().await;
        assert_eq!(ended, code, "{text}");
        assert_eq!(
            (machine.sandbox.keys()[0].is_deleted, session.stored("default").is_empty()),
            (code == 0, code == 0)
        );
    }
}

/// A pipe at which a run waits until its other end is closed.
fn fifo(machine: &Machine) -> PathBuf {
    let fifo = machine.home.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    fifo
}

/// The other end of the pipe, once a run waits at it.
async fn opened(fifo: PathBuf) -> File {
    let open = tokio::task::spawn_blocking(|| File::options().write(true).open(fifo).unwrap());
    watch(open).await.unwrap()
}

#[tokio::test]
async fn a_failure_of_the_keyring_after_the_revocation_does_not_hide_the_revocation() {
    let forget = |machine: &Machine, session: &Session| {
        with_admin_key(machine, session, "forget --revoke --yes --json").env("KEYMINT_FAIL_POINT", "revoked")
    };
    let session = Session::start("unlocked");
    let machine = with_a_stored_key(acme(), &session).await;
    let ended = forget(&machine, &session).env("KEYMINT_FAIL_SIGNAL", "15").output().await.exits_with(143);
    let error = ended.json();
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("interrupted; the key \"keymint "), "{error}");
    assert!(message.ends_with("is revoked on the server, and may be in the keyring"), "{error}");
    assert!(machine.sandbox.keys()[0].is_deleted && !session.stored("default").is_empty());
    let again =
        with_admin_key(&machine, &session, "forget --revoke --yes --json").output().await.exits_with(8);
    let hint = again.json()["hint"].as_str().unwrap().to_owned();
    assert!(hint.contains("`keymint forget` removes it from the keyring."), "{hint}");
    machine.keymint(["forget", "--yes"]).env(BUS, &session.address).output().await.exits_with(0);
    assert!(session.stored("default").is_empty());

    let machine = with_a_stored_key(acme(), &session).await;
    let key = machine.sandbox.keys()[0].value.clone();
    let other = format!("sk-proj-of-another-{}", &key[key.len() - 4..]);
    let at = fifo(&machine);
    let run = forget(&machine, &session).env("KEYMINT_FAIL_FIFO", &at).spawn();
    let held = opened(at).await;
    session.store("default", &[], &other);
    drop(held);
    let printed = run.finish().await.exits_with(0);
    assert_eq!((&printed.json()["removed"], session.stored("default")), (&Value::from(false), other));

    let session = Session::start("unlocked");
    let machine = with_a_stored_key(acme(), &session).await;
    let at = fifo(&machine);
    let run = forget(&machine, &session).env("KEYMINT_FAIL_FIFO", &at).spawn();
    let held = opened(at).await;
    session.lock();
    drop(held);
    let error = run.finish().await.exits_with(11).json();
    assert!(
        error["message"].as_str().unwrap().contains("is revoked on the server, and may be in the keyring: "),
        "{error}"
    );
    assert!(error["hint"].as_str().unwrap().starts_with("`keymint forget` removes it there"), "{error}");
}
