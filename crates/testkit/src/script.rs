//! Scripts that tests write and keymint starts.

use std::env;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Writes a shell script that its owner can execute.
///
/// Another process writes the file. If this process wrote it, a program that another test starts at that moment would
/// inherit the open file, and a file that is open for writing cannot be executed.
pub fn script(path: impl AsRef<Path>, text: &str) {
    let mut install = Command::new("install");
    install.args(["-m", "700", "/dev/stdin"]).arg(path.as_ref()).stdin(Stdio::piped());
    let mut install = install.spawn().unwrap();
    install.stdin.take().unwrap().write_all(format!("#!/bin/sh\n{text}\n").as_bytes()).unwrap();
    assert!(install.wait().unwrap().success());
}

/// A directory of scripts. Each script runs in the directory.
pub struct Scripts(TempDir);

impl Scripts {
    /// Creates a directory with one script.
    pub fn with(name: &str, text: &str) -> Self {
        Self(tempfile::tempdir().unwrap()).and(name, text)
    }

    /// Adds a script.
    pub fn and(self, name: &str, text: &str) -> Self {
        script(self.path(name), &format!("cd \"${{0%/*}}\"\n{text}"));
        self
    }

    /// Returns the path of a file in the directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Returns the content of a file in the directory.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Returns a `PATH` with this directory first.
    pub fn search_path(&self) -> OsString {
        before_the_search_path(&self.0)
    }
}

/// Returns a `PATH` with this directory first.
pub fn before_the_search_path(directory: impl AsRef<Path>) -> OsString {
    let search_path = env::var_os("PATH").unwrap_or_default();
    let first = [directory.as_ref().to_owned()];
    env::join_paths(first.into_iter().chain(env::split_paths(&search_path))).unwrap()
}
