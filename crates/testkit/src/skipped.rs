//! Tests that a machine has no means for.

use std::io::Write;

/// Reports a test that is skipped, and why.
pub fn skipped(why: &str) {
    // Not by a macro that prints, whose text is shown only for failed tests.
    std::io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes()).unwrap();
}
