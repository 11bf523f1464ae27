//! strace, which writes down the system calls of a program, and tests that a machine has no means for.

use crate::until;
use std::cell::RefCell;
use std::ffi::OsString;
use std::io::Write;
use std::process::{Child, Command};
use tempfile::NamedTempFile;

/// strace, and the file that it writes to.
pub struct Strace {
    log: NamedTempFile,
    words: Vec<OsString>,
}

impl Strace {
    /// Traces these system calls, with more options of strace. If strace cannot be used, it reports that and
    /// returns `None`.
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

    /// Returns the command and its options, which start a program under them.
    pub fn words(&self) -> &[OsString] {
        &self.words
    }

    /// Traces a program that already runs, until it ends or the result is dropped. If that is not permitted, it
    /// reports that and returns `None`.
    pub async fn attach(&self, process: u32) -> Option<Attached> {
        let (strace, options) = self.words.split_first().expect("its own name");
        let process = process.to_string();
        let attached = Command::new(strace).args(options).args(["-p", &process]).spawn().unwrap();
        let attached = Attached(RefCell::new(attached));
        let is_watched = || threads(&process).all(|status| !status.contains("\nTracerPid:\t0\n"));
        until(|| attached.has_ended() || is_watched()).await;
        if attached.has_ended() {
            skipped("a program that runs may not be watched here");
            return None;
        }
        Some(attached)
    }

    /// Returns what was written down.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }
}

/// strace at work on a program that it did not start.
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

/// The status of each thread of a process (proc_pid_status(5)).
fn threads(process: &str) -> impl Iterator<Item = String> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("status")).ok())
}

/// Reports a test that is skipped, and why.
pub fn skipped(why: &str) {
    // Not by a macro that prints, whose text is shown only for failed tests.
    std::io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes()).unwrap();
}
