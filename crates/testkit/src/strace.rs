//! strace, which writes down the system calls of a program, and tests that a machine has no means for.

use std::ffi::OsString;
use std::io::Write;
use std::process::Command;
use tempfile::NamedTempFile;

/// strace, and the file that it writes to.
pub struct Strace {
    log: NamedTempFile,
    words: Vec<OsString>,
}

impl Strace {
    /// Watches these system calls, with more options of strace. Where strace cannot be used, that is
    /// reported, and there is none.
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

    /// What a program is to be started under.
    pub fn words(&self) -> &[OsString] {
        &self.words
    }

    /// Returns what was written down.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }
}

/// Reports a test that is skipped, and why.
pub fn skipped(why: &str) {
    // Not by a macro that prints, whose text is shown only for failed tests.
    std::io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes()).unwrap();
}
