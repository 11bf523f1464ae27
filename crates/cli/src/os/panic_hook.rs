//! The message of a panic, without secrets.

use keymint_terminal::{restore, stderr};
use std::panic;

/// Replaces the panic message of the standard library. First restores the terminal, since the released program drops
/// nothing after a panic.
pub(crate) fn install() {
    panic::set_hook(Box::new(|panic| {
        restore();
        // The payload is not printed, since a library's panic may quote its input.
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        stderr::write(format!("error: keymint has a bug, and stopped at {place}. Please report it.\n"));
        stderr::flush();
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_os = "linux")]
    use keymint_testkit::{Launch, Terminal};
    use std::process::Command;

    /// Runs the test program again, so that the hook is installed in a process of its own.
    #[test]
    fn a_panic_shows_its_location_and_not_its_message() {
        const THERE: &str = "KEYMINT_TEST_PANICS";
        if std::env::var_os(THERE).is_some() {
            install();
            panic!("a canary: sk-proj-canary");
        }
        let test = "os::panic_hook::tests::a_panic_shows_its_location_and_not_its_message";
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", "--nocapture", test]).env(THERE, "1").env("RUST_BACKTRACE", "full");
        let output = again.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        let place = "crates/cli/src/os/panic_hook.rs:";
        assert!(said.starts_with(&format!("error: keymint has a bug, and stopped at {place}")), "{said}");
        assert!(said.ends_with(". Please report it.\n") && said.lines().count() == 1, "{said}");
    }

    /// The program that is shipped ends right after the hook.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_panic_removes_a_menu_and_restores_the_terminal() {
        const THERE: &str = "KEYMINT_TEST_PANICS_IN_A_MENU";
        if std::env::var_os(THERE).is_some() {
            install();
            let hook = panic::take_hook();
            panic::set_hook(Box::new(move |panic| {
                hook(panic);
                std::process::abort();
            }));
            let picked = keymint_terminal::pick("Which?", &["one".to_owned()], None, |_| panic!()).await;
            panic!("{picked:?}");
        }
        let script = "stty cols 80 rows 24; before=$(stty -g); \"$@\"; \
                      [ \"$(stty -g)\" = \"$before\" ] && echo restored";
        let test = "os::panic_hook::tests::a_panic_removes_a_menu_and_restores_the_terminal";
        let home = tempfile::tempdir().unwrap();
        let shell =
            Launch::new("sh", &home).args(["-c", script, "sh"]).args([std::env::current_exe().unwrap()]);
        let shell = shell.args(["--exact", "--nocapture", test]).env(THERE, "1").env("TERM", "xterm");
        let mut terminal = Terminal::start(shell);
        let mut shown = terminal.shows("text to filter: ").await;
        terminal.types("x").await;
        shown += &terminal.shows("restored").await;
        terminal.end().await;
        let mut screen = vt100::Parser::new(24, 80, 0);
        screen.process(shown.as_bytes());
        let shown = screen.screen().contents();
        assert!(shown.contains("keymint has a bug") && !shown.contains("Which?"), "{shown}");
    }
}
