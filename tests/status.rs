//! `keymint status`: the known keys, and the one that programs use.

#![cfg(target_os = "linux")]

use crate::support::{Ended, create, in_one_line, keymint, machine};
use keymint_sandbox::{Consent, Reply, Scenario, Step};
use keymint_testkit::{Session, free_port, full_disk};
use serde_json::{Value, json};
use std::fs;
use tempfile::TempDir;

const OTHER: &str = "sk-proj-of-the-status-tests-7bQz";

/// Runs `keymint status` in a home directory, and checks that it shows none of these keys.
async fn status(
    home: &TempDir,
    args: &[&str],
    environment: &[(&str, &str)],
    keys: &[&str],
) -> keymint_testkit::Ended {
    let status = keymint(home).args(["status"]).args(args).envs(environment.iter().copied());
    let shown = status.current_dir(home).output().await;
    for key in keys.iter().chain([&OTHER]) {
        assert!(
            !shown.stdout.contains(key) && !shown.stderr.contains(key),
            "{}{}",
            shown.stdout,
            shown.stderr
        );
    }
    if !args.contains(&"--json") {
        let is_whole = |line: &str| line.chars().count() <= 80 || line.contains('/');
        assert!(shown.stdout.lines().all(is_whole), "{}", shown.stdout);
    }
    shown
}

/// Returns a run whose key is in `.env` of its home directory.
async fn delivered(scenario: Scenario) -> Ended {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(".env");
    let ended = create(scenario).args(["--env-file", file.to_str().unwrap()]).sign_in().await.exits_with(0);
    fs::copy(file, ended.home.path().join(".env")).unwrap();
    ended
}

#[tokio::test]
async fn a_variable_of_the_environment_comes_before_the_file() {
    let ended = delivered(Scenario::ready()).await;
    let key = ended.key();
    let environment = [("OPENAI_API_KEY", OTHER)];
    let shown = status(&ended.home, &["--json"], &environment, &[&key]).await.json();
    assert_eq!(
        (&shown["in_use"]["kind"], &shown["in_use"]["variable"], &shown["in_use"]["last4"]),
        (&json!("environment"), &json!("OPENAI_API_KEY"), &json!("7bQz"))
    );
    let file = ended.home.path().join(".env");
    assert_eq!(
        shown["shadowed"],
        json!([{
            "kind": "env_file",
            "path": file,
            "variable": "OPENAI_API_KEY",
            "last4": key[key.len() - 4..],
            "problem": null,
        }])
    );
    let shown = status(&ended.home, &[], &environment, &[&key]).await.stdout;
    assert!(in_one_line(&shown).contains("ends in 7bQz, and was not created by keymint here"), "{shown}");
    assert!(shown.contains("Also stored:"), "{shown}");
    let shown = status(&ended.home, &[], &[("OPENAI_API_KEY", "old")], &[&key]).await.stdout;
    assert!(shown.contains("OPENAI_API_KEY in the environment: is too short for a key\n"), "{shown}");

    // A different variable does not count.
    let environment = [("OPENAI_API_KEY", OTHER), ("KEYMINT_VAR", "MY_KEY")];
    let shown = status(&ended.home, &["--json"], &environment, &[&key]).await.json();
    assert_eq!(shown["in_use"], Value::Null);
}

#[tokio::test]
async fn an_invalid_or_unreadable_key_is_reported_without_its_content() {
    let home = tempfile::tempdir().unwrap();
    let environment = [("OPENAI_API_KEY", "canary with blanks")];
    fs::write(home.path().join(".env"), "OPENAI_API_KEY=canary\"\n").unwrap();
    let shown = status(&home, &["--json"], &environment, &["canary"]).await.json();
    assert_eq!(
        (&shown["in_use"]["last4"], &shown["in_use"]["problem"]),
        (&Value::Null, &json!("its value is not a key"))
    );
    let problem = shown["shadowed"][0]["problem"].as_str().unwrap();
    assert!(problem.ends_with("line 1: an unclosed quote"), "{problem}");

    // A FIFO without a writer would block a reader forever.
    fs::remove_file(home.path().join(".env")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(home.path().join(".env")).status().unwrap();
    assert!(made.success());
    let shown = status(&home, &["--json"], &[], &[]).await;
    assert!(shown.json()["in_use"]["problem"].is_string(), "{}", shown.stdout);
}

#[tokio::test]
async fn a_key_that_may_exist_is_reported_with_what_to_do() {
    let lost = Reply::hang_up().after_processing();
    let ended = create(Scenario::ready().reply(Step::CreateKey, lost)).sign_in().await.exits_with(10);
    let shown = status(&ended.home, &[], &[], &[]).await.stdout;
    assert!(shown.contains("It may exist: look for that name"), "{shown}");
    assert!(shown.contains(&ended.sandbox.keys()[0].name), "{shown}");
}

/// Each warning is a line, and each marked record is written to the disk.
#[tokio::test]
async fn of_many_runs_that_were_cut_short_a_run_warns_of_ten_and_says_how_many_more_there_are() {
    let machine = machine(Scenario::ready()).await;
    let create = || machine.keymint(["create", "--no-browser"]).spawn();
    let mut run = create();
    run.browser(Consent::Allow).await;
    run.finish().await.exits_with(0);
    let records = machine.home.path().join(".local/state/keymint/records");
    let record = fs::read_dir(&records).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&record).unwrap();
    let requested = text.lines().find(|line| line.contains("requested")).unwrap();
    for number in 0..25 {
        let path = records.join(format!("{number}.jsonl"));
        fs::copy(&record, &path).unwrap();
        fs::write(path, requested).unwrap();
    }
    for (warnings, more) in [(10, "15 more"), (10, "5 more"), (5, "")] {
        let mut run = create();
        run.url().await;
        run.signal("TERM").await;
        let shown = run.finish().await.exits_with(143).stderr;
        assert_eq!(shown.matches("an earlier run was cut short").count(), warnings, "{shown}");
        assert!(shown.contains(more) && shown.contains("more earlier runs") != more.is_empty(), "{shown}");
    }
}

#[tokio::test]
async fn the_platform_is_asked_about_the_key_only_where_that_is_wanted() {
    let no_credit = r#"{"error": {"code": "insufficient_quota", "message": "no credit"}}"#;
    for (reply, code, verified, said) in [
        (Reply::default(), 0, json!("works"), ""),
        (Reply::status(429).body(no_credit), 0, json!("no_credit"), ""),
        (Reply::error(403, "auth", None, "no"), 0, json!("restricted"), ""),
        (Reply::error(401, "auth", None, "no"), 7, json!("not_accepted"), "does not accept the key"),
        (Reply::status(401), 7, Value::Null, "does not show which server"),
        (Reply::status(500), 7, Value::Null, "answered 500"),
        (Reply::hang_up(), 7, Value::Null, "error:"),
    ] {
        let ended = delivered(Scenario::ready().reply(Step::Models, reply)).await;
        let (key, base) = (ended.key(), ended.sandbox.api_base());
        let environment = [("KEYMINT_API_BASE", base)];
        status(&ended.home, &[], &environment, &[&key]).await;
        assert_eq!(ended.count("GET", "/v1/models"), 0);

        let shown = status(&ended.home, &["--verify", "--json"], &environment, &[&key]).await;
        assert!(shown.stderr.contains(said), "{}", shown.stderr);
        assert_eq!((shown.code, &shown.json()["verified"]), (code, &verified), "{}", shown.stderr);
        let shown = status(&ended.home, &["--verify"], &environment, &[&key]).await;
        assert_eq!(shown.stdout.contains("has no credit"), verified == "no_credit", "{}", shown.stdout);
    }
}

#[tokio::test]
async fn a_key_that_is_not_accepted_is_revoked_or_expired_if_its_record_says_so() {
    let refusal = Reply::error(401, "auth", None, "no");
    let ended = delivered(Scenario::ready().reply(Step::Models, refusal)).await;
    let (key, environment) = (ended.key(), [("KEYMINT_API_BASE", ended.sandbox.api_base())]);
    let records = ended.home.path().join(".local/state/keymint/records");
    let record = fs::read_dir(&records).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&record).unwrap();
    let past = "\"2026-01-02T03:04:05Z\"";
    let [expired, revoked] = ["expires_at", "revoked_at"]
        .map(|member| (member, text.replace(&format!("\"{member}\":null"), &format!("\"{member}\":{past}"))));
    for ((member, text), reason, said) in [
        (expired, "expired", "does not accept the key, which expired "),
        (revoked, "revoked", "does not accept the key, which was revoked here on 2026-01-02"),
    ] {
        fs::write(&record, text).unwrap();
        let shown = status(&ended.home, &["--verify", "--json"], &environment, &[&key]).await;
        let told_json = shown.json();
        assert_eq!((shown.code, &told_json["verified"]), (7, &json!("not_accepted")), "{}", shown.stderr);
        assert_eq!(
            (&told_json["reason"], &told_json["keys"][0][member]),
            (&json!(reason), &json!("2026-01-02T03:04:05Z"))
        );
        let shown = status(&ended.home, &["--verify"], &environment, &[&key]).await;
        assert!(shown.stderr.contains(said), "{}", shown.stderr);
        assert!(!shown.stdout.contains("can take a minute"), "{}", shown.stdout);
    }
}

#[tokio::test]
async fn a_key_that_is_gone_from_its_file_or_replaced_there_no_longer_claims_it() {
    let machine = machine(Scenario::ready()).await;
    let file = machine.home.path().join(".env");
    for name in ["first", "second"] {
        let mut run = machine.keymint(["create", "--no-browser", "--force", "--name", name]);
        run = run.args(["--env-file", file.to_str().unwrap()]);
        let mut run = run.spawn();
        run.browser(Consent::Allow).await;
        run.finish().await.exits_with(0);
    }
    let keys = || async { status(&machine.home, &["--json"], &[], &[]).await.json()["keys"].clone() };
    let shown = keys().await;
    let [first, second] = [0, 1].map(|key| &shown[key]["delivered_to"][0]);
    assert_eq!(first["replaced_by"], json!({"id": shown[1]["id"], "last4": shown[1]["last4"]}));
    assert_eq!((&first["present"], &second["present"]), (&json!(false), &json!(true)));
    assert_eq!(second["replaced_by"], Value::Null);
    let shown = status(&machine.home, &[], &[], &[]).await.stdout;
    assert!(shown.contains("Replaced by the key ending in"), "{shown}");

    fs::write(&file, format!("OPENAI_API_KEY={OTHER}\n")).unwrap();
    assert_eq!(keys().await[1]["delivered_to"][0]["present"], false);
    let shown = status(&machine.home, &[], &[], &[]).await.stdout;
    assert!(shown.contains("No longer in "), "{shown}");
    // A file that cannot be read may contain it.
    fs::write(&file, "OPENAI_API_KEY=\"\n").unwrap();
    assert_eq!(keys().await[1]["delivered_to"][0]["present"], Value::Null);
}

#[tokio::test]
async fn without_a_platform_or_a_key_there_is_no_verdict() {
    let home = tempfile::tempdir().unwrap();
    let unreachable = format!("http://127.0.0.1:{}", free_port());
    let environment = [("OPENAI_API_KEY", OTHER), ("KEYMINT_API_BASE", &unreachable)];
    let shown = status(&home, &["--verify", "--json"], &environment, &[]).await;
    assert_eq!((shown.code, &shown.json()["verified"]), (6, &Value::Null), "{}", shown.stderr);
    let shown = status(&home, &["--verify"], &[], &[]).await.exits_with(8);
    assert!(shown.stderr.contains("no key"), "{}", shown.stderr);
}

#[tokio::test]
async fn the_keyring_counts_last_and_a_record_shows_the_profile() {
    let session = Session::start("unlocked");
    let ended = create(Scenario::ready())
        .args(["--keyring", "--profile", "work"])
        .env("DBUS_SESSION_BUS_ADDRESS", &session.address)
        .sign_in()
        .await
        .exits_with(0);
    let (key, bus) = (ended.key(), ("DBUS_SESSION_BUS_ADDRESS", session.address.as_str()));
    let shown = status(&ended.home, &["--json", "--profile", "work"], &[bus], &[&key]).await.json();
    assert_eq!(
        (&shown["keys"][0]["delivered_to"][0]["profile"], &shown["in_use"]["kind"]),
        (&json!("work"), &json!("keyring"))
    );
    let environment = [bus, ("OPENAI_API_KEY", OTHER)];
    let shown = status(&ended.home, &["--profile", "work"], &environment, &[&key]).await.stdout;
    assert!(shown.contains("`keymint run --profile work -- CMD`"), "{shown}");
    assert!(shown.contains("(profile work)"), "{shown}");

    // A key that was recovered to a destination later is listed there.
    let kept = create(Scenario::ready()).stdout(full_disk()).sign_in().await;
    let recover = keymint(&kept.home).args(["recover", "--keyring", "--profile", "later"]).envs([bus]);
    assert!(recover.succeeds().await);
    let shown = status(&kept.home, &["--json"], &[], &[&kept.key()]).await.json();
    assert_eq!((&shown["keys"][0]["profile"], &shown["keys"][0]["kept_in"]), (&json!("later"), &Value::Null));

    // A key that was removed is no longer listed at its destination.
    let forget = keymint(&ended.home).args(["forget", "--yes", "--profile", "work"]).envs([bus]);
    assert!(forget.succeeds().await);
    let shown = status(&ended.home, &[], &[bus], &[&key]).await.stdout;
    assert!(shown.contains("Removed from the keyring (profile work)"), "{shown}");
    assert!(!shown.contains("Delivered to"), "{shown}");

    // A user with a key in the keyring gets a warning if the keyring cannot be reached.
    let nowhere = [("DBUS_SESSION_BUS_ADDRESS", "unix:path=/no/such/bus")];
    let shown = status(&ended.home, &["--profile", "work"], &nowhere, &[&key]).await.stdout;
    assert!(shown.contains("cannot reach a keyring"), "{shown}");
}
