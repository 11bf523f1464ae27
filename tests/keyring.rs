//! `--keyring`, `run` and `forget` with a real keyring.

#![cfg(target_os = "linux")]

mod forget;
mod run;

use crate::support::{create, keymint, machine};
use keymint_delivery_adapter::{Keyring, Overwrite};
use keymint_domain::testing::conformance;
use keymint_domain::{ApiKey, KeyDestination};
use keymint_sandbox::{Consent, Scenario, sign_in};
use keymint_testkit::{Ended, Machine, Session, Terminal};
use serde_json::Value;
use std::env;
use std::process::Command;

const KEY: &str = "sk-proj-of-the-keyring-tests-9f3A";

pub(crate) const BUS: &str = "DBUS_SESSION_BUS_ADDRESS";

/// Runs `keymint` in this session.
pub(crate) async fn keymint_in(session: &Session, args: &[&str]) -> Ended {
    keymint_under(&[], session, args).await
}

pub(crate) async fn keymint_under(program: &[&str], session: &Session, args: &[&str]) -> Ended {
    let home = tempfile::tempdir().unwrap();
    let keymint = keymint(&home).current_dir(&home).env(BUS, &session.address);
    keymint.under(program).args(args).output().await
}

/// The library finds the session in its environment, so the check runs in a process of its own.
#[tokio::test]
async fn a_keyring_keeps_what_the_port_promises() {
    const CHECKS: &str = "KEYMINT_TEST_CHECKS_THE_KEYRING";
    if env::var_os(CHECKS).is_none() {
        let mut test = Command::new(env::current_exe().unwrap());
        test.args(["keyring::a_keyring_keeps_what_the_port_promises", "--exact"]).env(CHECKS, "1");
        let ended = Session::shared().run(&mut test);
        let output = String::from_utf8_lossy(&ended.stdout);
        assert!(output.contains("1 passed"), "{output}");
        return;
    }
    let reserve = async |overwrite| Keyring::inspect("port").await.unwrap().reserve(overwrite).await.unwrap();
    let mut keyring = reserve(Overwrite::Never).await;
    let read = async || Some(Keyring::get("port").await.unwrap()?.expose().to_owned());
    conformance::key_destination(&mut keyring, read).await.unwrap();
    // The item changes after the inspection.
    let mut refuses = reserve(Overwrite::IfUnchanged).await;
    reserve(Overwrite::Always).await.deliver(&ApiKey::parse(KEY.to_owned()).unwrap()).await.unwrap();
    conformance::failing_key_destination(&mut refuses).await.unwrap();
}

#[tokio::test]
async fn a_created_key_is_in_the_keyring_for_every_program_and_for_run() {
    let session = Session::start("unlocked");
    let ended = create(Scenario::ready())
        .args(["--keyring", "--profile", "created", "--json"])
        .env(BUS, &session.address)
        .sign_in()
        .await
        .exits_with(0);
    assert_eq!(
        ended.json()["delivered_to"],
        serde_json::json!([{ "kind": "keyring", "profile": "created" }])
    );
    assert!(ended.json()["key"].get("value").is_none());
    assert!(ended.stderr.contains("`keymint run --profile created -- CMD`"), "{}", ended.stderr);
    assert_eq!(session.stored("created"), ended.key());

    let run = ["run", "--profile", "created", "--", "printenv", "OPENAI_API_KEY"];
    assert_eq!(keymint_in(&session, &run).await.stdout, format!("{}\n", ended.key()));
    // The trial item is removed.
    let items = session.run(Command::new("secret-tool").args(["search", "--all", "service", "keymint"]));
    let items = String::from_utf8_lossy(&[items.stdout, items.stderr].concat()).into_owned();
    assert!(items.contains("label = OpenAI API key (keymint, profile created)"), "{items}");
    assert_eq!(items.matches("label = ").count(), 1, "{items}");
}

#[tokio::test]
async fn a_stored_key_is_replaced_only_on_request() {
    let session = Session::shared();
    session.store("stored", &[], KEY);
    let keep = ["create", "--no-browser", "--keyring", "--profile", "stored", "--json"];
    let ended = keymint_in(session, &keep).await;
    assert_eq!((ended.code, &ended.json()["kind"]), (11, &Value::from("destination_unusable")));
    assert!(ended.stderr.contains("ends in 9f3A") && ended.stderr.contains("--force"), "{}", ended.stderr);
    assert!(!ended.stderr.contains(KEY) && !ended.stderr.contains("http"), "{}", ended.stderr);
    assert_eq!(session.stored("stored"), KEY);

    for replaces in ["--new", "--force"] {
        let ended = create(Scenario::ready())
            .args(["--keyring", "--profile", "stored", replaces])
            .env(BUS, &session.address)
            .sign_in()
            .await;
        assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{}", ended.stderr);
        assert_eq!(session.stored("stored"), ended.key());
    }
}

#[tokio::test]
async fn a_key_that_comes_during_the_sign_in_is_not_lost_and_neither_is_the_new_one() {
    let session = Session::shared();
    let mut run = create(Scenario::ready())
        .args(["--keyring", "--profile", "meanwhile"])
        .env(BUS, &session.address)
        .start()
        .await;
    run.url().await;
    session.store("meanwhile", &[], KEY);
    let ended = run.answer(Consent::Allow).await.exits_with(9);
    assert!(ended.stderr.contains("the key changed during the sign-in"), "{}", ended.stderr);
    assert_eq!(session.stored("meanwhile"), KEY);
    assert_eq!(ended.kept(), format!("{}\n", ended.key()));
}

#[tokio::test]
async fn a_keyring_that_takes_nothing_is_noticed_before_the_sign_in() {
    let (locked, none) = (Session::start("unlocked"), Session::start("none"));
    locked.lock();
    for (session, message) in [(&locked, "locked"), (&none, "no default keyring")] {
        let ended = keymint_in(session, &["create", "--no-browser", "--keyring"]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (11, ""));
        assert!(ended.stderr.contains(message) && ended.stderr.contains("--env-file"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("http"), "{}", ended.stderr);
    }
}

/// A user at a terminal of the shared session, and the machine.
pub(crate) async fn at_a_terminal(words: &str) -> (Terminal, Machine) {
    let machine = machine(Scenario::ready()).await;
    let keymint = machine.keymint(words.split(' ')).env("KEYMINT_NO_BROWSER", "1");
    (Terminal::start(keymint.env(BUS, &Session::shared().address)), machine)
}

#[tokio::test]
async fn the_user_is_asked_whether_a_stored_key_may_be_replaced() {
    let session = Session::shared();
    session.store("asked", &[], KEY);
    let words = "create --keyring --profile asked";

    let (mut terminal, machine) = at_a_terminal(words).await;
    let shown = terminal.shows("Replace it? [y/N]").await;
    assert!(shown.contains("9f3A") && !shown.contains(KEY), "{shown}");
    assert!(shown.contains("warning: the keyring has"), "{shown}");
    terminal.types("n\n").await;
    assert_eq!((terminal.end().await.0, machine.sandbox.requests().len()), (11, 0));
    assert_eq!(session.stored("asked"), KEY);

    let (mut terminal, machine) = at_a_terminal(words).await;
    terminal.shows("Replace it? [y/N]").await;
    terminal.types("y\n").await;
    let url = terminal.url().await;
    sign_in(&url, Consent::Allow).await.unwrap();
    assert_eq!(terminal.end().await.0, 0);
    assert_eq!(session.stored("asked"), machine.sandbox.keys()[0].value);
}

#[tokio::test]
async fn a_keyring_without_one_clear_key_gives_none() {
    let (shared, locked, none) = (Session::shared(), Session::start("unlocked"), Session::start("none"));
    shared.store("no-key", &[], "a canary");
    for value in ["1", "2"] {
        shared.store("two", &["of", value], KEY);
    }
    locked.store("default", &[], KEY);
    locked.lock();
    for (session, command, code, words) in [
        (shared, "run --profile no-key -- env", 11, &["is not a key"][..]),
        (shared, "run --profile two -- env", 11, &["2 items"]),
        (shared, "forget --yes --profile two", 11, &["2 items"]),
        (&locked, "run -- env", 11, &["locked", "--env-file"]),
        (&locked, "forget --yes", 11, &["locked", "--env-file"]),
        (&none, "run -- env", 8, &[]),
    ] {
        let ended = keymint_in(session, &command.split(' ').collect::<Vec<_>>()).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{command}: {}", ended.stderr);
        assert!(words.iter().all(|word| ended.stderr.contains(word)), "{command}: {}", ended.stderr);
        assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
    }
    for removed in [true, false] {
        let ended = keymint_in(shared, &["forget", "--yes", "--profile", "no-key", "--json"]).await;
        assert_eq!((ended.code, &ended.json()["removed"]), (0, &Value::from(removed)));
        assert_eq!(shared.stored("no-key"), "");
    }
}

#[tokio::test]
async fn without_a_session_there_is_no_keyring() {
    let home = tempfile::tempdir().unwrap();
    let nowhere = home.path().join("bus").display().to_string();
    let refused = format!("unix:path={nowhere}");
    for address in ["", &refused, "nonsense"] {
        let environment = [("XDG_RUNTIME_DIR", nowhere.as_str()), (BUS, address)];
        let environment = if address.is_empty() { &environment[..1] } else { &environment };
        for args in [&["run", "--json", "--", "env"][..], &["create", "--keyring", "--json"]] {
            let keymint = keymint(&home).current_dir(&home).args(args);
            let ended = keymint.envs(environment.iter().copied()).output().await;
            assert_eq!((ended.code, &ended.json()["kind"]), (11, &Value::from("destination_unusable")));
            assert!(ended.stderr.contains("cannot reach a keyring"), "{}", ended.stderr);
            let is_told = ended.stderr.contains("--env-file") && !ended.stderr.contains("http");
            assert!(is_told, "{}", ended.stderr);
        }
    }
}

/// A bus that starts nothing by itself.
const BARE_BUS: &str = r#"<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>"#;

#[tokio::test]
async fn without_a_service_there_is_no_keyring() {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("bus.conf");
    std::fs::write(&config, BARE_BUS).unwrap();
    let config = format!("--config-file={}", config.display());
    let keymint = keymint(&home).under(["dbus-run-session", &config, "--"]);
    let ended = keymint.args(["run", "--", "env"]).output().await;
    assert_eq!(ended.code, 11);
    assert!(ended.stderr.contains("cannot reach a keyring"), "{}", ended.stderr);
}

#[tokio::test]
async fn an_existing_key_is_imported_into_the_keyring() {
    let session = Session::start("unlocked");
    let home = tempfile::tempdir().unwrap();
    let import = keymint(&home).args(["import", "--keyring", "--json"]).env(BUS, &session.address).input(KEY);
    let printed = import.output().await.exits_with(0).json();
    assert_eq!(printed["delivered_to"][0]["kind"], "keyring");
    assert_eq!(session.stored("default"), KEY);
    let run = keymint(&home).args(["run", "--", "printenv", "OPENAI_API_KEY"]).env(BUS, &session.address);
    assert_eq!(run.output().await.exits_with(0).stdout.trim_end(), KEY);
}
