//! `--pipe-to`, with commands that succeed and commands that fail.

#![cfg(target_os = "linux")]

use crate::support::{Start, create};
use keymint_sandbox::{Consent, Scenario};
use keymint_testkit::{BESIDE_A_TERMINAL, Launch, Scripts, until};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// A directory with this script.
fn script(text: &str) -> Scripts {
    Scripts::with("script", text)
}

/// A run that gives the key to that script.
fn create_to(script: &Scripts) -> Start {
    create(Scenario::ready()).args(["--pipe-to"]).args([script.path("script")])
}

#[tokio::test]
async fn a_command_gets_the_key_on_its_standard_input_and_nowhere_else() {
    let script = script(
        "cat >got; cat /proc/$$/cmdline /proc/$$/environ >elsewhere; echo stored; echo 'with a note' >&2",
    );
    let ended = create_to(&script).sign_in().await;

    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{}", ended.stderr);
    assert_eq!(script.read("got"), ended.key());
    let elsewhere = fs::read(script.path("elsewhere")).unwrap();
    assert!(!String::from_utf8_lossy(&elsewhere).contains(&ended.key()));
    for line in ["stored", "with a note"] {
        assert!(ended.stderr.lines().any(|said| said == line), "{}", ended.stderr);
    }
    assert!(ended.stderr.contains("script\"\n"), "{}", ended.stderr);
}

#[tokio::test]
async fn the_words_of_a_command_are_split_as_a_shell_splits_them_and_no_shell_reads_them() {
    let script = script("cat >/dev/null; printf '<%s>\\n' \"$@\"");
    let command = format!("'{}' one 'two words' '$HOME' '' a\\ b ; *", script.path("script").display());
    let ended = create(Scenario::ready()).args(["--pipe-to", &command]).sign_in().await;

    let said: Vec<_> = ended.stderr.lines().filter(|line| line.starts_with('<')).collect();
    assert_eq!(said, ["<one>", "<two words>", "<$HOME>", "<>", "<a b>", "<;>", "<*>"], "{}", ended.stderr);
}

#[tokio::test]
async fn json_and_events_name_the_pipe_and_hold_no_key() {
    let script = script("cat >/dev/null; echo stored");
    let ended = create_to(&script).args(["--json", "--events"]).sign_in().await.exits_with(0);
    let json = ended.json();
    assert_eq!(json["delivered_to"], serde_json::json!([{ "kind": "command" }]));
    assert_eq!(json["key"].get("value"), None, "{json}");
    for event in
        [r#"{"event":"command_output","line":"stored"}"#, r#"{"event":"delivered","to":{"kind":"command"}}"#]
    {
        assert!(ended.stderr.lines().any(|line| line == event), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_command_that_cannot_be_started_is_found_before_any_server_is_contacted() {
    let script = script("");
    let data = script.path("data");
    fs::write(&data, "").unwrap();
    let broken = ["#!/bin/sh\r\ncat >/dev/null\r\n", "cat >/dev/null\n", "#!/usr/bin/env no-such-program\n"];
    let broken = broken.map(|text| {
        let path = script.path(&format!("broken-{}", text.len()));
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    });
    for (command, code, problem) in [
        (broken[0].as_str(), 11, r#"needs "/bin/sh\r", which cannot be started"#),
        (&broken[1], 11, "is not a program for this machine, and has no `#!` line"),
        (&broken[2], 11, r#"needs "no-such-program", which cannot be started"#),
        ("no-such-program-of-keymint --flag", 11, "\"no-such-program-of-keymint\", was not found"),
        ("/no/such/program", 11, "\"/no/such/program\", was not found"),
        (data.to_str().unwrap(), 11, "data\", is not executable"),
        (script.path("").to_str().unwrap(), 11, "is not executable"),
        (" ", 11, "the command of --pipe-to is empty"),
        ("tee key.txt > /dev/null", 11, "the command of --pipe-to has \">\", but is not run by a shell"),
        ("~/bin/store", 11, "the command of --pipe-to has a home directory (~/), but is not run by a shell"),
        ("tee $HOME/key", 11, "the command of --pipe-to has a variable ($NAME), but is not run by a shell"),
        ("sh -c 'cat", 2, "an unclosed quote"),
    ] {
        let run = create(Scenario::ready()).args(["--pipe-to", command]).start().await;
        let ended = run.end().await;
        assert_eq!(ended.code, code, "{command}: {}", ended.stderr);
        assert!(ended.stderr.contains(problem), "{command}: {}", ended.stderr);
        assert_eq!(ended.sandbox.requests().len(), 0);
    }
}

#[tokio::test]
async fn standard_output_still_gets_the_key_when_the_command_fails() {
    let ended = create_to(&script("exit 1")).args(["--print"]).sign_in().await;
    assert_eq!((ended.code, ended.stdout.clone()), (9, format!("{}\n", ended.key())), "{}", ended.stderr);
}

/// Every run checks that the key and its pieces are on neither stream.
#[tokio::test]
async fn a_key_that_a_command_prints_is_redacted() {
    let script = script(
        "key=$(cat); echo \"stored $key in the vault\"; echo \"$key$key\" >&2; echo \"$key\" | fold -w 25\n\
         printf '%s' \"$key\" | dd bs=1 count=30 2>/dev/null; sh -xc ': '\"$key\"; printf '\\033[31mred\\n'",
    );
    let ended = create_to(&script).sign_in().await.exits_with(0);
    for line in ["stored [redacted] in the vault", "+ : [redacted]", r"\u{1b}[31mred"] {
        assert!(ended.stderr.lines().any(|said| said.ends_with(line)), "{line}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn a_command_has_the_users_limits_and_signals() {
    let script = script("cat >/dev/null; ulimit -Sc; ulimit -Hc; kill -PIPE $$");
    let ended = create_to(&script)
        .under(["sh", "-c", r#"ulimit -Sc "$(ulimit -Hc)" && exec "$@""#, "keymint"])
        .sign_in()
        .await;
    let limits: Vec<_> = ended.stderr.lines().skip_while(|line| !line.starts_with("Created")).collect();
    assert_eq!(limits[1], limits[2], "{}", ended.stderr);
    assert!(ended.stderr.contains("was terminated by signal 13"), "{}", ended.stderr);
}

/// Some programs ignore the ends of their children, and the programs that they start inherit that.
#[tokio::test]
async fn how_a_command_ended_is_known_where_the_ends_of_children_are_ignored() {
    for (text, code) in [("cat >/dev/null", 0), ("cat >/dev/null; exit 7", 9)] {
        let script = script(text);
        let ended = create_to(&script).under(["env", "--ignore-signal=CHLD"]).sign_in().await;
        assert_eq!(ended.code, code, "{}", ended.stderr);
        assert_eq!(ended.stderr.contains("ended with exit code 7"), code == 9, "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_first_signal_waits_for_the_command_and_a_second_ends_it() {
    for signals in [1, 2] {
        let script = script("echo $$ >id; while [ ! -e go ]; do :; done; cat >/dev/null");
        let mut run = create_to(&script).start().await;
        run.browser(Consent::Allow).await;
        until(|| script.path("id").exists()).await;
        run.signal("INT").await;
        if signals == 1 {
            fs::write(script.path("go"), "").unwrap();
        } else {
            run.signal("TERM").await;
        }
        let ended = run.end().await;

        if signals == 1 {
            assert_eq!(ended.code, 0, "{}", ended.stderr);
        } else {
            assert_eq!(ended.code, 9, "{}", ended.stderr);
            assert!(ended.kept_in().starts_with(&ended.home));
            assert_eq!(ended.kept(), format!("{}\n", ended.key()));
            let id = script.read("id");
            let process = format!("/proc/{}/cmdline", id.trim());
            until(|| fs::read(&process).map_or(true, |words| words.is_empty())).await;
        }
    }
}

/// `pass` prompts through gpg on the terminal, for which a program must be in the foreground.
#[tokio::test]
async fn a_command_stays_in_the_foreground_of_a_terminal_and_has_its_own_group_without_one() {
    // Two fields of /proc/PID/stat: the process group, and the terminal's foreground group.
    let script = script("cat >/dev/null; cut -d' ' -f5,8 /proc/$$/stat >groups; echo $$ >id");
    let groups = || {
        let groups = script.read("groups");
        let (own, foreground) = groups.trim().split_once(' ').unwrap();
        (own.to_owned(), foreground.to_owned())
    };

    create_to(&script).under(BESIDE_A_TERMINAL).env("SCREEN", "/dev/null").sign_in().await.exits_with(0);
    let (own, foreground) = groups();
    assert_eq!(own, foreground);

    create_to(&script).under(["setsid", "--wait"]).sign_in().await.exits_with(0);
    let id = script.read("id");
    assert_eq!(groups(), (id.trim().to_owned(), "-1".to_owned()));
}

#[tokio::test]
async fn pass_keeps_the_key() {
    // The path of the agent's socket must be short.
    let directory = tempfile::Builder::new().prefix("k").tempdir().unwrap();
    let gnupg = directory.path().join("g");
    fs::create_dir(&gnupg).unwrap();
    fs::set_permissions(&gnupg, fs::Permissions::from_mode(0o700)).unwrap();
    let store = directory.path().join("store");
    let run = async |program: &str, args: &[&str]| {
        let command = Launch::new(program, &directory).args(args);
        let ended = command.env("GNUPGHOME", &gnupg).env("PASSWORD_STORE_DIR", &store).output().await;
        assert_eq!(ended.code, 0, "{program} {args:?}: {}", ended.stderr);
        ended.stdout
    };
    let user = "tester@example.com";
    let no_passphrase = ["--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""];
    run("gpg", &[&no_passphrase[..], &["--quick-generate-key", user]].concat()).await;
    run("pass", &["init", user]).await;

    let ended = create(Scenario::ready())
        .args(["--pipe-to", "pass insert -m openai"])
        .env("GNUPGHOME", &gnupg)
        .env("PASSWORD_STORE_DIR", &store)
        .sign_in()
        .await
        .exits_with(0);
    assert_eq!(run("pass", &["show", "openai"]).await, ended.key());

    run("gpgconf", &["--kill", "all"]).await;
}

/// The system would not start such a program after the key exists.
#[tokio::test]
async fn a_command_that_is_too_long_for_the_system_is_found_before_any_server_is_contacted() {
    let configuration = tempfile::tempdir().unwrap();
    let file = configuration.path().join("keymint/config.toml");
    fs::create_dir(file.parent().unwrap()).unwrap();
    let run = || create(Scenario::ready()).args(["--print"]).env("XDG_CONFIG_HOME", configuration.path());
    for too_long in ["x".repeat(128 * 1024), "x ".repeat(500_000)] {
        fs::write(&file, format!("pipe_to = \"sh -c 'cat >/dev/null' {too_long}\"\n")).unwrap();
        let ended = run().start().await.end().await.exits_with(11);
        let said = "the command of --pipe-to is longer than this system allows";
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
        assert_eq!(ended.sandbox.requests().len(), 0);
    }
    fs::write(&file, format!("pipe_to = \"sh -c 'cat >/dev/null' {}\"\n", "x".repeat(128 * 1024 - 1)))
        .unwrap();
    run().sign_in().await.exits_with(0);
}
