//! A program at a terminal, with a user who types. `script` of util-linux creates the terminal.

#[cfg(target_os = "linux")]
use crate::running::send;
use crate::{Launch, watch};
use std::process::Stdio;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdout};

/// The command that starts a program at a terminal. The terminal is its standard input, output and error.
pub const ON_A_TERMINAL: [&str; 4] =
    ["bash", "-c", r#"printf -v line '%q ' "$@"; exec script -qec "$line" /dev/null"#, "bash"];

/// The command that starts a program at a terminal, with the program's standard output and error elsewhere. The text on
/// the terminal is written to the file that the variable `SCREEN` names.
pub const BESIDE_A_TERMINAL: [&str; 4] = [
    "bash",
    "-c",
    r#"exec 8>&1 9>&2; printf -v line '%q ' "$@"; exec script -qec "$line >&8 2>&9" /dev/null >"$SCREEN""#,
    "bash",
];

/// A terminal at which one program runs.
pub struct Terminal {
    terminal: Child,
    screen: BufReader<ChildStdout>,
    shown: String,
}

impl Terminal {
    /// Starts a program at a new terminal.
    pub fn start(program: Launch) -> Self {
        let mut terminal = program.under(ON_A_TERMINAL).stdin(Stdio::piped()).spawn_child().unwrap();
        let screen = BufReader::new(terminal.stdout.take().unwrap());
        Self { terminal, screen, shown: String::new() }
    }

    /// Types or pastes a text.
    pub async fn types(&mut self, text: &str) {
        self.terminal.stdin.as_mut().unwrap().write_all(text.as_bytes()).await.unwrap();
    }

    /// Waits for this text on the terminal. Returns the output since the last call, up to the end of the text.
    pub async fn shows(&mut self, text: &str) -> String {
        watch(async {
            while !self.shown.contains(text) {
                let mut bytes = [0; 1024];
                let length = self.screen.read(&mut bytes).await.unwrap();
                assert!(length > 0, "the terminal closed before it showed {text:?}: {}", self.shown);
                self.shown.push_str(&String::from_utf8_lossy(&bytes[..length]));
            }
        })
        .await;
        let end = self.shown.find(text).unwrap() + text.len();
        let rest = self.shown.split_off(end);
        std::mem::replace(&mut self.shown, rest)
    }

    /// Waits for the URL to open, and returns it.
    pub async fn url(&mut self) -> String {
        let mut shown = self.shows("&state=").await;
        shown += &self.shows("\r\n").await;
        shown.lines().find(|line| line.contains("/oauth/authorize?")).unwrap().trim().to_owned()
    }

    /// Sends the signal of this name to the program.
    #[cfg(target_os = "linux")]
    pub async fn signal(&self, name: &str) {
        let script = self.terminal.id().unwrap();
        let program = std::fs::read_to_string(format!("/proc/{script}/task/{script}/children")).unwrap();
        send(name, program.trim()).await;
    }

    /// Waits for the end of the program. Returns the exit code, and the output since the last call.
    pub async fn end(mut self) -> (i32, String) {
        let mut rest = Vec::new();
        watch(self.screen.read_to_end(&mut rest)).await.unwrap();
        let status = watch(self.terminal.wait()).await.unwrap();
        self.shown.push_str(&String::from_utf8_lossy(&rest));
        (status.code().unwrap(), self.shown)
    }
}
