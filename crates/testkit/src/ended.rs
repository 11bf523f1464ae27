//! A program that has ended.

use keymint_sandbox::FinalPage;
use serde_json::Value;
use std::ops::Deref;
use std::path::PathBuf;
use std::process::ExitStatus;

/// The results of a program that has ended. A run of [`create`](crate::create) also has its machine.
pub struct Ended<M = ()> {
    pub(crate) machine: M,
    /// The id of its process.
    pub process: u32,
    /// The exit status.
    pub status: ExitStatus,
    /// The exit code, or -1 if a signal ended the program.
    pub code: i32,
    /// The collected standard output.
    pub stdout: String,
    /// The collected standard error.
    pub stderr: String,
    pub(crate) page: Option<FinalPage>,
}

impl<M> Deref for Ended<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.machine
    }
}

impl<M> Ended<M> {
    /// Checks the exit code.
    pub fn exits_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.stderr);
        self
    }

    /// Returns standard output, which must be one line of JSON.
    pub fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{}", self.stdout);
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// Returns the last page of the browser. The run must have had one.
    pub fn page(&self) -> &FinalPage {
        self.page.as_ref().unwrap()
    }

    /// Returns the file that has the undelivered key, as standard error names it.
    pub fn kept_in(&self) -> PathBuf {
        let (_, path) = self.stderr.split_once("it is kept in ").expect(&self.stderr);
        path.lines().next().unwrap().into()
    }

    /// Returns the content of [that file](Self::kept_in).
    pub fn kept(&self) -> String {
        std::fs::read_to_string(self.kept_in()).unwrap()
    }
}
