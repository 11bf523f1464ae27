//! A run by a coding agent, which keeps what is printed in its transcript, or by a CI system, where no user can
//! sign in with a browser.

use crate::support::{create, keymint, machine};
use keymint_sandbox::{Consent, Scenario, sign_in_remotely};
use keymint_testkit::{Ended, Terminal, free_port, full_disk};
use serde_json::json;

const AGENTS: [&str; 24] = [
    "CLAUDECODE",
    "CLAUDE_CODE",
    "CODEX_SANDBOX",
    "CODEX_SANDBOX_NETWORK_DISABLED",
    "CODEX_CI",
    "CODEX_THREAD_ID",
    "CURSOR_AGENT",
    "CURSOR_TRACE_ID",
    "GEMINI_CLI",
    "OPENCODE",
    "OPENCODE_CLIENT",
    "AIDER",
    "AIDER_MODEL",
    "ANTIGRAVITY_AGENT",
    "AUGMENT_AGENT",
    "CLINE_ACTIVE",
    "COPILOT_CLI",
    "CRUSH",
    "GOOSE_TERMINAL",
    "PI_CODING_AGENT",
    "QWEN_CODE",
    "AI_AGENT",
    "AGENT",
    "KEYMINT_AGENT",
];

const CI_SYSTEMS: [&str; 12] = [
    "CI",
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "BUILDKITE",
    "JENKINS_URL",
    "TF_BUILD",
    "CIRCLECI",
    "TRAVIS",
    "TEAMCITY_VERSION",
    "CODEBUILD_BUILD_ID",
    "BITBUCKET_BUILD_NUMBER",
    "KEYMINT_CI",
];

/// Checks that the message is one sentence that names the variable and the commands.
fn relays(ended: &Ended, variable: &str, words: &[&str]) {
    let message = ended.stderr.replace("\n       ", " ");
    let message = message.lines().find_map(|line| line.strip_prefix("error: ")).expect(&message);
    assert!(message.contains(&format!("({variable} is set)")), "{message}");
    assert!(!message.contains(". "), "{message}");
    for word in words {
        assert!(message.contains(word), "{word}: {message}");
    }
}

#[tokio::test]
async fn an_agent_gets_no_key_into_its_transcript_unasked() {
    let machine = machine(Scenario::ready()).await;
    let url = machine.keymint(["start"]).output().await.exits_with(0).stdout;
    let address = sign_in_remotely(url.trim_end(), Consent::Allow).await.unwrap();
    let requests = machine.sandbox.requests().len();
    for variable in AGENTS {
        for (args, command) in [
            (&["create"][..], "keymint create"),
            (&["finish"], "keymint finish"),
            (&["finish", &address], "keymint finish URL"),
        ] {
            let ended = machine.keymint(args).env(variable, "1").output().await.exits_with(2);
            assert_eq!(ended.stdout, "", "{variable} {args:?}");
            let commands = ["--env-file", "--keyring"].map(|place| format!("`{command} {place}`"));
            relays(&ended, variable, &commands.each_ref().map(String::as_str));
            for word in ["Add one of them to the command that you ran.", "--print"] {
                assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
            }
        }
    }
    let ended = machine.keymint(["create", "--json"]).env("CLAUDECODE", "1").output().await.exits_with(2);
    assert_eq!(ended.json()["kind"], json!("usage"));
    assert_eq!(machine.sandbox.requests().len(), requests);
    // The sign-in is still pending.
    machine.keymint(["finish", &address, "--print"]).env("AGENT", "1").output().await.exits_with(0);
    assert_eq!(machine.sandbox.keys().len(), 1);
}

#[tokio::test]
async fn every_agent_that_names_print_gets_the_key() {
    let machine = machine(Scenario::ready()).await;
    for variable in AGENTS {
        let ended =
            create(Scenario::ready()).args(["--print"]).env(variable, "1").sign_in().await.exits_with(0);
        assert_eq!(ended.stdout.trim_end(), ended.key(), "{variable}");

        let url = machine.keymint(["start"]).env(variable, "1").output().await.exits_with(0).stdout;
        let address = sign_in_remotely(url.trim_end(), Consent::Allow).await.unwrap();
        let finish = machine.keymint(["finish", &address, "--print"]).env(variable, "1");
        let key = finish.output().await.exits_with(0).stdout;
        assert_eq!(key.trim_end(), machine.sandbox.keys().pop().unwrap().value, "{variable}");
    }
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
        (&[], &[("CLAUDECODE", "0"), ("AGENT", ""), ("GEMINI_CLI", "False")]),
        (&[], &[("CLAUDECODE", "1"), ("KEYMINT_PRINT", "1")]),
    ] {
        let ended = create(Scenario::ready()).args(args).envs(variables.iter().copied()).sign_in().await;
        assert_eq!(ended.code, 0, "{args:?} {variables:?}: {}", ended.stderr);
    }
}

/// The terminal gets the key in an escape sequence.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_agent_gets_no_key_by_the_clipboard_of_its_terminal() {
    let machine = machine(Scenario::ready()).await;
    for (variables, code) in
        [(&[("CLAUDECODE", "1")][..], 11), (&[("CLAUDECODE", "1"), ("KEYMINT_AGENT", "0")], 130)]
    {
        let create = machine.keymint(["create", "--no-browser", "--copy"]).env("TERM", "xterm");
        let mut terminal = Terminal::start(create.envs(variables.iter().copied()));
        if code == 130 {
            terminal.url().await;
            terminal.types("\x03").await;
        }
        let (ended, text) = terminal.end().await;
        assert_eq!(ended, code, "{text}");
        assert_eq!(text.contains("the terminal's output is recorded"), code == 11, "{text}");
    }
    assert_eq!(machine.sandbox.requests().len(), 0);
}

#[tokio::test]
async fn a_kept_key_is_not_printed_for_an_agent_unasked() {
    let ended = create(Scenario::ready()).stdout(full_disk()).sign_in().await.exits_with(9);
    let path = ended.kept_in();
    let id = path.file_stem().unwrap().to_str().unwrap();
    let recover =
        |args: &[&str]| keymint(&ended.home).args(["recover", id]).args(args).env("GEMINI_CLI", "1").output();
    let refused = recover(&[]).await.exits_with(2);
    assert!(refused.stdout.is_empty(), "{}", refused.stdout);
    relays(&refused, "GEMINI_CLI", &[&format!("`keymint recover {id} --env-file`")]);
    let listed = keymint(&ended.home).args(["recover"]).env("GEMINI_CLI", "1").output().await.exits_with(0);
    assert!(listed.stdout.contains(id) && !listed.stdout.contains(&ended.key()), "{}", listed.stdout);
    assert_eq!(recover(&["--print"]).await.exits_with(0).stdout.trim_end(), ended.key());
}

#[tokio::test]
async fn no_sign_in_with_a_browser_begins_in_ci() {
    let machine = machine(Scenario::ready()).await;
    for variable in CI_SYSTEMS {
        for (args, command) in [
            (&["create"][..], "`keymint start`"),
            (&["create", "--env-file", "--dry-run"], "`keymint finish`"),
            (&["list"], "`keymint list`"),
        ] {
            let ended = machine.keymint(args).env(variable, "true").output().await.exits_with(2);
            assert_eq!(ended.stdout, "", "{variable} {args:?}");
            relays(&ended, variable, &["no user can sign in with a browser in CI"]);
            for word in [command, "--no-listen", "KEYMINT_CI=0"] {
                assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
            }
        }
    }
    // This check comes before that of the destination, which would not help.
    let both = machine.keymint(["create", "--json"]).envs([("CI", "1"), ("CLAUDECODE", "1")]);
    let both = both.output().await.exits_with(2);
    assert_eq!(both.json()["kind"], json!("usage"));
    relays(&both, "CI", &["in CI"]);
    let lines: Vec<_> = both.stderr.lines().collect();
    assert_eq!(
        lines[1..4],
        [
            "With an admin key: `keymint admin service-account`.",
            "In two steps: `keymint start`, then `keymint finish`.",
            "Or store a key from your own machine as a CI secret.",
        ]
    );
    assert_eq!(machine.sandbox.requests().len(), 0);
}

#[tokio::test]
async fn a_user_may_sign_in_in_ci_by_two_steps_a_pasted_url_or_a_denial() {
    let ci = ("GITHUB_ACTIONS", "true");
    for variables in [&[ci, ("KEYMINT_CI", "0")][..], &[("CI", "false"), ("JENKINS_URL", "")]] {
        let ended = create(Scenario::ready()).envs(variables.iter().copied()).sign_in().await;
        assert_eq!(ended.code, 0, "{variables:?}: {}", ended.stderr);
    }

    let machine = machine(Scenario::ready()).await;
    let url = machine.keymint(["start"]).envs([ci]).output().await.exits_with(0).stdout;
    let address = sign_in_remotely(url.trim_end(), Consent::Allow).await.unwrap();
    machine.keymint(["finish"]).envs([ci]).input(&address).output().await.exits_with(0);
    assert_eq!(machine.sandbox.keys().len(), 1);

    // It waits for the address, and standard input has none.
    let paste = machine.keymint(["create", "--no-listen", "--no-browser"]).envs([ci]);
    let paste = paste.output().await.exits_with(2);
    assert!(paste.stderr.contains("/oauth/authorize?"), "{}", paste.stderr);
}

#[tokio::test]
async fn the_doctor_names_the_agent_and_the_ci_system() {
    let home = tempfile::tempdir().unwrap();
    let port = free_port().to_string();
    let unreachable =
        ["--issuer", "http://127.0.0.1:1", "--api-base", "http://127.0.0.1:1", "--callback-port", &port];
    for (variables, agent, ci) in [
        (
            &[("AIDER_MODEL", "x"), ("TF_BUILD", "True")][..],
            "Aider runs keymint (AIDER_MODEL is set)",
            "Azure Pipelines runs keymint (TF_BUILD is set)",
        ),
        (
            &[("AGENT", "x"), ("KEYMINT_AGENT", "0"), ("CI", "1"), ("KEYMINT_CI", "0")],
            "no coding agent is recognized",
            "no CI system is recognized",
        ),
    ] {
        let doctor =
            keymint(&home).args(["doctor", "--json"]).args(unreachable).envs(variables.iter().copied());
        let doctor = doctor.output().await.exits_with(1).json();
        for (check, expected, status) in
            [("agent", agent, "ok"), ("ci", ci, if ci.contains("runs") { "warning" } else { "ok" })]
        {
            let findings = doctor["findings"].as_array().unwrap();
            let finding = findings.iter().find(|finding| finding["check"] == check).unwrap();
            assert!(finding["message"].as_str().unwrap().starts_with(expected), "{finding}");
            assert_eq!(finding["status"], status, "{finding}");
        }
    }
}
