//! Programs that tests write, for keymint to start.

use std::env;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Writes a shell script that its owner can start.
///
/// Another process writes it: a file that this process has open for writing is inherited, for a moment,
/// by a program that another test is starting, and such a file cannot be executed.
pub fn script(path: impl AsRef<Path>, text: &str) {
    let mut install = Command::new("install");
    install.args(["-m", "700", "/dev/stdin"]).arg(path.as_ref()).stdin(Stdio::piped());
    let mut install = install.spawn().unwrap();
    install.stdin.take().unwrap().write_all(format!("#!/bin/sh\n{text}\n").as_bytes()).unwrap();
    assert!(install.wait().unwrap().success());
}

/// Returns a PATH with this directory first.
pub fn before_the_search_path(directory: impl AsRef<Path>) -> OsString {
    let search_path = env::var_os("PATH").unwrap_or_default();
    let first = [directory.as_ref().to_owned()];
    env::join_paths(first.into_iter().chain(env::split_paths(&search_path))).unwrap()
}
