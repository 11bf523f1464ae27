//! Whole screens of the command, compared with the files in `snapshots`.

#![cfg(target_os = "linux")]

use crate::script::script;
use crate::session::Session;
use crate::support::{Ended, Start, create, free_port, keymint, watch};
use crate::terminal::Terminal;
use keymint_sandbox::{Consent, Organization, Project, Reply, Sandbox, Scenario, Step};
use keymint_sandbox::{sign_in, sign_in_remotely};
use std::fs::{self, OpenOptions};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// What differs between runs or machines, and its placeholder.
const VARIABLE: [(&str, &str); 12] = [
    (r"sk-proj-[\w-]+", "[KEY]"),
    (r"(ending|ends) in [\w-]{4}(\W|$)", "$1 in [LAST4]$2"),
    (r#""last4":"[\w-]+""#, r#""last4":"[LAST4]""#),
    (r#"/oauth/authorize\?[^\s"]+"#, "/oauth/authorize?[QUERY]"),
    (r"(localhost|127\.0\.0\.1):\d+", "$1:[PORT]"),
    (r"port( +)\d{5}", "port$1[PORT]"),
    (r"keymint tester@\S+ \d{4}-\d\d-\d\d [a-z2-7]{4}", "keymint tester@[HOST] [DATE] [RANDOM]"),
    (r"\d{4}-\d\d-\d\dT\d{12}Z-\d+", "[ID]"),
    (r"\d{4}-\d\d-\d\d(T| )\d\d:\d\d(:\d\d(\.\d+)?)?(Z| UTC)", "[TIME]"),
    (r"\[ *\d+\.\d{3} s\]", "[ELAPSED]"),
    (r"(again in|project after) [\d.]+ (ms|s)", "$1 [DURATION]"),
    (r"\w+-\w+ \(process \d+\)", "[NAME] (process [ID])"),
];

/// Compares one screen with its snapshot.
fn matches(name: &str, code: i32, stderr: &str, stdout: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for folder in [Path::new("/tmp"), &std::env::temp_dir()] {
        settings.add_filter(&format!(r"{}/\.tmp\w{{6}}", folder.display()), "[TEMP]");
    }
    for (pattern, placeholder) in VARIABLE {
        settings.add_filter(pattern, placeholder);
    }
    let screen = format!("exit {code}\n--- stderr\n{}\n--- stdout\n{}", stderr.trim_end(), stdout.trim_end());
    settings.bind(|| insta::assert_snapshot!(name, screen));
}

/// `create` on a desktop, whatever this machine is.
fn desktop(scenario: Scenario, args: &[&str]) -> Start {
    create(scenario).args(args).env("DISPLAY", ":0")
}

/// Signs in, and compares the screen.
async fn signs_in(name: &str, start: Start) -> Ended {
    let ended = start.sign_in().await;
    matches(name, ended.code, &ended.stderr, &ended.stdout);
    ended
}

/// Runs the command to its end, and compares the screen.
async fn runs(name: &str, command: &mut Command) {
    let output = watch(command.env("DISPLAY", ":0").output()).await.unwrap();
    let (stderr, stdout) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    matches(name, output.status.code().unwrap(), &stderr, &stdout);
}

/// Two organizations with the same title.
fn two_organizations() -> Scenario {
    let project = |id| Project::new(id).titled("Default project").as_initial();
    let web = Project::new("proj_web").titled("Web");
    Scenario::of([
        Organization::new("org-1").titled("Acme").as_default().with_project(project("proj_1")),
        Organization::new("org-2").titled("Acme").with_project(project("proj_2")).with_project(web),
    ])
}

#[tokio::test]
async fn a_key_goes_to_standard_output() {
    for (name, args) in [
        ("create-stdout", &[][..]),
        ("create-named", &["--name", "screens"]),
        ("create-verify", &["--verify"]),
        ("create-dry-run", &["--dry-run"]),
        ("create-dry-run-json", &["--dry-run", "--json"]),
        ("create-json", &["--json"]),
        ("create-events", &["--events"]),
        ("create-quiet", &["--quiet"]),
        ("create-verbose", &["--verbose"]),
    ] {
        signs_in(name, desktop(Scenario::ready(), args)).await;
    }
}

#[tokio::test]
async fn a_key_goes_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(".env");
    let file = file.to_str().unwrap();
    signs_in("create-env-file", desktop(Scenario::ready(), &["--env-file", file])).await;
    let again = desktop(Scenario::ready(), &["--env-file", file]).start().await.end().await;
    matches("error-env-file-has-a-key", again.code, &again.stderr, &again.stdout);
    signs_in("create-env-file-forced", desktop(Scenario::ready(), &["--env-file", file, "--force"])).await;
    fs::remove_file(file).unwrap();
    signs_in("create-two-at-once", desktop(Scenario::ready(), &["--env-file", file, "--print"])).await;
}

#[tokio::test]
async fn a_key_goes_to_a_keyring_and_is_forgotten() {
    let session = Session::shared();
    let bus = ("DBUS_SESSION_BUS_ADDRESS", &session.address);
    let create = desktop(Scenario::ready(), &["--keyring", "--profile", "screens"]).env(bus.0, bus.1);
    signs_in("create-keyring", create).await;
    let home = tempfile::tempdir().unwrap();
    for name in ["forget", "forget-again"] {
        runs(name, keymint(&home).args(["forget", "--profile", "screens"]).env(bus.0, bus.1)).await;
    }
}

#[tokio::test]
async fn a_key_goes_to_a_command_or_the_clipboard() {
    let folder = tempfile::tempdir().unwrap();
    script(folder.path().join("xclip"), "cat >/dev/null; echo stored");
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let command = folder.path().join("xclip");
    let pipe_to = ["--pipe-to", command.to_str().unwrap()];
    signs_in("create-pipe-to", desktop(Scenario::ready(), &pipe_to)).await;
    let copy = desktop(Scenario::ready(), &["--copy"]).env("PATH", path).under(&["setsid", "--wait"]);
    signs_in("create-copy", copy).await;
}

#[tokio::test]
async fn a_demonstration() {
    let home = tempfile::tempdir().unwrap();
    runs("demo", keymint(&home).arg("demo")).await;
}

#[tokio::test]
async fn a_project_is_waited_for_and_trouble_is_outlived() {
    let slow = Scenario::ready().ready_after_rounds(3);
    signs_in("create-waits", desktop(slow, &["--poll-interval", "20ms"])).await;
    let troubled = Scenario::ready()
        .reply(Step::Projects.nth(1), Reply::status(429).header("retry-after", "0"))
        .reply(Step::CreateKey.nth(1), Reply::status(429).header("retry-after", "0"));
    signs_in("create-tries-again", desktop(troubled, &[])).await;
}

#[tokio::test]
async fn a_sign_in_in_two_steps() {
    let start = desktop(Scenario::ready(), &[]).with_browser().command("start").start().await.end().await;
    matches("start", start.code, &start.stderr, &start.stdout);
    let answer = sign_in_remotely(start.stdout.trim_end(), Consent::Allow).await.unwrap();
    runs("finish", keymint(&start.home).args(["finish", &answer])).await;
    runs("finish-again", keymint(&start.home).args(["finish", &answer])).await;
}

#[tokio::test]
async fn a_pasted_address() {
    let paste = desktop(Scenario::ready(), &["--no-listen"]).stdin(Stdio::piped());
    let mut run = paste.start().await;
    let answer = sign_in_remotely(&run.url().await, Consent::Allow).await.unwrap();
    let wrong = "http://localhost/auth/callback?code=c&state=wrong";
    run.stdin().write_all(format!("{wrong}\n{answer}\n").as_bytes()).await.unwrap();
    let ended = run.end().await;
    matches("create-paste", ended.code, &ended.stderr, &ended.stdout);
}

#[tokio::test]
async fn a_choice_at_a_terminal() {
    let sandbox = Sandbox::start(two_organizations()).await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let words = format!("create --no-browser --choose --callback-port {}", free_port());
    let environment = [("TERM", "dumb".as_ref()), ("DISPLAY", ":0".as_ref())];
    let mut terminal = Terminal::start(&words, &sandbox, &home, &environment);
    let mut shown = terminal.shows("&state=").await;
    shown += &terminal.shows("\r\n").await;
    let url = shown.lines().find(|line| line.starts_with("http")).unwrap().to_owned();
    tokio::spawn(async move { sign_in(&url, Consent::Allow).await });
    shown += &terminal.shows("a part of a line: ").await;
    terminal.types("web\n").await;
    let (code, rest) = terminal.end().await;
    matches("create-choose", code, &(shown + rest.as_str()).replace("\r\n", "\n"), "");
}

#[tokio::test]
async fn lists() {
    signs_in("list", desktop(two_organizations(), &[]).command("list")).await;
    signs_in("list-json", desktop(two_organizations(), &["--json"]).command("list")).await;
    signs_in("list-empty", desktop(Scenario::of([]), &[]).command("list")).await;
}

#[tokio::test]
async fn what_this_machine_has() {
    // Some lines are as long as their path allows.
    let home = tempfile::tempdir_in("/tmp").unwrap();
    for name in ["status", "config", "recover"] {
        runs(name, keymint(&home).arg(name)).await;
    }
    let state = home.path().to_str().unwrap();
    let file = format!("{state}/.env");
    let kept = |args: &[&str]| desktop(Scenario::ready(), args).env("XDG_STATE_HOME", state);
    kept(&["--env-file", &file, "--name", "screens"]).sign_in().await;
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    signs_in("error-stdout-is-full", kept(&["--name", "kept"]).stdout(full)).await;
    for (name, args) in [
        ("status-of-keys", &["status"][..]),
        ("status-of-keys-json", &["status", "--json"]),
        ("recover-list", &["recover"]),
        ("recover-list-json", &["recover", "--json"]),
        ("recover-print", &["recover", "--print"]),
    ] {
        runs(name, keymint(&home).args(args).env("XDG_STATE_HOME", state).current_dir(&home)).await;
    }
}

#[tokio::test]
async fn a_healthy_machine() {
    let sandbox = Sandbox::start(Scenario::ready()).await.unwrap();
    let home = tempfile::tempdir_in("/tmp").unwrap();
    let mut doctor = keymint(&home);
    doctor
        .args(["doctor", "--callback-port", &free_port().to_string()])
        .args(["--issuer", sandbox.issuer(), "--api-base", sandbox.api_base()])
        .env("DBUS_SESSION_BUS_ADDRESS", &Session::shared().address)
        .env("KEYMINT_PROFILE", "doctor-screen")
        .env("BROWSER", "true");
    runs("doctor", &mut doctor).await;
}

#[tokio::test]
async fn errors_before_anyone_has_signed_in() {
    for (name, args) in [
        ("error-sign-in-timeout", &["--sign-in-timeout", "50ms"][..]),
        ("error-sign-in-timeout-json", &["--sign-in-timeout", "50ms", "--json"]),
        ("error-no-such-folder", &["--env-file", "/no/such/folder/.env"]),
        ("error-no-such-command", &["--pipe-to", "no-such-command-anywhere"]),
        ("error-no-such-ca-file", &["--ca-file", "/no/such/file"]),
    ] {
        let ended = desktop(Scenario::ready(), args).start().await.end().await;
        matches(name, ended.code, &ended.stderr, &ended.stdout);
    }
    let home = tempfile::tempdir().unwrap();
    for (name, args) in [
        ("error-unknown-option", &["create", "--env-fiel"][..]),
        ("error-unknown-command", &["crate"]),
        ("error-conflict", &["create", "--quiet", "--verbose"]),
        ("error-nothing-to-paste", &["create", "--no-listen"]),
        ("error-wrong-time", &["create", "--http-timeout", "fast"]),
    ] {
        runs(name, keymint(&home).args(args)).await;
    }
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    runs("error-port-in-use", keymint(&home).args(["create", "--callback-port", &port])).await;
}

#[tokio::test]
async fn errors_of_a_sign_in() {
    let mut run = desktop(Scenario::ready(), &[]).start().await;
    let sign_in = run.browser(Consent::Deny).await;
    let ended = run.end().await;
    sign_in.await.unwrap();
    matches("error-sign-in-refused", ended.code, &ended.stderr, &ended.stdout);

    let nobody = format!("http://127.0.0.1:{}", free_port());
    let limits = ["--project-timeout", "1s", "--poll-interval", "200ms"];
    let creation = |reply| Scenario::ready().reply(Step::CreateKey, reply);
    let busy = Reply::status(429).header("retry-after", "0");
    for (name, scenario, args) in [
        ("error-unreachable", Scenario::ready(), &["--api-base", &nobody][..]),
        ("error-unknown-organization", two_organizations(), &["--organization", "Initech"]),
        ("error-ambiguous-organization", two_organizations(), &["--organization", "Acme", "--no-input"]),
        ("error-unknown-project-json", two_organizations(), &["--project", "Mobile", "--json"]),
        ("error-no-organization", Scenario::of([]), &limits),
        ("error-no-project", Scenario::of([Organization::numbered(1)]), &limits),
        ("error-login-403", Scenario::ready().reply(Step::Login, Reply::status(403)), &[]),
        ("error-creation-401", creation(Reply::status(401)), &[]),
        ("error-creation-429", creation(busy), &[]),
        ("error-creation-500", creation(Reply::status(500).after_processing()), &["--name", "screens"]),
    ] {
        signs_in(name, desktop(scenario, args)).await;
    }
}

#[tokio::test]
async fn help() {
    let home = tempfile::tempdir().unwrap();
    runs("help", keymint(&home).arg("--help")).await;
    for command in [
        "create",
        "list",
        "start",
        "finish",
        "recover",
        "status",
        "demo",
        "doctor",
        "sandbox",
        "run",
        "forget",
        "config",
        "completions",
        "man",
    ] {
        runs(&format!("help-{command}"), keymint(&home).args([command, "--help"])).await;
    }
}
