//! Standard output: the key, or the requested text or JSON, and nothing else.

use crate::error::{CliError, ErrorKind};
use keymint_delivery_adapter::threads;
use keymint_terminal::stdout::{self, Loss};
use keymint_terminal::{stderr, write_all};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;
use zeroize::Zeroizing;

/// The name of standard output among the destinations.
pub(crate) const STDOUT: &str = "stdout";

/// The space that must be available for a line with a key, in bytes. JSON also has the names of the organization and
/// the project.
pub(crate) const ROOM: u64 = 4096;

/// True once a line was printed.
static HAS_PRINTED: AtomicBool = AtomicBool::new(false);

/// The time limit for printing the last line.
const LAST_LINE: Duration = Duration::from_secs(5);

/// Checks that standard output would not lose the key, or the JSON about it, before the key is created.
pub(crate) fn check(gets_key: bool) -> Result<(), &'static str> {
    stdout::check(ROOM).or_else(|loss| match loss {
        // The user does not want the JSON.
        Loss::Null if !gets_key => Ok(()),
        Loss::Null => Err("standard output is closed, or /dev/null: nothing would keep the key"),
        Loss::NoReader => Err("standard output has no reader"),
        Loss::NoRoom => Err(
            "the file of standard output has no room for the output: its disk is full, or it may not grow",
        ),
        _ => Err("standard output cannot be written to"),
    })
}

/// Prints one line, and verifies that it was written completely. Earlier messages on standard error are flushed
/// first.
pub(crate) fn print(line: &str) -> io::Result<()> {
    stderr::flush_briefly();
    let line = Zeroizing::new([line, "\n"].concat());
    write_all(io::stdout(), line.as_bytes())?;
    HAS_PRINTED.store(true, Ordering::Relaxed);
    Ok(())
}

/// Returns whether a line was printed, which is the JSON object if JSON was requested.
pub(crate) fn has_printed() -> bool {
    HAS_PRINTED.load(Ordering::Relaxed)
}

/// Prints the result of a command.
pub(crate) fn show(text: &str) -> Result<(), CliError> {
    print(text).map_err(failed)
}

/// Prints the result of a command that changes nothing. If the reader has left, it wants no more of the result.
pub(crate) fn show_to_reader(text: &str) -> Result<(), CliError> {
    for_reader(print(text))
}

/// Returns the outcome of printing a result to a reader that may leave early, as `head` does.
pub(crate) fn for_reader(printed: io::Result<()>) -> Result<(), CliError> {
    match printed {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed.map_err(failed),
    }
}

/// Returns the error of a command whose only work is to print.
pub(crate) fn failed(error: io::Error) -> CliError {
    CliError::new(ErrorKind::Internal, "standard output failed").because(error)
}

/// Prints the last line, with a short time limit, since the exit code also reports the result.
pub(crate) fn print_at_the_end(line: String) {
    let (printed, waiting) = mpsc::channel();
    threads::start(Box::new(move || drop(printed.send(print(&line)))));
    let _ = waiting.recv_timeout(LAST_LINE);
}
