//! A running program.

use crate::{Ended, watch};
use keymint_sandbox::{Consent, FinalPage, sign_in};
use serde_json::Value;
use std::io;
use std::ops::Deref;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::task::JoinHandle;

/// A kind of memory that can be limited for a process.
#[cfg(target_os = "linux")]
pub enum Memory {
    /// The private writable memory, including the stacks of all threads.
    Data,
    /// The whole address space.
    AddressSpace,
}

/// Limits the memory of a process to its current amount of this kind and `spare` more bytes. If the process needs more,
/// a signal ends it.
#[cfg(target_os = "linux")]
pub async fn limit(process: u32, kind: Memory, spare: u64) {
    let (field, option) = match kind {
        Memory::Data => ("VmData", "--data"),
        Memory::AddressSpace => ("VmSize", "--as"),
    };
    let limit = memory(process, field).unwrap() + spare;
    let (process, limit) = (format!("--pid={process}"), format!("{option}={limit}"));
    assert!(Command::new("prlimit").args([&process, &limit]).status().await.unwrap().success());
}

/// Returns a field of `/proc/PID/status` that is an amount of memory, in bytes.
#[cfg(target_os = "linux")]
fn memory(process: u32, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let amount = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    Some(1024 * amount.trim().trim_end_matches(" kB").parse::<u64>().unwrap())
}

/// A running program. Dropping it kills the program. A run of [`create`](crate::create) also has its machine.
pub struct Running<M = ()> {
    pub(crate) machine: M,
    child: Child,
    process: u32,
    /// True if standard output must have the key.
    pub(crate) prints: bool,
    stdout: JoinHandle<String>,
    stderr: Option<Lines<BufReader<ChildStderr>>>,
    seen: String,
    browser: Option<JoinHandle<io::Result<FinalPage>>>,
}

impl<M> Deref for Running<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.machine
    }
}

/// Plays the browser at this URL, in a task of its own.
pub fn browse(url: &str, consent: Consent) -> JoinHandle<io::Result<FinalPage>> {
    let url = url.to_owned();
    tokio::spawn(async move { sign_in(&url, consent).await })
}

async fn read(stdout: Option<ChildStdout>) -> String {
    let mut text = String::new();
    if let Some(mut stdout) = stdout {
        stdout.read_to_string(&mut text).await.unwrap();
    }
    text
}

impl<M> Running<M> {
    pub(crate) fn new(machine: M, mut child: Child, prints: bool) -> Self {
        let stdout = tokio::spawn(read(child.stdout.take()));
        let stderr = child.stderr.take().map(|stderr| BufReader::new(stderr).lines());
        let process = child.id().unwrap();
        Self { machine, child, process, prints, stdout, stderr, seen: String::new(), browser: None }
    }

    /// Returns the next line of standard error, or `None` at its end.
    pub async fn next_line(&mut self) -> Option<String> {
        let line = self.stderr.as_mut()?.next_line().await.unwrap()?;
        self.seen.push_str(&line);
        self.seen.push('\n');
        Some(line)
    }

    /// Returns the next line of standard error that fits, or `None` if the program ends first.
    pub async fn seek(&mut self, fits: impl Fn(&str) -> bool) -> Option<String> {
        watch(async {
            loop {
                let line = self.next_line().await?;
                if fits(&line) {
                    return Some(line);
                }
            }
        })
        .await
    }

    /// Returns the next line of standard error that fits. Panics if the program ends first.
    pub async fn line(&mut self, fits: impl Fn(&str) -> bool) -> String {
        let line = self.seek(fits).await;
        line.unwrap_or_else(|| panic!("the program ended first:\n{}", self.seen))
    }

    /// Returns the URL to open, or `None` if the program ends before it shows one. The URL is a line of its own, or a
    /// member of an event.
    pub async fn try_url(&mut self) -> Option<String> {
        let shows = |line: &str| line.contains("/oauth/authorize?");
        let shown = self.seen.lines().find(|line| shows(line)).map(str::to_owned);
        let line = match shown {
            Some(line) => line,
            None => self.seek(shows).await?,
        };
        let event = serde_json::from_str::<Value>(&line).ok();
        Some(event.and_then(|event| Some(event["url"].as_str()?.to_owned())).unwrap_or(line))
    }

    /// Returns the URL to open. Panics if the program ends first.
    pub async fn url(&mut self) -> String {
        let url = self.try_url().await;
        url.unwrap_or_else(|| panic!("the program ended first:\n{}", self.seen))
    }

    /// Returns the request target of a callback with this code and the right state.
    pub async fn callback(&mut self, code: &str) -> String {
        let url = self.url().await;
        let state = url.rsplit_once("&state=").unwrap().1;
        format!("/auth/callback?code={code}&state={state}")
    }

    /// Plays the browser at the URL that the program shows, concurrently with the program.
    pub async fn browser(&mut self, consent: Consent) {
        let url = self.url().await;
        self.browser_at(&url, consent);
    }

    /// Plays the browser at another URL.
    pub fn browser_at(&mut self, url: &str, consent: Consent) {
        self.browser = Some(browse(url, consent));
    }

    /// Returns the id of the process.
    pub fn process(&self) -> u32 {
        self.process
    }

    /// Returns the peak of the program's resident memory so far, in bytes. `None` if the program has ended.
    #[cfg(target_os = "linux")]
    pub fn peak_memory(&self) -> Option<u64> {
        memory(self.process, "VmHWM")
    }

    /// Limits the program's memory as [`limit`] does.
    #[cfg(target_os = "linux")]
    pub async fn limit(&self, kind: Memory, spare: u64) {
        limit(self.process, kind, spare).await;
    }

    /// Writes to standard input, which must be a pipe.
    pub async fn types(&mut self, text: &str) {
        self.child.stdin.as_mut().unwrap().write_all(text.as_bytes()).await.unwrap();
    }

    /// Closes standard input, which must be a pipe.
    pub fn closes_stdin(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Sends the signal of this name to the program.
    pub async fn signal(&self, name: &str) {
        send(name, &self.process.to_string()).await;
    }

    /// Kills the program.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits for the end of the program, and of the browser.
    pub async fn finish(mut self) -> Ended<M> {
        let (status, stdout) = watch(async {
            while self.next_line().await.is_some() {}
            (self.child.wait().await.unwrap(), (&mut self.stdout).await.unwrap())
        })
        .await;
        let page = match self.browser {
            Some(browser) => Some(watch(browser).await.unwrap().unwrap()),
            None => None,
        };
        let Self { machine, process, seen: stderr, .. } = self;
        Ended { machine, process, status, code: status.code().unwrap_or(-1), stdout, stderr, page }
    }
}

/// Sends the signal of this name to a process.
pub(crate) async fn send(signal: &str, process: &str) {
    assert!(Command::new("kill").args(["-s", signal, process]).status().await.unwrap().success());
}
