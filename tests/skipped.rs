//! Tests that a machine has no means for.

use std::io::Write;
use std::process::Command;

/// Not by a macro that prints, whose text is shown for failed tests alone.
pub(crate) fn skipped(why: &str) {
    std::io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes()).unwrap();
}

/// Whether system calls can be watched; where not, that is told.
pub(crate) fn strace_works() -> bool {
    let status = Command::new("strace").args(["-o", "/dev/null", "true"]).status();
    let works = status.is_ok_and(|status| status.success());
    if !works {
        skipped("strace is not installed, or may not be used here");
    }
    works
}
