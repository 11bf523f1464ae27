//! The screens of `create`, and of commands that complete it.

use super::{busy, desktop, ends, is_empty, last_four, prints, signs_in};
use crate::support::keymint;
use keymint_sandbox::{Consent, Scenario, Step, sign_in_remotely};
use keymint_testkit::{Scripts, Session};
use std::fs;
use std::process::Stdio;

#[tokio::test]
async fn a_key_is_printed() {
    for (name, args) in [
        ("create-stdout", &[][..]),
        ("create-verify", &["--verify", "--name", "screens"]),
        ("create-dry-run", &["--dry-run"]),
        ("create-dry-run-json", &["--dry-run", "--json"]),
        ("create-json", &["--json"]),
        ("create-events", &["--events"]),
        ("create-quiet", &["--quiet"]),
        ("create-verbose", &["--verbose"]),
    ] {
        let ended = signs_in(name, desktop(Scenario::ready(), args)).await;
        assert!(name != "create-json" || ended.json()["key"]["last4"] == last_four(&ended.key()));
    }
    let slow = Scenario::ready().project_ready_in_list(3);
    let waited = signs_in("create-waits", desktop(slow, &["--poll-interval", "20ms"])).await;
    assert_eq!(waited.count("GET", "/v1/organizations"), 3);
    let troubled =
        Scenario::ready().reply(Step::Projects.nth(1), busy()).reply(Step::CreateKey.nth(1), busy());
    signs_in("create-retries", desktop(troubled, &[])).await;
    let home = tempfile::tempdir().unwrap();
    let demo = keymint(&home).args(["demo"]).env("HTTP_PROXY", "http://127.0.0.1:9");
    let elsewhere = [("KEYMINT_ISSUER", "http://not.to.be.used.example"), ("KEYMINT_CALLBACK_PORT", "1")];
    prints("demo", demo.envs(elsewhere)).await;
    is_empty(&home);
}

#[tokio::test]
async fn a_key_goes_to_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(".env");
    let file = file.to_str().unwrap();
    let to_file = |args: &[&str]| desktop(Scenario::ready(), &[&["--env-file", file], args].concat());
    signs_in("create-env-file", to_file(&[])).await;
    ends("error-env-file-has-a-key", to_file(&[]).start().await).await;
    signs_in("create-env-file-forced", to_file(&["--force"])).await;
    fs::remove_file(file).unwrap();
    signs_in("create-two-at-once", to_file(&["--print"])).await;
}

#[tokio::test]
async fn a_key_goes_to_a_keyring_and_is_forgotten() {
    let bus = ("DBUS_SESSION_BUS_ADDRESS", &Session::shared().address);
    let create = desktop(Scenario::ready(), &["--keyring", "--profile", "screens"]);
    let key = signs_in("create-keyring", create.env(bus.0, bus.1)).await.key();
    let home = tempfile::tempdir().unwrap();
    for name in ["forget", "forget-again"] {
        let forget = keymint(&home).args(["forget", "--yes", "--profile", "screens"]).env(bus.0, bus.1);
        let output = prints(name, forget).await.stderr;
        assert!(
            name == "forget-again" || output.contains(&format!("ends in {}, ", last_four(&key))),
            "{output}"
        );
        assert_eq!(Session::shared().stored("screens"), "");
    }
}

#[tokio::test]
async fn a_key_goes_to_a_command_or_the_clipboard() {
    let programs = Scripts::with("xclip", "cat >/dev/null; echo stored");
    let xclip = programs.path("xclip");
    let pipe_to = ["--pipe-to", xclip.to_str().unwrap()];
    signs_in("create-pipe-to", desktop(Scenario::ready(), &pipe_to)).await;
    let copy = desktop(Scenario::ready(), &["--copy"])
        .env("PATH", programs.search_path())
        .under(["setsid", "--wait"]);
    signs_in("create-copy", copy).await;
}

#[tokio::test]
async fn a_sign_in_is_completed_elsewhere() {
    let start = desktop(Scenario::ready(), &[]).with_browser().command("start").start().await;
    let start = ends("start", start).await;
    let address = sign_in_remotely(start.stdout.trim_end(), Consent::Allow).await.unwrap();
    for name in ["finish", "finish-again"] {
        prints(name, keymint(&start.home).args(["finish", &address])).await;
    }
    assert_eq!((start.sandbox.keys().len(), start.sandbox.violations().len()), (1, 0));
    is_empty(start.home.path().join(".local/state/keymint/pending"));
    let mut run = desktop(Scenario::ready(), &["--no-listen"]).stdin(Stdio::piped()).start().await;
    let address = sign_in_remotely(&run.url().await, Consent::Allow).await.unwrap();
    let wrong = "http://localhost/auth/callback?code=c&state=wrong";
    run.types(&format!("{wrong}\n{address}\n")).await;
    ends("create-paste", run).await;
}
