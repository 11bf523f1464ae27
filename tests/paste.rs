//! The URL of the browser's last page, pasted by the user.

#![cfg(target_os = "linux")]

use crate::support::{create, machine};
use keymint_sandbox::{Consent, Reply, Scenario, Step, sign_in_remotely};
use keymint_testkit::{Machine, Terminal, get};
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

/// A sign-in at a terminal that waits for the user.
struct SignIn {
    machine: Machine,
    terminal: Terminal,
    url: String,
}

impl SignIn {
    async fn begin(machine: Machine) -> Self {
        let mut terminal = machine.terminal("create --no-browser");
        let url = terminal.url().await;
        Self { machine, terminal, url }
    }

    /// Begins a sign-in that also listens.
    async fn begin_listening() -> Self {
        let mut sign_in = Self::begin(machine(Scenario::ready()).await).await;
        sign_in.terminal.shows("paste its URL here.").await;
        sign_in
    }

    /// Returns the URL of the last page of a browser on another machine.
    async fn elsewhere(&self) -> String {
        sign_in_remotely(&self.url, Consent::Allow).await.unwrap()
    }

    /// Checks that the run ends with a key, shown once, after exactly one exchange.
    async fn ends_with_a_key(self) -> String {
        let (code, shown) = self.terminal.end().await;
        let keys = self.machine.sandbox.keys();
        assert_eq!((code, keys.len()), (0, 1), "{shown}");
        assert!(shown.contains(&keys[0].value), "{shown}");
        assert_eq!(self.machine.count("POST", "/token"), 1);
        shown
    }
}

#[tokio::test]
async fn a_pasted_url_wins_when_it_comes_first() {
    let mut sign_in = SignIn::begin_listening().await;
    let address = sign_in.elsewhere().await;
    sign_in.terminal.types(&format!("{address}\n")).await;
    let shown = sign_in.ends_with_a_key().await;
    assert!(!shown.contains("warning") && shown.contains('✓'), "{shown}");
    assert!(shown.contains("Shown once. To use it now: `export OPENAI_API_KEY=<the key above>`"), "{shown}");
}

#[tokio::test]
async fn in_a_container_the_wait_only_says_where_to_paste() {
    let machine = machine(Scenario::ready()).await;
    let create = machine.keymint(["create"]).env("KUBERNETES_SERVICE_HOST", "10.0.0.1");
    let mut terminal = Terminal::start(create);
    terminal.url().await;
    let shown = terminal.shows("paste its URL here.").await;
    assert!(!shown.contains("container") && !shown.contains("--network"), "{shown}");
    terminal.signal("TERM").await;
    assert_eq!(terminal.end().await.0, 143);
}

#[tokio::test]
async fn a_wrong_url_is_reported_and_the_right_one_taken_after_it() {
    let mut sign_in = SignIn::begin_listening().await;
    for (wrong, complaint) in [
        ("http://localhost:5000/auth/callback?code=c&state=of-another", "another sign-in"),
        ("https://example.com/?q=1", "not the URL"),
        ("yes", "another sign-in"),
    ] {
        sign_in.terminal.types(&format!("{wrong}\n")).await;
        sign_in.terminal.shows(complaint).await;
    }
    let address = sign_in.elsewhere().await;
    sign_in.terminal.types(&format!("\u{1b}[200~\"{}\"\u{1b}[201~\n", address.replace('&', "&amp;"))).await;
    sign_in.ends_with_a_key().await;
}

#[tokio::test]
async fn a_url_that_was_wrapped_anywhere_is_one() {
    let mut sign_in = SignIn::begin_listening().await;
    // The state comes first, so that the beginning would be valid with a part of the code.
    let address = sign_in.elsewhere().await;
    let (path, query) = address.split_once('?').unwrap();
    let (code, state) = query.split_once('&').unwrap();
    let (begin, end) = code.split_at(code.len() / 2);
    sign_in.terminal.types(&format!("{path}?{state}&{begin}\n{end}\n")).await;
    sign_in.ends_with_a_key().await;
}

#[tokio::test]
async fn with_the_port_taken_a_user_can_still_paste() {
    let machine = machine(Scenario::ready()).await;
    let _stranger = TcpListener::bind(("127.0.0.1", machine.port)).unwrap();
    let mut terminal = machine.terminal("create --no-browser");
    let warning = terminal.shows("Paste its URL below.").await;
    assert!(warning.contains(&format!("port {} is used by ", machine.port)), "{warning}");
    assert!(warning.contains(&format!("(process {})", std::process::id())), "{warning}");
    let url = terminal.url().await;
    let mut sign_in = SignIn { machine, terminal, url };
    sign_in.terminal.shows("paste it here:").await;
    let address = sign_in.elsewhere().await;
    assert!(
        address.starts_with(&format!("http://localhost:{}/auth/callback?", sign_in.machine.port)),
        "{address}"
    );
    sign_in.terminal.types(&format!("{address}\n")).await;
    sign_in.ends_with_a_key().await;
}

/// The code was used, so a late browser gets that answer, and nothing is exchanged again.
#[tokio::test]
async fn a_browser_that_comes_after_the_paste_is_too_late() {
    let scenario = Scenario::ready().reply(Step::Token, Reply::default().delayed(Duration::MAX));
    let SignIn { machine, mut terminal, url } = SignIn::begin(machine(scenario).await).await;
    let address = sign_in_remotely(&url, Consent::Allow).await.unwrap();
    terminal.types(&format!("{address}\n")).await;
    machine.requested("/oauth/token").await;
    let late = get(machine.port, address.split_once(&machine.port.to_string()).unwrap().1).await.unwrap();
    assert!(late.starts_with("HTTP/1.1 410 "), "{late}");
    terminal.types("\u{3}").await;
    assert_eq!(terminal.end().await.0, 130);
}

#[tokio::test]
async fn paste_alone_gives_up_after_five_wrong_urls() {
    let mut run = create(Scenario::ready()).args(["--no-listen"]).stdin(Stdio::piped()).start().await;
    run.url().await;
    for _ in 0..5 {
        run.types("http://localhost/auth/callback?code=c&state=wrong\n").await;
        run.line(|line| line.contains("another sign-in")).await;
    }
    run.end().await.exits_with(4);
}

/// A directory as standard input cannot be read.
#[tokio::test]
async fn a_standard_input_that_cannot_be_read_is_not_taken_for_one_that_has_ended() {
    let directory = std::fs::File::open("/").unwrap();
    let run = create(Scenario::ready()).args(["--no-listen"]).stdin(directory).start().await;
    let ended = run.end().await.exits_with(1);
    assert!(ended.stderr.contains("standard input cannot be read"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("has ended"), "{}", ended.stderr);
}

#[tokio::test]
async fn paste_alone_without_questions_ends_at_a_terminal_before_anything_is_contacted() {
    let machine = machine(Scenario::ready()).await;
    let (code, shown) = machine.terminal("create --no-listen --no-input").end().await;
    assert_eq!(code, 2, "{shown}");
    assert!(shown.contains("keymint start") && !shown.contains("/oauth/authorize"), "{shown}");
    assert!(machine.sandbox.requests().is_empty());
}
