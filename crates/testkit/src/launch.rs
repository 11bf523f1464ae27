//! A program that is not yet started.

use crate::{Ended, Running};
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::{Child, Command};

/// A program that will run in a home directory of its own. Of this machine's environment, it gets only the search path.
/// The caller keeps the directory.
///
/// By default, standard input is empty, and standard output and standard error are collected.
pub struct Launch<S = ()> {
    pub(crate) setup: S,
    pub(crate) program: OsString,
    pub(crate) home: PathBuf,
    under: Vec<OsString>,
    pub(crate) args: Vec<OsString>,
    pub(crate) environment: Vec<(OsString, OsString)>,
    directory: Option<PathBuf>,
    stdin: Stdio,
    stdout: Stdio,
    stderr: Stdio,
}

impl Launch {
    /// Creates a launch of the program with this name or path.
    pub fn new(program: impl AsRef<OsStr>, home: impl AsRef<Path>) -> Self {
        Self::with_setup((), program, home)
    }

    /// Starts the program.
    pub fn spawn(self) -> Running {
        let program = self.program.clone();
        let missing = |error| panic!("{}: {error}; scripts/test installs it", program.display());
        self.spawn_with(()).unwrap_or_else(missing)
    }

    /// Runs the program to its end.
    pub async fn output(self) -> Ended {
        self.spawn().finish().await
    }

    /// Returns whether the program can be started and ends with exit code 0.
    pub async fn succeeds(self) -> bool {
        match self.spawn_with(()) {
            Ok(running) => running.finish().await.code == 0,
            Err(_) => false,
        }
    }
}

impl<S> Launch<S> {
    pub(crate) fn with_setup(setup: S, program: impl AsRef<OsStr>, home: impl AsRef<Path>) -> Self {
        Self {
            setup,
            program: program.as_ref().to_owned(),
            home: home.as_ref().to_owned(),
            under: Vec::new(),
            args: Vec::new(),
            environment: Vec::new(),
            directory: None,
            stdin: Stdio::null(),
            stdout: Stdio::piped(),
            stderr: Stdio::piped(),
        }
    }

    /// Starts the program by another one. `words` are that command and its own arguments. The program and its arguments
    /// follow them.
    pub fn under<T: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = T>) -> Self {
        self.under.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// Adds arguments.
    pub fn args<T: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = T>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets a variable.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sets variables.
    pub fn envs<N: AsRef<OsStr>, V: AsRef<OsStr>>(self, variables: impl IntoIterator<Item = (N, V)>) -> Self {
        variables.into_iter().fold(self, |launch, (name, value)| launch.env(name, value))
    }

    /// Sets the current directory.
    pub fn current_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.directory = Some(directory.as_ref().to_owned());
        self
    }

    /// Sets standard input.
    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.stdin = stdin.into();
        self
    }

    /// Sets standard input to this text, which must fit into a pipe.
    pub fn input(self, text: &str) -> Self {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(text.as_bytes()).unwrap();
        self.stdin(reader)
    }

    /// Sets standard output, which is no longer collected.
    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.stdout = stdout.into();
        self
    }

    /// Sets standard error, which is no longer collected.
    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.stderr = stderr.into();
        self
    }

    pub(crate) fn spawn_with<M>(self, machine: M) -> io::Result<Running<M>> {
        let prints = prints(&self.args);
        Ok(Running::new(machine, self.spawn_child()?, prints))
    }

    pub(crate) fn spawn_child(self) -> io::Result<Child> {
        let mut words = self.under.iter().chain([&self.program]);
        let mut command = Command::new(words.next().expect("the program is one of them"));
        command.args(words).args(&self.args).env_clear();
        command
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.home)
            .env("USER", "tester")
            // These may make a program print more than it should.
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "full")
            .stdin(self.stdin)
            .stdout(self.stdout)
            .stderr(self.stderr)
            .kill_on_drop(true);
        if cfg!(windows) {
            // Without SystemRoot, no program has sockets.
            command
                .env("SystemRoot", std::env::var_os("SystemRoot").unwrap_or_default())
                .env("APPDATA", self.home.join(".config"))
                .env("LOCALAPPDATA", self.home.join(".local").join("state"));
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command.spawn()
    }
}

/// Opens a file for output to which every write fails, as on a full disk.
pub fn full_disk() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

/// Returns whether standard output should have the key: with `--print`, or without another destination.
fn prints(args: &[OsString]) -> bool {
    let has = |flags: &[&str]| args.iter().any(|arg| flags.iter().any(|flag| arg == flag));
    has(&["--print"]) || !has(&["--env-file", "--keyring", "--pipe-to", "--copy"])
}
