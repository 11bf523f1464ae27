//! The browser that the program opens, and the browser that returns.

#![cfg(target_os = "linux")]

use crate::support::{KEYMINT, Run, create, machine};
use keymint_sandbox::{Consent, Scenario, sign_in_remotely};
use keymint_testkit::{Launch, Machine, Scripts, Terminal, browse, get, send, skipped, watch};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use tokio::process::Command;

/// A launcher that records its arguments.
struct Launcher(Scripts);

impl Launcher {
    fn new() -> Self {
        Self::named("browser")
    }

    /// Creates a launcher for a program that is looked up by this name.
    fn named(name: &str) -> Self {
        let launcher = Self(Scripts::with(name, "{ echo \"$@\" ; } >fifo"));
        let made = std::process::Command::new("mkfifo").arg(launcher.path("fifo")).status();
        assert!(made.unwrap().success());
        launcher
    }

    fn path(&self, name: &str) -> String {
        self.0.path(name).to_str().unwrap().to_owned()
    }

    /// Returns the arguments of the launcher, once it is started.
    async fn arguments(&self) -> String {
        let fifo = self.path("fifo");
        let read = watch(tokio::task::spawn_blocking(move || fs::read_to_string(fifo))).await;
        read.unwrap().unwrap().lines().next().unwrap().to_owned()
    }
}

/// Starts a run that opens this browser.
async fn start(launcher: &Launcher) -> Run {
    create(Scenario::ready()).with_browser().env("BROWSER", launcher.path("browser")).start().await
}

#[tokio::test]
async fn the_launcher_is_given_nothing_but_the_start_url() {
    let launcher = Launcher::new();
    let mut run = start(&launcher).await;
    let url = run.url().await;
    let state = url.rsplit_once("&state=").unwrap().1;

    let start = launcher.arguments().await;

    assert!(start.starts_with(&format!("http://localhost:{}/start/", run.port)), "{start}");
    assert!(!start.contains(state) && !start.contains(' ') && !start.contains("oauth"), "{start}");
    run.browser_at(&start, Consent::Allow);
    let ended = run.end().await;
    assert_eq!((ended.code, ended.stdout.trim_end()), (0, ended.key().as_str()), "{}", ended.stderr);
}

#[tokio::test]
async fn another_browser_than_the_one_that_was_opened_makes_no_key_where_no_user_can_be_asked() {
    let launcher = Launcher::new();
    let run = start(&launcher).await;
    let start = launcher.arguments().await;
    let path = start.split_once(&run.port.to_string()).unwrap().1;
    let opened = get(run.port, path).await.unwrap();
    assert!(opened.starts_with("HTTP/1.1 303 "), "{opened}");

    // The cookie stays with the first browser.
    let ended = run.answer(Consent::Allow).await;
    let page = ended.page();

    assert_eq!((ended.code, ended.sandbox.keys().len()), (4, 0), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("different browser") && ended.stderr.contains("--no-browser"),
        "{}",
        ended.stderr
    );
    assert!(page.body.contains("refused"), "{}", page.body);
}

/// The user at a terminal is asked, and only an explicit yes creates the key.
#[tokio::test]
async fn the_user_is_asked_about_another_browser() {
    for (answer, code, keys) in [("y\n", 0, 1), ("\n", 4, 0), ("no\n", 4, 0)] {
        let mut asked = Asked::at_the_question().await;
        asked.terminal.types(answer).await;
        let (ended, rest) = asked.terminal.end().await;
        assert_eq!((ended, asked.machine.sandbox.keys().len()), (code, keys), "{rest}");
    }
}

/// A program at a terminal that asks for a confirmation of the other browser.
struct Asked {
    machine: Machine,
    terminal: Terminal,
    question: String,
    _launcher: Launcher,
}

impl Asked {
    async fn at_the_question() -> Self {
        Self::at_the_question_of(&["create"]).await
    }

    async fn at_the_question_of(args: &[&str]) -> Self {
        let launcher = Launcher::new();
        let machine = machine(Scenario::ready()).await;
        let create = machine.keymint(args).env("BROWSER", launcher.path("browser"));
        let mut terminal = Terminal::start(create);
        // Input that was typed before the question does not answer it.
        terminal.types("y\ny\n").await;
        let start = launcher.arguments().await;
        get(machine.port, start.split_once(&machine.port.to_string()).unwrap().1).await.unwrap();
        // It does not matter here whether the browser gets its last page.
        browse(&terminal.url().await, Consent::Allow);

        let question = terminal.shows("[y/N]").await;
        assert!(question.contains("different browser") && question.contains("Default project"), "{question}");
        // A terminal may break a line anywhere.
        let question = question.replace("\r\n", " ");
        Self { machine, terminal, question, _launcher: launcher }
    }
}

/// The server controls the titles, but not the ids.
#[tokio::test]
async fn the_question_about_another_browser_shows_the_account_and_the_ids() {
    let asked = Asked::at_the_question_of(&["create", "-q"]).await;
    for shown in ["Account: ", "(org-", "(proj_"] {
        assert!(asked.question.contains(shown), "{}", asked.question);
    }
}

/// The user can end the program during the question.
#[tokio::test]
async fn ctrl_c_ends_the_question() {
    let mut asked = Asked::at_the_question().await;
    asked.terminal.types("\u{3}").await;
    let (code, rest) = asked.terminal.end().await;
    assert_eq!((code, asked.machine.sandbox.keys().len()), (130, 0), "{rest}");
}

/// The one-time link is in an argument list, which every user of the machine may read.
#[tokio::test]
async fn a_program_of_another_user_gets_nothing_from_the_start_url() {
    let home = tempfile::tempdir().unwrap();
    if !Launch::new("setpriv", &home).args(["--reuid=65534", "true"]).succeeds().await {
        skipped("only the administrator can be two other users");
        return;
    }
    let launcher = Launcher::new();
    // The copy is where other users can read it.
    let everybodys = |path: &str, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let copy = ["-m", "755", KEYMINT, &launcher.path("keymint")];
    assert!(Command::new("install").args(copy).status().await.unwrap().success());
    everybodys(&launcher.path("browser"), 0o755);
    everybodys(&launcher.path("fifo"), 0o666);
    everybodys(&launcher.path(""), 0o755);
    let as_user =
        |user: u32| [format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".to_owned()];
    let mut under: Vec<_> = std::iter::once("setpriv".to_owned()).chain(as_user(65533)).collect();
    // The program without the arguments that the harness adds.
    under.extend(["sh", "-c", "shift; exec \"$0\" \"$@\""].map(str::to_owned));
    under.push(launcher.path("keymint"));
    let browser = launcher.path("browser");
    let state = tempfile::tempdir().unwrap();
    everybodys(state.path().to_str().unwrap(), 0o777);
    let mut run = create(Scenario::ready())
        .under(&under)
        .with_browser()
        .env("BROWSER", browser)
        .env("XDG_STATE_HOME", state.path())
        .start()
        .await;
    let url = run.url().await;
    let start = launcher.arguments().await;

    let path = start.split_once(&run.port.to_string()).unwrap().1.to_owned();
    let opened_by = async |user: u32| {
        let script = format!(
            "exec 3<>/dev/tcp/127.0.0.1/{port}; printf 'GET {path} HTTP/1.1\\r\\nHost: localhost:{port}\\r\\n\\r\\n' >&3; cat <&3",
            port = run.port
        );
        let program =
            Command::new("setpriv").args(as_user(user)).args(["bash", "-c", &script]).output().await;
        String::from_utf8(program.unwrap().stdout).unwrap()
    };
    let stranger = opened_by(65534).await;
    assert!(stranger.starts_with("HTTP/1.1 404 ") && !stranger.contains("state"), "{stranger}");
    let own = opened_by(65533).await;
    assert!(own.starts_with("HTTP/1.1 303 ") && own.contains(&url), "{own}");

    run.signal("INT").await;
    assert_eq!(run.end().await.code, 130);
}

/// Another user who has seen the printed URL can sign in with their own account, and be first.
#[tokio::test]
async fn an_answer_that_another_user_brings_makes_no_key_where_no_user_can_be_asked() {
    let as_stranger = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let home = tempfile::tempdir().unwrap();
    if !Launch::new("setpriv", &home).args(as_stranger).args(["true"]).succeeds().await {
        skipped("only the administrator can be another user");
        return;
    }
    // The second client has an IPv4-mapped IPv6 address.
    for address in ["127.0.0.1", "::ffff:127.0.0.1"] {
        let mut run = create(Scenario::ready()).start().await;
        let url = run.url().await;
        let answer = sign_in_remotely(&url, Consent::Allow).await.unwrap();
        let path = answer.split_once(&run.port.to_string()).unwrap().1;
        let script = format!(
            "exec 3<>/dev/tcp/{address}/{port}; printf 'GET %s HTTP/1.1\\r\\nHost: localhost:{port}\\r\\n\\r\\n' '{path}' >&3; cat <&3",
            port = run.port
        );
        let brought =
            Command::new("setpriv").args(as_stranger).args(["bash", "-c", &script]).output().await.unwrap();
        assert!(brought.stdout.starts_with(b"HTTP/1.1 303 "), "{brought:?}");

        let ended = run.end().await;
        assert_eq!((ended.code, ended.sandbox.keys().len()), (4, 0), "{}", ended.stderr);
        assert!(ended.stderr.contains("may belong to another user"), "{}", ended.stderr);
        assert!(ended.stderr.contains("`keymint finish`"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn the_printed_url_works_in_any_browser_where_the_opened_one_was_not_used() {
    let launcher = Launcher::new();
    let run = start(&launcher).await;
    launcher.arguments().await;
    run.answer(Consent::Allow).await.exits_with(0);
}

#[tokio::test]
async fn a_launcher_that_fails_or_hangs_changes_nothing() {
    for browser in ["/no/such/browser", "false", "sleep 1000", ":::", "echo %s"] {
        let run = create(Scenario::ready()).with_browser().env("BROWSER", browser).start().await;
        let ended = run.answer(Consent::Allow).await;
        assert_eq!((ended.code, ended.stdout.trim_end()), (0, &*ended.key()), "{browser}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn the_command_of_an_option_is_started_with_its_own_words_and_no_shell() {
    let launcher = Launcher::new();
    let command = format!("{} --profile 'a;b $(id)' --url=%s", launcher.path("browser"));
    let mut run = create(Scenario::ready())
        .with_browser()
        .args(["--browser", &command])
        .env("BROWSER", "false")
        .start()
        .await;
    run.url().await;

    let arguments = launcher.arguments().await;

    let start = arguments.strip_prefix("--profile a;b $(id) --url=").unwrap().to_owned();
    assert!(start.starts_with(&format!("http://localhost:{}/start/", run.port)), "{arguments}");
    run.browser_at(&start, Consent::Allow);
    let ended = run.end().await.exits_with(0);
    assert!(ended.stderr.contains("Tried to open it"), "{}", ended.stderr);
}

#[tokio::test]
async fn the_systems_browser_is_found_by_its_launchers() {
    for (name, variable) in [("xdg-open", "DISPLAY"), ("gio", "DISPLAY"), ("wslview", "WSL_DISTRO_NAME")] {
        let launcher = Launcher::named(name);
        // No other program is in this search path.
        for tool in ["sh", "id"] {
            let tool_path = Command::new("which").arg(tool).output().await.unwrap().stdout;
            let tool_path = String::from_utf8(tool_path).unwrap();
            std::os::unix::fs::symlink(tool_path.trim(), launcher.path(tool)).unwrap();
        }
        let mut run = create(Scenario::ready())
            .with_browser()
            .env("PATH", launcher.path(""))
            .env(variable, ":0")
            .start()
            .await;
        run.url().await;
        let arguments = launcher.arguments().await;
        let start = arguments.trim_start_matches("open ").to_owned();
        run.browser_at(&start, Consent::Allow);
        let ended = run.end().await;
        assert_eq!(ended.code, 0, "{name}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn by_ssh_no_browser_is_opened_and_the_port_forwarding_is_shown() {
    let launcher = Launcher::named("xdg-open");
    let run = create(Scenario::ready())
        .with_browser()
        .env("PATH", launcher.0.search_path())
        .env("DISPLAY", "localhost:10.0")
        .env("SSH_CONNECTION", "192.0.2.9 50000 192.0.2.5 2222")
        .start()
        .await;
    let forward = format!("  ssh -L {port}:localhost:{port} -p 2222 tester@192.0.2.5", port = run.port);
    let ended = run.answer(Consent::Allow).await.exits_with(0);
    assert!(ended.stderr.lines().any(|line| line == forward), "{}", ended.stderr);
    assert!(!ended.stderr.contains("Tried to open"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_browser_that_does_not_open_is_reported_and_the_sign_in_goes_on() {
    for (variables, expected) in [
        (&[("BROWSER", "lynx")][..], "\"lynx\" would take over this terminal"),
        (&[("BROWSER", "/no/such/browser")], "No browser could be started (by \"browser\")"),
        (&[("BROWSER", ":::")], "BROWSER names no program"),
        (&[("CODESPACES", "true")], "gh codespace ports forward"),
        (&[("REMOTE_CONTAINERS", "true")], "Have your editor forward port"),
        (&[("CLAUDECODE", "1"), ("KEYMINT_PRINT", "1")], "ask Claude Code for it"),
    ] {
        let start = create(Scenario::ready()).with_browser().envs(variables.iter().copied());
        let ended = start.start().await.answer(Consent::Allow).await.exits_with(0);
        assert!(ended.stderr.contains(expected), "{expected}: {}", ended.stderr);
        assert!(!ended.stderr.contains("Tried to open"), "{}", ended.stderr);
    }
}

/// The line of a terminal that shows the address.
async fn shown_url(variables: &[(&str, &str)]) -> String {
    let machine = machine(Scenario::ready()).await;
    let create = machine.keymint(["create", "--no-browser"]).envs(variables.iter().copied());
    let mut terminal = Terminal::start(create);
    let line = terminal.url().await;
    terminal.types("\x03").await;
    assert_eq!(terminal.end().await.0, 130);
    // The spinner was shown there before, and was erased.
    line.rsplit("\u{1b}[2K").next().unwrap().to_owned()
}

#[tokio::test]
async fn the_url_is_alone_on_its_line_and_is_a_link_where_the_terminal_shows_links() {
    let plain = shown_url(&[("TERM", "xterm")]).await;
    assert!(plain.starts_with("http://127.0.0.1:") && !plain.contains('\u{1b}'), "{plain:?}");

    let link = shown_url(&[("TERM", "xterm"), ("TERM_PROGRAM", "vscode")]).await;
    let (_, rest) = link.split_once("\u{1b}]8;;").unwrap();
    let (target, rest) = rest.split_once("\u{1b}\\").unwrap();
    assert_eq!(rest.trim_end(), format!("{target}\u{1b}]8;;\u{1b}\\"));

    let variables = [("TERM", "xterm"), ("TERM_PROGRAM", "vscode"), ("NO_COLOR", "1")];
    assert!(!shown_url(&variables).await.contains('\u{1b}'));
}

#[tokio::test]
async fn a_browser_that_speaks_https_is_reported_once() {
    let mut run = create(Scenario::ready()).start().await;
    run.url().await;
    for _ in 0..3 {
        assert_eq!(send(run.port, "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}").await.unwrap(), "");
    }
    let ended = run.answer(Consent::Allow).await;

    assert_eq!((ended.code, ended.stderr.matches("spoke https").count()), (0, 1), "{}", ended.stderr);
}
