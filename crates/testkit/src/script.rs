//! Programs that tests write, for keymint to start.

use std::env;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

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

/// A directory of scripts, in which each of them runs.
pub struct Scripts(TempDir);

impl Scripts {
    /// A directory with one script.
    pub fn with(name: &str, text: &str) -> Self {
        Self(tempfile::tempdir().unwrap()).and(name, text)
    }

    /// Adds a script.
    pub fn and(self, name: &str, text: &str) -> Self {
        script(self.path(name), &format!("cd \"${{0%/*}}\"\n{text}"));
        self
    }

    /// The path of a file in the directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The content of a file in the directory.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// A PATH with this directory first.
    pub fn search_path(&self) -> OsString {
        before_the_search_path(&self.0)
    }
}

/// A PATH with this directory first.
pub fn before_the_search_path(directory: impl AsRef<Path>) -> OsString {
    let search_path = env::var_os("PATH").unwrap_or_default();
    let first = [directory.as_ref().to_owned()];
    env::join_paths(first.into_iter().chain(env::split_paths(&search_path))).unwrap()
}
