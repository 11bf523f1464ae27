//! A run by a coding agent, which keeps what is printed in its transcript.

use crate::support::{create, keymint, machine};
use keymint_sandbox::{Consent, Scenario, sign_in_remotely};
use keymint_testkit::full_disk;
use serde_json::json;

const VARIABLES: [&str; 11] = [
    "CLAUDECODE",
    "CODEX_SANDBOX",
    "CODEX_SANDBOX_NETWORK_DISABLED",
    "CURSOR_AGENT",
    "CURSOR_TRACE_ID",
    "GEMINI_CLI",
    "OPENCODE",
    "AIDER",
    "AIDER_MODEL",
    "AI_AGENT",
    "AGENT",
];

#[tokio::test]
async fn an_agent_gets_no_key_into_its_transcript_unasked() {
    let machine = machine(Scenario::ready()).await;
    let url = machine.keymint(["start"]).output().await.exits_with(0).stdout;
    let address = sign_in_remotely(url.trim_end(), Consent::Allow).await.unwrap();
    let requests = machine.sandbox.requests().len();
    for variable in VARIABLES {
        for args in [&["create"][..], &["finish", &address]] {
            let ended = machine.keymint(args).env(variable, "1").output().await.exits_with(2);
            assert_eq!(ended.stdout, "", "{variable} {args:?}");
            for word in [&format!("keymint {} --env-file", args[0]), "--keyring", "--print"] {
                assert!(ended.stderr.contains(word), "{variable}: {}", ended.stderr);
            }
        }
    }
    let ended = machine.keymint(["create", "--json"]).env("CLAUDECODE", "1").output().await.exits_with(2);
    assert_eq!(ended.json()["kind"], json!("usage"));
    assert_eq!(machine.sandbox.requests().len(), requests);
    // The sign-in still waits.
    machine.keymint(["finish", &address, "--print"]).env("AGENT", "1").output().await.exits_with(0);
    assert_eq!(machine.sandbox.keys().len(), 1);
}

#[tokio::test]
async fn an_agent_may_print_a_key_name_a_place_for_it_or_be_denied() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(".env");
    let file = path.to_str().unwrap();
    for (args, variables) in [
        (&["--print"][..], &[("CLAUDECODE", "1")][..]),
        (&["--env-file", file], &[("CLAUDECODE", "1")]),
        (&["--dry-run"], &[("CLAUDECODE", "1")]),
        (&[], &[("CLAUDECODE", "1"), ("KEYMINT_AGENT", "0")]),
        (&[], &[("CLAUDECODE", "0"), ("AGENT", "")]),
        (&[], &[("CLAUDECODE", "1"), ("KEYMINT_PRINT", "1")]),
    ] {
        let ended = create(Scenario::ready()).args(args).envs(variables.iter().copied()).sign_in().await;
        assert_eq!(ended.code, 0, "{args:?} {variables:?}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn a_kept_key_is_not_printed_for_an_agent_unasked() {
    let ended = create(Scenario::ready()).stdout(full_disk()).sign_in().await.exits_with(9);
    let path = ended.kept_in();
    let id = path.file_stem().unwrap().to_str().unwrap();
    let recover =
        |args: &[&str]| keymint(&ended.home).args(["recover", id]).args(args).env("GEMINI_CLI", "1").output();
    let refused = recover(&[]).await.exits_with(2);
    assert!(
        refused.stdout.is_empty() && refused.stderr.contains("keymint recover ID --env-file"),
        "{}",
        refused.stderr
    );
    let listed = keymint(&ended.home).args(["recover"]).env("GEMINI_CLI", "1").output().await.exits_with(0);
    assert!(listed.stdout.contains(id) && !listed.stdout.contains(&ended.key()), "{}", listed.stdout);
    assert_eq!(recover(&["--print"]).await.exits_with(0).stdout.trim_end(), ended.key());
}
