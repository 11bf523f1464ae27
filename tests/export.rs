//! The stored key, printed as a line for a shell or a tool.

#![cfg(target_os = "linux")]

use crate::support::{KEYMINT, keymint};
use keymint_testkit::{Ended, Session, Terminal};
use serde_json::Value;

const KEY: &str = "sk-proj-it's-$HOME-`id`-\"9f3A";

const BUS: &str = "DBUS_SESSION_BUS_ADDRESS";

/// `keymint export` in a session whose keyring has the key for this profile.
async fn export(profile: &str, key: &str, variables: &[(&str, &str)], args: &[&str]) -> Ended {
    let (session, home) = (Session::shared(), tempfile::tempdir().unwrap());
    session.store(profile, &[], key);
    let export = keymint(&home).args(["export", "--profile", profile]).args(args);
    export.env(BUS, &session.address).envs(variables.iter().copied()).output().await
}

#[tokio::test]
async fn a_shell_gets_the_stored_key_from_the_exported_line() {
    let ended = export("export-sh", KEY, &[], &[]).await.exits_with(0);
    let line = r#"export OPENAI_API_KEY='sk-proj-it'\''s-$HOME-`id`-"9f3A'"#;
    assert_eq!((ended.stdout, ended.stderr), (format!("{line}\n"), String::new()));

    let home = tempfile::tempdir().unwrap();
    let script = format!(r#"eval "$('{KEYMINT}' export --profile export-sh --var MY_KEY)"; printenv MY_KEY"#);
    let shell = keymint_testkit::Launch::new("sh", &home).args(["-c", &script]);
    let ended = shell.env(BUS, &Session::shared().address).output().await.exits_with(0);
    assert_eq!(ended.stdout, format!("{KEY}\n"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_terminal_shows_the_line_and_how_it_is_used() {
    let (session, home) = (Session::shared(), tempfile::tempdir().unwrap());
    session.store("export-terminal", &[], "sk-proj-0123456789");
    for (format, line, hint) in [
        ("sh", "export OPENAI_API_KEY='sk-proj-0123456789'", r#"eval "$(keymint export)""#),
        ("fish", "set -gx OPENAI_API_KEY 'sk-proj-0123456789'", "keymint export --format fish | source"),
    ] {
        let export = keymint(&home).args(["export", "--profile", "export-terminal", "--format", format]);
        let (code, text) = Terminal::start(export.env(BUS, &session.address)).end().await;
        assert!(code == 0 && text.starts_with(line) && text.contains(hint), "{code}: {text}");
    }
}

#[tokio::test]
async fn an_agent_gets_no_exported_key_into_its_transcript_unasked() {
    let agent = ("CLAUDECODE", "1");
    let refused = export("export-agent", KEY, &[agent], &["--json"]).await.exits_with(2);
    let (message, hint) = (refused.json()["message"].to_string(), refused.json()["hint"].to_string());
    assert!(message.contains("`keymint run --profile export-agent -- CMD`"), "{message}");
    assert!(hint.contains("--print") && !refused.stdout.contains("9f3A"), "{hint}");
    for (variables, args) in [
        (&[agent][..], &["--print"][..]),
        (&[agent, ("KEYMINT_AGENT", "0")], &[]),
        (&[agent, ("KEYMINT_PRINT", "1")], &[]),
    ] {
        assert!(export("export-agent", KEY, variables, args).await.exits_with(0).stdout.contains("9f3A"));
    }
}

#[tokio::test]
async fn nothing_is_exported_without_a_key_or_in_a_format_that_cannot_express_it() {
    let ended = export("export-cmd", KEY, &[], &["--format", "cmd", "--json"]).await.exits_with(2);
    assert_eq!(ended.json()["message"], "the format cmd cannot express a value with \", % or !");
    assert!(!ended.stdout.contains("9f3A") && !ended.stderr.contains("9f3A"));

    let home = tempfile::tempdir().unwrap();
    let export = keymint(&home).args(["export", "--profile", "export-none", "--json"]);
    let ended = export.env(BUS, &Session::shared().address).output().await.exits_with(8);
    assert_eq!(ended.json()["kind"], Value::from("no_key"));
    assert!(ended.stderr.contains("`keymint create --keyring --profile export-none`"), "{}", ended.stderr);
}
