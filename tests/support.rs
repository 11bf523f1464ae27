//! Starts the binary against a sandbox, plays the person, and holds every run to what must always
//! be true.

use crate::canary::Canaries;
pub(crate) use crate::program::{free_port, in_home, keymint_under, watch};
use keymint_sandbox::{Consent, FinalPage, Sandbox, Scenario, sign_in};
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

/// One run of the binary.
pub(crate) struct Run {
    pub(crate) sandbox: Sandbox,
    pub(crate) port: u16,
    home: TempDir,
    child: Child,
    /// Whether standard output is to have the key.
    prints: bool,
    stdout: JoinHandle<String>,
    stderr: Lines<BufReader<ChildStderr>>,
    seen: Vec<String>,
}

/// What a run left behind.
pub(crate) struct Ended {
    pub(crate) sandbox: Sandbox,
    pub(crate) port: u16,
    pub(crate) home: TempDir,
    pub(crate) code: i32,
    prints: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// `keymint create` against a sandbox, not yet started.
pub(crate) struct Start {
    command: &'static str,
    scenario: Scenario,
    under: Vec<String>,
    args: Vec<String>,
    browser: &'static [&'static str],
    environment: Vec<(String, OsString)>,
    stdin: Stdio,
    stdout: Stdio,
}

pub(crate) fn create(scenario: Scenario) -> Start {
    let (under, args, environment) = Default::default();
    let (stdin, stdout) = (Stdio::null(), Stdio::piped());
    Start { command: "create", scenario, under, args, browser: &["--no-browser"], environment, stdin, stdout }
}

impl Start {
    /// Has another program start the binary.
    pub(crate) fn under(mut self, program: &[&str]) -> Self {
        self.under.extend(program.iter().map(|&arg| arg.to_owned()));
        self
    }

    /// Another command that signs in.
    pub(crate) fn command(mut self, command: &'static str) -> Self {
        self.command = command;
        self
    }

    pub(crate) fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|&arg| arg.to_owned()));
        self
    }

    /// Opens the browser that the environment names.
    pub(crate) fn with_browser(mut self) -> Self {
        self.browser = &[];
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    pub(crate) fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.stdin = stdin.into();
        self
    }

    pub(crate) fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.stdout = stdout.into();
        self
    }

    pub(crate) async fn start(self) -> Run {
        let sandbox = Sandbox::start(self.scenario).await.unwrap();
        let port = free_port();
        let home = tempfile::tempdir().unwrap();
        let mut child = keymint_under(&self.under, &home)
            .arg(self.command)
            .args(self.browser)
            .args(&self.args)
            .env("KEYMINT_ISSUER", sandbox.issuer())
            .env("KEYMINT_API_BASE", sandbox.api_base())
            .env("KEYMINT_CALLBACK_PORT", port.to_string())
            .env("TMPDIR", home.path())
            .envs(self.environment)
            .stdin(self.stdin)
            .stdout(self.stdout)
            .spawn()
            .unwrap();
        let stdout = tokio::spawn(read(child.stdout.take()));
        let stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        let prints = prints(&self.args);
        Run { sandbox, port, home, child, prints, stdout, stderr, seen: Vec::new() }
    }

    /// Starts, signs in as a willing person, and waits for the end.
    pub(crate) async fn sign_in(self) -> Ended {
        let mut run = self.start().await;
        let sign_in = run.browser(Consent::Allow).await;
        let ended = run.end().await;
        sign_in.abort();
        ended
    }
}

/// Whether standard output is to have the key: it was asked for, or no other place was.
fn prints(args: &[String]) -> bool {
    let has = |flags: &[&str]| args.iter().any(|arg| flags.contains(&arg.as_str()));
    has(&["--print"]) || !has(&["--env-file", "--keyring", "--pipe-to", "--copy"])
}

/// The binary with nothing of this machine's environment in it.
pub(crate) fn keymint(home: &TempDir) -> Command {
    keymint_under::<&str>(&[], home)
}

async fn read(stdout: Option<ChildStdout>) -> String {
    let mut text = String::new();
    if let Some(mut stdout) = stdout {
        stdout.read_to_string(&mut text).await.unwrap();
    }
    text
}

impl Run {
    /// Plays the browser at the address that was shown already, beside the run.
    pub(crate) fn again(&self, consent: Consent) -> JoinHandle<FinalPage> {
        let url = self.seen.iter().find(|line| line.contains("/oauth/authorize?")).unwrap().clone();
        tokio::spawn(async move { sign_in(&url, consent).await.unwrap() })
    }

    /// Waits for the end of a run that is killed, which keeps no promise but those of its files.
    /// Returns the key, if one was made.
    pub(crate) async fn end_killed(mut self) -> Option<String> {
        watch(self.child.wait()).await.unwrap();
        self.sandbox.keys().into_iter().next().map(|key| key.value)
    }

    /// The first line of standard error that fits, from where the last call stopped.
    pub(crate) async fn line(&mut self, fits: impl Fn(&str) -> bool) -> String {
        watch(async {
            while let Some(line) = self.stderr.next_line().await.unwrap() {
                self.seen.push(line.clone());
                if fits(&line) {
                    return line;
                }
            }
            panic!("the program ended first:\n{}", self.seen.join("\n"));
        })
        .await
    }

    /// The address to open: a line of its own, or the event of that name.
    pub(crate) async fn url(&mut self) -> String {
        let line = self.line(|line| line.contains("/oauth/authorize?")).await;
        let event = serde_json::from_str::<Value>(&line).ok();
        event.and_then(|event| Some(event["url"].as_str()?.to_owned())).unwrap_or(line)
    }

    /// Plays the browser, beside the run.
    pub(crate) async fn browser(&mut self, consent: Consent) -> JoinHandle<FinalPage> {
        let url = self.url().await;
        tokio::spawn(async move { sign_in(&url, consent).await.unwrap() })
    }

    /// The query of a good callback with this code, which the sandbox has not issued.
    pub(crate) async fn callback(&mut self, code: &str) -> String {
        let url = self.url().await;
        let state = url.rsplit_once("&state=").unwrap().1;
        format!("/auth/callback?code={code}&state={state}")
    }

    /// Waits until a request whose path ends like this has arrived.
    pub(crate) async fn requested(&self, path_end: &str) {
        requested(&self.sandbox, path_end).await;
    }

    /// The most memory that the program has had so far, in KiB.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak_memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// The home folder of this run.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The id of the program's process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// What the program reads.
    pub(crate) fn stdin(&mut self) -> &mut ChildStdin {
        self.child.stdin.as_mut().unwrap()
    }

    /// Sends a signal to the program.
    pub(crate) async fn signal(&self, name: &str) {
        let pid = self.process().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().await.unwrap().success());
    }

    /// Ends the program at once.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits for the end, and holds the run to what must always be true.
    pub(crate) async fn end(self) -> Ended {
        let ended = self.wait().await;
        assert_eq!(ended.sandbox.violations(), Vec::<String>::new(), "{}", ended.stderr);
        ended
    }

    /// The same where the test itself has broken the contract, in a request of this name.
    pub(crate) async fn end_against_the_contract(self, request: &str) -> Ended {
        let ended = self.wait().await;
        let violations = ended.sandbox.violations();
        assert!(
            !violations.is_empty() && violations.iter().all(|violation| violation.starts_with(request)),
            "{violations:?}"
        );
        ended
    }

    async fn wait(mut self) -> Ended {
        let code = watch(async {
            while let Some(line) = self.stderr.next_line().await.unwrap() {
                self.seen.push(line);
            }
            self.child.wait().await.unwrap().code().unwrap()
        })
        .await;
        let ended = Ended {
            sandbox: self.sandbox,
            port: self.port,
            prints: self.prints,
            home: self.home,
            code,
            stdout: self.stdout.await.unwrap(),
            stderr: self.seen.join("\n"),
        };
        ended.hold_to_the_invariants();
        ended
    }
}

impl Ended {
    /// The key that the sandbox made, which must be one.
    pub(crate) fn key(&self) -> String {
        let keys = self.sandbox.keys();
        assert_eq!(keys.len(), 1, "{}", self.stderr);
        keys[0].value.clone()
    }

    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{}", self.stdout);
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// How many requests had this method and a path that ends like this.
    pub(crate) fn count(&self, method: &str, path_end: &str) -> usize {
        let requests = self.sandbox.requests();
        requests.iter().filter(|request| request.method == method && request.path.ends_with(path_end)).count()
    }

    fn hold_to_the_invariants(&self) {
        assert!(self.sandbox.keys().len() <= 1, "{:?}", self.sandbox.keys());
        for path_end in ["/oauth/token", "/api_keys"] {
            self.hold_to_no_blind_repetition(path_end);
        }
        self.hold_the_outcome_to_the_truth();
        let steers = |c: char| {
            c.is_control() && c != '\n'
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        assert!(!self.stderr.contains(steers), "{:?}", self.stderr);
        self.hold_secrets_to_their_place();
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        for address in ["127.0.0.1", "::1"] {
            assert!(TcpListener::bind((address, self.port)).is_ok(), "{address} is still bound");
        }
    }

    /// What cannot be repeated was sent again only after an answer that said that nothing was done.
    fn hold_to_no_blind_repetition(&self, path_end: &str) {
        let requests = self.sandbox.requests();
        let sent: Vec<_> = requests.iter().filter(|request| request.path.ends_with(path_end)).collect();
        let (_, repeated) = sent.split_last().map_or((None, &[][..]), |(last, before)| (Some(last), before));
        assert!(sent.len() <= 3 && repeated.iter().all(|request| request.status == Some(429)), "{sent:?}");
    }

    /// Exit code 0 is a key on standard output, if it was wanted there, or none at all; any other code
    /// for a key that exists says so, and where it is or how it is found.
    fn hold_the_outcome_to_the_truth(&self) {
        let Some(key) = self.sandbox.keys().into_iter().next() else {
            assert!(!self.stdout.contains("sk-proj-"), "{}", self.stdout);
            return;
        };
        match self.code {
            0 => assert_eq!(self.stdout.contains(&key.value), self.prints, "{}", self.stderr),
            9 => assert!(self.stderr.contains("the key was created"), "{}", self.stderr),
            10 => assert!(self.stderr.contains(&key.name), "{}", self.stderr),
            code => panic!("exit code {code}, although a key exists:\n{}", self.stderr),
        }
    }

    /// A key stands once on standard output where all went well, or in one file where that could
    /// not be printed. No other secret stands anywhere, and neither does any part of one.
    fn hold_secrets_to_their_place(&self) {
        let keys: Vec<_> = self.sandbox.keys().into_iter().map(|key| key.value).collect();
        let secrets = Canaries::of(self.secrets());
        let mut stdout = self.stdout.clone();
        if let (0 | 9, true, Some(key)) = (self.code, self.prints, keys.first()) {
            stdout = stdout.replacen(key, "", 1);
        }
        for (place, text) in [("error", &self.stderr), ("output", &stdout)] {
            assert_eq!(secrets.find(text), None, "on standard {place}, exit code {}:\n{text}", self.code);
        }
        let mut files = secrets.files_below(self.home.path());
        let is_kept = self.code == 9 || self.stderr.contains("so the key is kept in ");
        if is_kept && files.len() == 1 {
            let content = std::fs::read_to_string(&files[0].0).unwrap();
            files.retain(|_| !keys.iter().any(|key| content == format!("{key}\n")));
        }
        assert_eq!(files, [], "exit code {}", self.code);
    }

    /// Every secret that was issued, and those that went over the wire beside them.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let mut secrets = self.sandbox.secrets();
        for request in self.sandbox.requests() {
            let bearer = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
            secrets.extend(bearer.map(str::to_owned));
            if request.path.ends_with("/oauth/token") {
                let body = request.text().into_owned();
                let fields = body.split('&').filter_map(|field| field.split_once('='));
                let secret = fields.filter(|(name, _)| matches!(*name, "code" | "code_verifier"));
                secrets.extend(secret.map(|(_, value)| value.to_owned()));
            }
        }
        secrets
    }
}

/// Waits until a request whose path ends like this has arrived at the sandbox.
pub(crate) async fn requested(sandbox: &Sandbox, path_end: &str) {
    watch(async {
        while !sandbox.requests().iter().any(|request| request.path.ends_with(path_end)) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Sends bytes to the listener and returns the whole answer.
pub(crate) async fn send(port: u16, request: &str) -> String {
    watch(async {
        let mut stream = connect(port).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    })
    .await
}

pub(crate) async fn connect(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).await.unwrap()
}

/// A plain GET of a browser.
pub(crate) async fn get(port: u16, target: &str) -> String {
    send(port, &format!("GET {target} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n")).await
}
