//! `keymint run`: a command with the key of the keyring in its environment.

use super::{BUS, KEY, at_a_terminal, keymint_in, keymint_under};
use crate::support::{keymint, machine};
use keymint_sandbox::{Consent, Scenario, sign_in};
use keymint_testkit::{Session, Terminal};
use serde_json::Value;
use std::os::unix::process::ExitStatusExt;

#[tokio::test]
async fn a_user_without_a_key_gets_one_and_then_the_command_runs() {
    let (mut terminal, machine) = at_a_terminal("run --profile user -- printenv OPENAI_API_KEY").await;
    terminal.shows("No key is stored yet; signing in to create one.").await;
    let url = terminal.url().await;
    sign_in(&url, Consent::Allow).await.unwrap();
    let (code, rest) = terminal.end().await;
    let key = machine.sandbox.keys()[0].value.clone();
    assert_eq!(code, 0, "{rest}");
    assert!(rest.trim_end().ends_with(&key) && rest.matches(&key).count() == 1, "{rest}");
    assert_eq!(Session::shared().stored("user"), key);
}

/// `run` has no flags for them, so only the environment and the configuration restrict its key.
#[tokio::test]
async fn the_key_that_run_creates_has_the_restrictions_of_the_environment() {
    let machine = machine(Scenario::ready()).await;
    let run = machine.keymint(["run", "--profile", "restricted", "--", "true"]).envs([
        (BUS, &*Session::shared().address),
        ("KEYMINT_NO_BROWSER", "1"),
        ("KEYMINT_EXPIRES", "90d"),
        ("KEYMINT_SCOPE", "a.read, b"),
    ]);
    let mut terminal = Terminal::start(run);
    sign_in(&terminal.url().await, Consent::Allow).await.unwrap();
    let (code, rest) = terminal.end().await;
    assert_eq!(code, 0, "{rest}");
    let [key] = machine.sandbox.keys().try_into().unwrap();
    assert_eq!(
        (key.expires_in_seconds, &key.scopes[..]),
        (Some(7_776_000), &["a.read", "b"].map(String::from)[..])
    );
    assert_eq!(Session::shared().stored("restricted"), key.value);
}

#[tokio::test]
async fn a_ci_system_with_a_terminal_waits_for_no_browser() {
    let machine = machine(Scenario::ready()).await;
    let run = machine.keymint(["run", "--profile", "ci", "--", "true"]).env("BUILDKITE", "true");
    let (code, text) = Terminal::start(run.env(BUS, &Session::shared().address)).end().await;
    assert_eq!((code, machine.sandbox.requests().len()), (8, 0), "{text}");
    // It does not recommend what CI refuses.
    assert!(
        text.contains("`keymint finish --keyring --profile ci`") && !text.contains("keymint create"),
        "{text}"
    );
}

#[tokio::test]
async fn a_dry_run_begins_no_sign_in_for_a_command() {
    let machine = machine(Scenario::ready()).await;
    let run = machine.keymint(["run", "--profile", "dry", "--", "true"]).env("KEYMINT_DRY_RUN", "1");
    let (code, text) = Terminal::start(run.env(BUS, &Session::shared().address)).end().await;
    assert_eq!((code, machine.sandbox.requests().len()), (2, 0), "{text}");
    assert!(text.contains("KEYMINT_DRY_RUN is set") && !text.contains("--keyring"), "{text}");
}

#[tokio::test]
async fn a_command_finds_the_stored_key_in_its_environment_and_in_no_argument_list() {
    let session = Session::shared();
    session.store("child", &[], KEY);
    let show = "echo \"$OPENAI_API_KEY|$MINE\"; cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '";
    for (variable, expected) in [(&[][..], format!("{KEY}|\n")), (&["--var", "MINE"], format!("|{KEY}\n"))] {
        let run = [&["run", "--profile", "child"], variable, &["--", "sh", "-c", show]].concat();
        let ended = keymint_in(session, &run).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
        let others = ended.stdout.strip_prefix(&expected).unwrap();
        assert!(others.contains("keyring-session") && !others.contains(KEY), "{others}");
    }
}

#[tokio::test]
async fn a_command_takes_the_place_of_the_program() {
    let session = Session::shared();
    session.store("place", &[], KEY);
    let run = |script| ["run", "--profile", "place", "--", "sh", "-c", script];

    let ended = keymint_in(session, &run("echo $$; echo said >&2; exit 42")).await;
    assert_eq!(ended.code, 42);
    assert_eq!((ended.stdout, ended.stderr.as_str()), (format!("{}\n", ended.process), "said\n"));

    // Without `--`, arguments after the command belong to the command.
    let run_json = ["run", "--profile", "place", "echo", "--json", "-v"];
    assert_eq!(keymint_in(session, &run_json).await.stdout, "--json -v\n");

    let ended = keymint_in(session, &run("kill -s TERM $$")).await;
    assert_eq!(ended.status.signal(), Some(15));
}

#[tokio::test]
async fn a_command_has_the_signals_and_the_limits_of_the_user() {
    const BROKEN_PIPE: u32 = 13;
    let session = Session::shared();
    session.store("limits", &[], KEY);
    let with_core_dumps = ["sh", "-c", r#"ulimit -Sc "$(ulimit -Hc)" && exec "$@""#, "keymint"];
    let run = ["run", "--profile", "limits", "--", "cat", "/proc/self/status", "/proc/self/limits"];
    let ended = keymint_under(&with_core_dumps, session, &run).await;

    let line = |name| ended.stdout.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
    for mask in ["SigIgn:", "SigBlk:"] {
        let signals = u64::from_str_radix(line(mask), 16).unwrap();
        assert_eq!(signals >> (BROKEN_PIPE - 1) & 1, 0, "{mask} {signals:x}");
    }
    let core: Vec<_> = line("Max core file size").split_whitespace().collect();
    assert_eq!(core[0], core[1]);
}

/// A program with a closed standard stream would print into the next file that it opens.
#[tokio::test]
async fn a_command_has_no_closed_standard_stream_and_no_ignored_broken_pipe() {
    let session = Session::shared();
    session.store("streams", &[], KEY);
    let closed = ["sh", "-c", r#"trap "" PIPE; exec "$@" <&- 2>&-"#, "keymint"];
    let script =
        "readlink /proc/self/fd/0 /proc/self/fd/2; (kill -s PIPE $(exec sh -c 'echo $PPID'); echo ignored)";
    let run = ["run", "--profile", "streams", "--", "sh", "-c", script];
    let ended = keymint_under(&closed, session, &run).await;
    assert_eq!(ended.stdout, "/dev/null\n/dev/null\n", "{}", ended.stderr);
}

#[tokio::test]
async fn a_command_that_cannot_be_started_has_the_exit_code_of_a_shell() {
    let session = Session::shared();
    session.store("no-command", &[], KEY);
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("script");
    keymint_testkit::script(&script, "");
    std::fs::write(&script, "#!/bin/sh\r\n").unwrap();
    for (command, code, message) in [
        ("no-such-command", 127, "there is no program"),
        ("/dev/null", 126, "could not"),
        (script.to_str().unwrap(), 126, r#"needs "/bin/sh\r", which cannot be started"#),
    ] {
        let ended = keymint_in(session, &["run", "--profile", "no-command", "--json", "--", command]).await;
        assert_eq!(ended.code, code, "{}", ended.stderr);
        assert!(ended.stderr.contains(message) && ended.stderr.contains(command), "{}", ended.stderr);
        assert_eq!(ended.json()["kind"], "not_started");
    }
}

/// Another user may have created a program of that name in the current directory.
#[tokio::test]
async fn a_command_is_not_looked_for_in_a_relative_directory_of_the_search_path() {
    use std::os::unix::fs::PermissionsExt;
    let session = Session::shared();
    session.store("relative", &[], KEY);
    let home = tempfile::tempdir().unwrap();
    let tool = home.path().join("tool");
    std::fs::write(&tool, "#!/bin/sh\necho started as $0\n").unwrap();
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    let run = async |search_path: &str, command: &str| {
        let keymint = keymint(&home).current_dir(&home).env(BUS, &session.address).env("PATH", search_path);
        keymint.args(["run", "--profile", "relative", "--", command]).output().await
    };
    for search_path in [":/usr/bin", "/usr/bin:", ".", "/usr/bin::/bin", "../.", ""] {
        let ended = run(search_path, "tool").await;
        assert_eq!((ended.code, ended.stdout.as_str()), (127, ""), "{search_path}: {}", ended.stderr);
    }
    let ended = run(":/usr/bin", "./tool").await;
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "started as ./tool\n"), "{}", ended.stderr);
    // The command's name is the one that it was called by.
    let ended = run("/usr/bin:/bin", "sh").await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

#[tokio::test]
async fn nothing_runs_without_a_key() {
    let ended = keymint_in(Session::shared(), &["run", "--", "echo", "it ran"]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (8, ""));
    assert!(ended.stderr.contains("`keymint create --keyring`"), "{}", ended.stderr);

    let ended = keymint_in(Session::shared(), &["run", "--profile", "unknown", "--json", "--", "echo"]).await;
    assert_eq!((ended.code, &ended.json()["kind"]), (8, &Value::from("no_key")));
    assert!(ended.stderr.contains("`keymint create --keyring --profile unknown`"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_key_is_put_into_no_variable_that_a_system_uses() {
    for name in ["PATH", "LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "A B", ""] {
        let ended = keymint_in(Session::shared(), &["run", "--var", name, "--", "echo", "it ran"]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{name}");
        assert!(
            ["--var: it", "--var: the"].iter().any(|message| ended.stderr.contains(message)),
            "{}",
            ended.stderr
        );
    }
}
