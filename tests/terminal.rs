//! The binary at a terminal, with a person who types.

use crate::program::{in_home, watch};
use keymint_sandbox::Sandbox;
use std::ffi::OsStr;
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

/// A terminal in which one command runs.
pub(crate) struct Terminal {
    terminal: Child,
    screen: BufReader<ChildStdout>,
    shown: String,
}

impl Terminal {
    /// Runs the binary with these words, against the sandbox. util-linux's `script` gives it a
    /// terminal.
    pub(crate) fn start(
        words: &str,
        sandbox: &Sandbox,
        home: &TempDir,
        environment: &[(&str, &OsStr)],
    ) -> Self {
        let program = format!("{} {words}", env!("CARGO_BIN_EXE_keymint"));
        let mut terminal = in_home(Command::new("script"), home)
            .args(["-qec", &program, "/dev/null"])
            .env("KEYMINT_ISSUER", sandbox.issuer())
            .env("KEYMINT_API_BASE", sandbox.api_base())
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let screen = BufReader::new(terminal.stdout.take().unwrap());
        Self { terminal, screen, shown: String::new() }
    }

    /// Types, or pastes.
    pub(crate) async fn types(&mut self, text: &str) {
        self.terminal.stdin.as_mut().unwrap().write_all(text.as_bytes()).await.unwrap();
    }

    /// What has been shown when this text is there, and nothing of what was shown to an earlier call.
    pub(crate) async fn shows(&mut self, text: &str) -> String {
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

    /// The authorize URL, when it is shown.
    pub(crate) async fn url(&mut self) -> String {
        let mut shown = self.shows("&state=").await;
        shown += &self.shows("\r\n").await;
        shown.lines().find(|line| line.contains("/oauth/authorize?")).unwrap().trim().to_owned()
    }

    /// Waits for the end: the exit code, and what was shown since the last call.
    pub(crate) async fn end(mut self) -> (i32, String) {
        let mut rest = Vec::new();
        watch(self.screen.read_to_end(&mut rest)).await.unwrap();
        let status = watch(self.terminal.wait()).await.unwrap();
        self.shown.push_str(&String::from_utf8_lossy(&rest));
        (status.code().unwrap(), self.shown)
    }
}
