//! strace, which logs the system calls of a program, and the report of tests that cannot run on this machine.

use crate::until;
use std::cell::RefCell;
use std::ffi::OsString;
use std::io::Write;
use std::process::{Child, Command};
use tempfile::NamedTempFile;

/// A strace command and its log file.
pub struct Strace {
    log: NamedTempFile,
    words: Vec<OsString>,
}

impl Strace {
    /// Creates a trace of these system calls, with additional options of strace. If strace cannot be used, reports that
    /// and returns `None`.
    pub fn of(calls: &str, options: &[&str]) -> Option<Self> {
        let status = Command::new("strace").args(["-o", "/dev/null", "true"]).status();
        if !status.is_ok_and(|status| status.success()) {
            skipped("strace is not installed, or may not be used here");
            return None;
        }
        let log = NamedTempFile::new().unwrap();
        let trace = format!("trace={calls}");
        let words = ["strace", "-f", "-qq", "-e", &trace, "-o"].map(OsString::from);
        let options = options.iter().map(OsString::from);
        let words = words.into_iter().chain([log.path().into()]).chain(options).collect();
        Some(Self { log, words })
    }

    /// Returns the strace command and its options, for [`Launch::under`](crate::Launch::under).
    pub fn words(&self) -> &[OsString] {
        &self.words
    }

    /// Traces a running program until it ends or the result is dropped. If that is not permitted, reports that and
    /// returns `None`.
    pub async fn attach(&self, process: u32) -> Option<Attached> {
        let (strace, options) = self.words.split_first().expect("the words begin with strace");
        let process = process.to_string();
        let attached = Command::new(strace).args(options).args(["-p", &process]).spawn().unwrap();
        let attached = Attached(RefCell::new(attached));
        let is_watched = || threads(&process).all(|status| !status.contains("\nTracerPid:\t0\n"));
        until(|| attached.has_ended() || is_watched()).await;
        if attached.has_ended() {
            skipped("strace may not attach to a running program here");
            return None;
        }
        Some(attached)
    }

    /// Returns the log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }
}

/// A strace process that is attached to a running program.
pub struct Attached(RefCell<Child>);

impl Attached {
    fn has_ended(&self) -> bool {
        self.0.borrow_mut().try_wait().unwrap().is_some()
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let strace = self.0.get_mut();
        let _ = strace.kill();
        let _ = strace.wait();
    }
}

/// Returns the status of each thread of a process (proc_pid_status(5)).
fn threads(process: &str) -> impl Iterator<Item = String> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("status")).ok())
}

/// Reports that a test is skipped, with the reason.
pub fn skipped(reason: &str) {
    // Not by a macro, whose output is shown only for failed tests.
    std::io::stderr().write_all(format!("SKIPPED: {reason}\n").as_bytes()).unwrap();
}
