//! Programs that tests make, for keymint to start.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Makes a shell script that its owner can start.
///
/// Another process writes it: what this one has open for writing is open, for a moment, in a program
/// that another test is just starting, too, and such a file cannot be started.
pub(crate) fn script(path: impl AsRef<Path>, text: &str) {
    let mut install = Command::new("install");
    install.args(["-m", "700", "/dev/stdin"]).arg(path.as_ref()).stdin(Stdio::piped());
    let mut install = install.spawn().unwrap();
    install.stdin.take().unwrap().write_all(format!("#!/bin/sh\n{text}\n").as_bytes()).unwrap();
    assert!(install.wait().unwrap().success());
}
