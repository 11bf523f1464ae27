//! The message of a panic, without secrets.

use keymint_terminal::stderr;
use std::panic;

/// Replaces the panic message of the standard library.
pub(crate) fn install() {
    panic::set_hook(Box::new(|panic| {
        // The payload is not printed, since a library's panic may quote its input.
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        stderr::write(format!("error: keymint has a bug, and stopped at {place}. Please report it.\n"));
        stderr::flush();
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Runs the test program again, so that the hook is installed in a process of its own.
    #[test]
    fn a_panic_tells_its_place_and_nothing_of_what_it_was_about() {
        const THERE: &str = "KEYMINT_TEST_PANICS";
        if std::env::var_os(THERE).is_some() {
            install();
            panic!("a canary: sk-proj-canary");
        }
        let test = "os::panic_hook::tests::a_panic_tells_its_place_and_nothing_of_what_it_was_about";
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", "--nocapture", test]).env(THERE, "1").env("RUST_BACKTRACE", "full");
        let output = again.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        let place = "crates/cli/src/os/panic_hook.rs:";
        assert!(said.starts_with(&format!("error: keymint has a bug, and stopped at {place}")), "{said}");
        assert!(said.ends_with(". Please report it.\n") && said.lines().count() == 1, "{said}");
    }
}
