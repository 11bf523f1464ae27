//! Standard output: the key, or the requested text or JSON, and nothing else.

use crate::error::{CliError, ErrorKind};
use keymint_delivery_adapter::threads;
use keymint_terminal::stderr;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;
use zeroize::Zeroizing;

/// The name of standard output among the destinations.
pub(crate) const STDOUT: &str = "stdout";

/// Whether a line was printed.
static HAS_PRINTED: AtomicBool = AtomicBool::new(false);

/// How long a last line may take.
const LAST_LINE: Duration = Duration::from_secs(5);

/// Finds out, before a key is made, that standard output would swallow it: it is closed, the null
/// device, not for writing, or a pipe whose reader is gone. (Rust opens the null device in the place of
/// a closed one.)
#[cfg(unix)]
pub(crate) fn check() -> Result<(), &'static str> {
    use rustix::fs::{OFlags, fcntl_getfl};
    let writable = fcntl_getfl(io::stdout()).is_ok_and(|flags| flags & OFlags::ACCMODE != OFlags::RDONLY);
    if is_null().unwrap_or(false) {
        Err("standard output is closed, or /dev/null: nothing would keep the key")
    } else if !writable {
        Err("standard output cannot be written to")
    } else if nobody_reads().unwrap_or(false) {
        Err("nobody reads standard output")
    } else {
        Ok(())
    }
}

/// Whether the other end of a pipe is closed.
#[cfg(unix)]
fn nobody_reads() -> io::Result<bool> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdout = io::stdout();
    let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
    poll(&mut watched, Some(&Timespec::default()))?;
    Ok(watched[0].revents().contains(PollFlags::ERR))
}

#[cfg(unix)]
fn is_null() -> io::Result<bool> {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    let stdout = stdout()?.metadata()?;
    Ok(stdout.file_type().is_char_device() && stdout.rdev() == std::fs::metadata("/dev/null")?.rdev())
}

#[cfg(not(unix))]
pub(crate) fn check() -> Result<(), &'static str> {
    Ok(())
}

/// Standard output as a file, which reports every error: the standard library's own ignores one that
/// is not open for writing.
#[cfg(unix)]
fn stdout() -> io::Result<std::fs::File> {
    use std::os::fd::AsFd;
    Ok(io::stdout().as_fd().try_clone_to_owned()?.into())
}

#[cfg(not(unix))]
fn stdout() -> io::Result<io::Stdout> {
    Ok(io::stdout())
}

/// Prints one line, and makes sure that it went out whole. What was reported before is shown before it.
pub(crate) fn print(line: &str) -> io::Result<()> {
    stderr::flush_briefly();
    let mut stdout = stdout()?;
    let line = Zeroizing::new([line, "\n"].concat());
    stdout.write_all(line.as_bytes())?;
    stdout.flush()?;
    HAS_PRINTED.store(true, Ordering::Relaxed);
    Ok(())
}

/// Whether standard output has a line, which is the JSON if that was requested.
pub(crate) fn has_printed() -> bool {
    HAS_PRINTED.load(Ordering::Relaxed)
}

/// Prints the result of a command.
pub(crate) fn show(text: &str) -> Result<(), CliError> {
    print(text).map_err(failed)
}

/// The failure of a command that has nothing else to do than to print.
pub(crate) fn failed(error: io::Error) -> CliError {
    CliError::new(ErrorKind::Internal, "standard output failed").because(error)
}

/// Prints a last line, and does not wait long for its reader: the exit code also reports the result.
pub(crate) fn print_at_the_end(line: String) {
    let (printed, waiting) = mpsc::channel();
    threads::start(Box::new(move || drop(printed.send(print(&line)))));
    let _ = waiting.recv_timeout(LAST_LINE);
}
