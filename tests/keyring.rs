//! The keyring.

#![cfg(target_os = "linux")]

use crate::session::Session;
use crate::support::{create, free_port, keymint, keymint_under, watch};
use crate::terminal::Terminal;
use keymint_sandbox::{Consent, Sandbox, Scenario, sign_in};
use serde_json::Value;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use tempfile::TempDir;

const KEY: &str = "sk-proj-of-the-keyring-tests-9f3A";

impl Session {
    /// Stores a value as another program would.
    pub(crate) fn store(&self, profile: &str, value: &str) {
        self.store_with(profile, &[], value);
    }

    fn store_with(&self, profile: &str, attributes: &[&str], value: &str) {
        let mut tool = Command::new("secret-tool")
            .args(["store", "--label=a test", "service", "keymint", "username", profile])
            .args(attributes)
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        tool.stdin.take().unwrap().write_all(value.as_bytes()).unwrap();
        assert!(tool.wait().unwrap().success());
    }

    /// `keymint` in this session.
    async fn keymint(&self, args: &[&str]) -> Ended {
        self.keymint_under(&[], args).await
    }

    async fn keymint_under(&self, program: &[&str], args: &[&str]) -> Ended {
        let home = tempfile::tempdir().unwrap();
        let command = keymint_under(program, &home);
        Ended::of(command, args, &[("DBUS_SESSION_BUS_ADDRESS", &self.address)], &home).await
    }
}

#[tokio::test]
async fn a_created_key_is_in_the_keyring_for_every_program_and_for_run() {
    let session = Session::start("unlocked");
    let ended = create(Scenario::ready())
        .args(&["--keyring", "--profile", "created", "--json"])
        .env("DBUS_SESSION_BUS_ADDRESS", &session.address)
        .sign_in()
        .await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.json()["delivered_to"], serde_json::json!(["keyring"]));
    assert!(ended.json()["key"].get("value").is_none());
    assert!(ended.stderr.contains("`keymint run --profile created -- CMD`"), "{}", ended.stderr);
    assert_eq!(session.stored("created"), ended.key());

    let run = ["run", "--profile", "created", "--", "printenv", "OPENAI_API_KEY"];
    assert_eq!(session.keymint(&run).await.stdout, format!("{}\n", ended.key()));
    // What was only tried is gone.
    let items = session.has(Command::new("secret-tool").args(["search", "--all", "service", "keymint"]));
    let items = String::from_utf8_lossy(&[items.stdout, items.stderr].concat()).into_owned();
    assert!(items.contains("label = OpenAI API key (keymint, profile created)"), "{items}");
    assert_eq!(items.matches("label = ").count(), 1, "{items}");
}

#[tokio::test]
async fn a_stored_key_is_replaced_only_where_that_is_asked_for() {
    let session = Session::shared();
    session.store("stored", KEY);
    let keep = ["create", "--no-browser", "--keyring", "--profile", "stored", "--json"];
    let ended = session.keymint(&keep).await;
    assert_eq!((ended.code, &ended.json()["kind"]), (Some(11), &Value::from("destination_unusable")));
    assert!(ended.stderr.contains("ends in 9f3A") && ended.stderr.contains("--new"), "{}", ended.stderr);
    assert!(!ended.stderr.contains(KEY) && !ended.stderr.contains("http"), "{}", ended.stderr);
    assert_eq!(session.stored("stored"), KEY);

    let ended = create(Scenario::ready())
        .args(&["--keyring", "--profile", "stored", "--new"])
        .env("DBUS_SESSION_BUS_ADDRESS", &session.address)
        .sign_in()
        .await;
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{}", ended.stderr);
    assert_eq!(session.stored("stored"), ended.key());
}

#[tokio::test]
async fn a_key_that_comes_during_the_sign_in_is_not_lost_and_neither_is_the_new_one() {
    let session = Session::shared();
    let mut run = create(Scenario::ready())
        .args(&["--keyring", "--profile", "meanwhile"])
        .env("DBUS_SESSION_BUS_ADDRESS", &session.address)
        .start()
        .await;
    run.url().await;
    session.store("meanwhile", KEY);
    let sign_in = run.again(Consent::Allow);
    let ended = run.end().await;
    sign_in.await.unwrap();
    assert_eq!(ended.code, 9, "{}", ended.stderr);
    assert!(ended.stderr.contains("it has another key now than before the sign-in"), "{}", ended.stderr);
    assert_eq!(session.stored("meanwhile"), KEY);
    let path = ended.stderr.split_once("it is kept in ").unwrap().1.lines().next().unwrap();
    assert_eq!(std::fs::read_to_string(path).unwrap(), format!("{}\n", ended.key()));
}

#[tokio::test]
async fn a_keyring_that_takes_nothing_is_noticed_before_the_sign_in() {
    let (locked, none) = (Session::start("unlocked"), Session::start("none"));
    locked.lock();
    for (session, told) in [(&locked, "locked"), (&none, "no keyring yet")] {
        let ended = session.keymint(&["create", "--no-browser", "--keyring"]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(11), ""));
        assert!(ended.stderr.contains(told) && ended.stderr.contains("--env-file"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("http"), "{}", ended.stderr);
    }
}

/// A person at a terminal of the shared session, and the sandbox that they sign in to.
async fn at_a_terminal(words: &str) -> (Terminal, Sandbox, TempDir) {
    let (sandbox, home) = (Sandbox::start(Scenario::ready()).await.unwrap(), tempfile::tempdir().unwrap());
    let port = free_port().to_string();
    let environment = [
        ("DBUS_SESSION_BUS_ADDRESS", Session::shared().address.as_ref()),
        ("KEYMINT_NO_BROWSER", "1".as_ref()),
        ("KEYMINT_CALLBACK_PORT", port.as_ref()),
    ];
    (Terminal::start(words, &sandbox, &home, &environment), sandbox, home)
}

#[tokio::test]
async fn a_person_without_a_key_gets_one_and_then_the_command_runs() {
    let (mut terminal, sandbox, _home) =
        at_a_terminal("run --profile person -- printenv OPENAI_API_KEY").await;
    let url = terminal.url().await;
    sign_in(&url, Consent::Allow).await.unwrap();
    let (code, rest) = terminal.end().await;
    let key = sandbox.keys()[0].value.clone();
    assert_eq!(code, 0, "{rest}");
    assert!(rest.trim_end().ends_with(&key) && rest.matches(&key).count() == 1, "{rest}");
    assert_eq!(Session::shared().stored("person"), key);
}

#[tokio::test]
async fn a_person_is_asked_whether_a_stored_key_may_go() {
    let session = Session::shared();
    session.store("asked", KEY);
    let words = "create --keyring --profile asked";

    let (mut terminal, sandbox, _home) = at_a_terminal(words).await;
    let shown = terminal.shows("in its place? [y/N]").await;
    assert!(shown.contains("9f3A") && !shown.contains(KEY), "{shown}");
    terminal.types("n\n").await;
    assert_eq!((terminal.end().await.0, sandbox.requests().len()), (11, 0));
    assert_eq!(session.stored("asked"), KEY);

    let (mut terminal, sandbox, _home) = at_a_terminal(words).await;
    terminal.shows("in its place? [y/N]").await;
    terminal.types("y\n").await;
    let url = terminal.url().await;
    sign_in(&url, Consent::Allow).await.unwrap();
    assert_eq!(terminal.end().await.0, 0);
    assert_eq!(session.stored("asked"), sandbox.keys()[0].value);
}

struct Ended {
    process: u32,
    code: Option<i32>,
    signal: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ended {
    async fn of(
        mut command: tokio::process::Command,
        args: &[&str],
        environment: &[(&str, &str)],
        home: &TempDir,
    ) -> Self {
        let child = command.args(args).envs(environment.iter().copied()).current_dir(home).spawn().unwrap();
        let process = child.id().unwrap();
        let output = watch(child.wait_with_output()).await.unwrap();
        Self {
            process,
            code: output.status.code(),
            signal: output.status.signal(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{}", self.stdout);
        serde_json::from_str(&self.stdout).unwrap()
    }
}

#[tokio::test]
async fn a_command_finds_the_stored_key_in_its_environment_and_in_no_argument_list() {
    let session = Session::shared();
    session.store("child", KEY);
    let show = "echo \"$OPENAI_API_KEY|$MINE\"; cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '";
    for (variable, expected) in [(&[][..], format!("{KEY}|\n")), (&["--var", "MINE"], format!("|{KEY}\n"))] {
        let run = [&["run", "--profile", "child"], variable, &["--", "sh", "-c", show]].concat();
        let ended = session.keymint(&run).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        let others = ended.stdout.strip_prefix(&expected).unwrap();
        assert!(others.contains("keyring-session") && !others.contains(KEY), "{others}");
    }
}

#[tokio::test]
async fn a_command_takes_the_place_of_the_program() {
    let session = Session::shared();
    session.store("place", KEY);
    let run = |script| ["run", "--profile", "place", "--", "sh", "-c", script];

    let ended = session.keymint(&run("echo $$; echo said >&2; exit 42")).await;
    assert_eq!(ended.code, Some(42));
    assert_eq!((ended.stdout, ended.stderr.as_str()), (format!("{}\n", ended.process), "said\n"));

    let ended = session.keymint(&run("kill -s TERM $$")).await;
    assert_eq!((ended.code, ended.signal), (None, Some(15)));
}

#[tokio::test]
async fn a_command_has_the_signals_and_the_limits_of_the_person() {
    const BROKEN_PIPE: u32 = 13;
    let session = Session::shared();
    session.store("limits", KEY);
    let with_core_dumps = ["sh", "-c", r#"ulimit -Sc "$(ulimit -Hc)" && exec "$@""#, "keymint"];
    let run = ["run", "--profile", "limits", "--", "cat", "/proc/self/status", "/proc/self/limits"];
    let ended = session.keymint_under(&with_core_dumps, &run).await;

    let line = |name| ended.stdout.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
    for mask in ["SigIgn:", "SigBlk:"] {
        let signals = u64::from_str_radix(line(mask), 16).unwrap();
        assert_eq!(signals >> (BROKEN_PIPE - 1) & 1, 0, "{mask} {signals:x}");
    }
    let core: Vec<_> = line("Max core file size").split_whitespace().collect();
    assert_eq!(core[0], core[1]);
}

#[tokio::test]
async fn a_command_that_cannot_be_started_has_the_exit_code_of_a_shell() {
    let session = Session::shared();
    session.store("no-command", KEY);
    for (command, code, told) in
        [("no-such-command", 127, "there is no program"), ("/dev/null", 126, "could not")]
    {
        let ended = session.keymint(&["run", "--profile", "no-command", "--json", "--", command]).await;
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        assert!(ended.stderr.contains(told) && ended.stderr.contains(command), "{}", ended.stderr);
        assert_eq!(ended.json()["kind"], "not_started");
    }
}

#[tokio::test]
async fn nothing_runs_without_a_key() {
    let ended = Session::shared().keymint(&["run", "--", "echo", "it ran"]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(8), ""));
    assert!(ended.stderr.contains("`keymint create --keyring`"), "{}", ended.stderr);

    let ended = Session::shared().keymint(&["run", "--profile", "nobody", "--json", "--", "echo"]).await;
    assert_eq!((ended.code, &ended.json()["kind"]), (Some(8), &Value::from("no_key")));
    assert!(ended.stderr.contains("`keymint create --keyring --profile nobody`"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_key_is_put_into_no_variable_that_a_system_uses() {
    for name in ["PATH", "LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "A B", ""] {
        let ended = Session::shared().keymint(&["run", "--var", name, "--", "echo", "it ran"]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{name}");
        assert!(
            ended.stderr.contains("--var: it") || ended.stderr.contains("--var: the"),
            "{}",
            ended.stderr
        );
    }
}

#[tokio::test]
async fn a_forgotten_key_is_gone_and_the_person_is_told_that_it_is_still_valid() {
    let session = Session::shared();
    session.store("forget", KEY);
    let ended = session.keymint(&["forget", "--profile", "forget"]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""));
    for told in ["9f3A", "stays valid", "https://platform.openai.com/api-keys"] {
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
    }
    assert_eq!(session.stored("forget"), "");

    let again = session.keymint(&["forget", "--profile", "forget", "--json"]).await;
    assert_eq!(again.code, Some(0));
    assert!(again.stderr.contains("has nothing"), "{}", again.stderr);
    assert_eq!(again.json()["removed"], false);
}

#[tokio::test]
async fn what_is_no_key_is_not_used_and_not_shown_and_can_be_forgotten() {
    let session = Session::shared();
    session.store("no-key", "a canary");
    let ended = session.keymint(&["run", "--profile", "no-key", "--", "env"]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(11), ""));
    assert!(ended.stderr.contains("no key") && !ended.stderr.contains("canary"), "{}", ended.stderr);

    let ended = session.keymint(&["forget", "--profile", "no-key", "--json"]).await;
    assert_eq!((ended.code, &ended.json()["removed"]), (Some(0), &Value::from(true)));
    assert_eq!(session.stored("no-key"), "");
}

#[tokio::test]
async fn of_two_items_none_is_taken() {
    let session = Session::shared();
    for value in ["1", "2"] {
        session.store_with("two", &["of", value], KEY);
    }
    for args in [&["run", "--profile", "two", "--", "env"][..], &["forget", "--profile", "two"]] {
        let ended = session.keymint(args).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(11), ""));
        assert!(ended.stderr.contains("2 items"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_locked_keyring_ends_what_needs_it() {
    let session = Session::start("unlocked");
    session.store("default", KEY);
    session.lock();
    for args in [&["run", "--", "env"][..], &["forget"]] {
        let ended = session.keymint(args).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(11), ""));
        assert!(ended.stderr.contains("locked"), "{}", ended.stderr);
        assert!(ended.stderr.contains("--env-file"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_service_without_a_keyring_has_no_key() {
    let session = Session::start("none");
    assert_eq!(session.keymint(&["run", "--", "env"]).await.code, Some(8));
}

#[tokio::test]
async fn without_a_session_there_is_no_keyring() {
    let home = tempfile::tempdir().unwrap();
    let nowhere = home.path().join("bus").display().to_string();
    let refused = format!("unix:path={nowhere}");
    for address in ["", &refused, "nonsense"] {
        let environment = [("XDG_RUNTIME_DIR", nowhere.as_str()), ("DBUS_SESSION_BUS_ADDRESS", address)];
        let environment = if address.is_empty() { &environment[..1] } else { &environment };
        for args in [&["run", "--json", "--", "env"][..], &["create", "--keyring", "--json"]] {
            let ended = Ended::of(keymint(&home), args, environment, &home).await;
            assert_eq!((ended.code, &ended.json()["kind"]), (Some(11), &Value::from("destination_unusable")));
            assert!(ended.stderr.contains("no keyring can be reached"), "{}", ended.stderr);
            assert!(
                ended.stderr.contains("--env-file") && !ended.stderr.contains("http"),
                "{}",
                ended.stderr
            );
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
    let command = keymint_under(&["dbus-run-session", &config, "--"], &home);
    let ended = Ended::of(command, &["run", "--", "env"], &[], &home).await;
    assert_eq!(ended.code, Some(11));
    assert!(ended.stderr.contains("no keyring can be reached"), "{}", ended.stderr);
}
