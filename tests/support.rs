//! The built command, as the testkit drives it.

use keymint_sandbox::{Project, Scenario};
use keymint_testkit::{Launch, Machine, SignIn};
use std::path::Path;

pub(crate) type Start = Launch<SignIn>;
pub(crate) type Run = keymint_testkit::Running<Machine>;
pub(crate) type Ended = keymint_testkit::Ended<Machine>;

pub(crate) const KEYMINT: &str = env!("CARGO_BIN_EXE_keymint");

/// `keymint create` on a machine of its own.
pub(crate) fn create(scenario: Scenario) -> Start {
    keymint_testkit::create(KEYMINT, scenario)
}

/// The command in this home directory.
pub(crate) fn keymint(home: impl AsRef<Path>) -> Launch {
    Launch::new(KEYMINT, home)
}

/// A machine on which several commands run.
pub(crate) async fn machine(scenario: Scenario) -> Machine {
    Machine::start(KEYMINT, scenario).await
}

/// The project that every organization has from its beginning.
pub(crate) fn default_project(id: &str) -> Project {
    Project::new(id).titled("Default project").as_initial()
}

/// Returns a wrapped text in one line.
pub(crate) fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns whether a text for a terminal has colors or styles.
#[cfg(target_os = "linux")]
pub(crate) fn is_colored(shown: &str) -> bool {
    let mut sequences = shown.split("\x1b[").skip(1);
    sequences.any(|sequence| sequence.trim_start_matches(|c: char| !c.is_alphabetic()).starts_with('m'))
}
