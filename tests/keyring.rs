//! `--keyring`, `run`, `forget` and a real keyring.

#![cfg(target_os = "linux")]

use crate::support::{create, keymint, machine};
use keymint_delivery_adapter::{Keyring, Overwrite};
use keymint_domain::testing::conformance;
use keymint_domain::{ApiKey, KeyDestination};
use keymint_sandbox::{Consent, Organization, Project, Reply, Scenario, Step, sign_in};
use keymint_testkit::{Ended, Launch, Machine, Session, Terminal, watch};
use serde_json::Value;
use std::env;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
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
async fn a_stored_key_is_replaced_only_where_that_is_asked_for() {
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
async fn a_person_without_a_key_gets_one_and_then_the_command_runs() {
    let (mut terminal, machine) = at_a_terminal("run --profile person -- printenv OPENAI_API_KEY").await;
    terminal.shows("No key is stored yet; signing in to create one.").await;
    let url = terminal.url().await;
    sign_in(&url, Consent::Allow).await.unwrap();
    let (code, rest) = terminal.end().await;
    let key = machine.sandbox.keys()[0].value.clone();
    assert_eq!(code, 0, "{rest}");
    assert!(rest.trim_end().ends_with(&key) && rest.matches(&key).count() == 1, "{rest}");
    assert_eq!(Session::shared().stored("person"), key);
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
async fn a_person_is_asked_whether_a_stored_key_may_go() {
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
async fn a_command_has_the_signals_and_the_limits_of_the_person() {
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
async fn a_command_is_not_looked_for_in_a_relative_folder_of_the_search_path() {
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
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
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
async fn what_happens_to_the_keyring_after_the_revocation_hides_it_not() {
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
