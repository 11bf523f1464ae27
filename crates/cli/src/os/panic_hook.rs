//! Keeps the secrets in this process's memory out of files and messages.

use crate::os::stderr;
#[cfg(unix)]
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::panic;
#[cfg(unix)]
use std::sync::OnceLock;

/// Turns off what would write this process's memory to a file, or a secret into a message. A
/// failure is ignored: this is a precaution, and nothing depends on it.
pub(crate) fn harden() {
    panic::set_hook(Box::new(|panic| {
        // The payload is not shown: a foreign panic may quote what it choked on.
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        stderr::write(&format!("error: keymint has a bug, and stopped at {place}. Please report it.\n"));
    }));
    forbid_core_dumps();
}

/// The limit that this process was started with.
#[cfg(unix)]
static GIVEN: OnceLock<Rlimit> = OnceLock::new();

fn forbid_core_dumps() {
    #[cfg(unix)]
    {
        let given = GIVEN.get_or_init(|| getrlimit(Resource::Core));
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: given.maximum });
    }
    // Where the system pipes core dumps to a program, no limit counts.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// Starts another program, which inherits what this process was given, not what it forbids
/// itself. Until it has started, only what Linux has besides the limit forbids a core dump.
pub(crate) fn with_the_persons_limits<T>(start: impl FnOnce() -> T) -> T {
    #[cfg(unix)]
    if let Some(given) = GIVEN.get() {
        let _ = setrlimit(Resource::Core, *given);
    }
    let started = start();
    forbid_core_dumps();
    started
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Runs itself again, to have the hook in a process of its own.
    #[test]
    fn a_panic_tells_its_place_and_nothing_of_what_it_was_about() {
        const THERE: &str = "KEYMINT_TEST_PANICS";
        if std::env::var_os(THERE).is_some() {
            harden();
            panic!("a canary: sk-proj-canary");
        }
        let test = "os::core_dumps::tests::a_panic_tells_its_place_and_nothing_of_what_it_was_about";
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", "--nocapture", test]).env(THERE, "1").env("RUST_BACKTRACE", "full");
        let output = again.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        let place = "crates/cli/src/os/core_dumps.rs:";
        assert!(said.starts_with(&format!("error: keymint has a bug, and stopped at {place}")), "{said}");
        assert!(said.ends_with(". Please report it.\n") && said.lines().count() == 1, "{said}");
    }
}
