//! Standard output: the key, or the requested text or JSON, and nothing else.

use crate::error::{CliError, ErrorKind};
use keymint_delivery_adapter::threads;
use keymint_terminal::{stderr, write_all};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;
use zeroize::Zeroizing;

/// The name of standard output among the destinations.
pub(crate) const STDOUT: &str = "stdout";

/// Room for a line with a key, in bytes. JSON has the names of organization and project, too.
#[cfg(any(target_os = "linux", target_os = "android"))]
const ROOM: u64 = 4096;

/// Whether a line was printed.
static HAS_PRINTED: AtomicBool = AtomicBool::new(false);

/// How long a last line may take.
const LAST_LINE: Duration = Duration::from_secs(5);

/// Finds out, before a key is made, that standard output would swallow it: it is closed, the null
/// device, not for writing, a pipe whose reader is gone, or a file without room. (Rust opens the null device in
/// the place of a closed one.)
#[cfg(unix)]
pub(crate) fn check() -> Result<(), &'static str> {
    use rustix::fs::{OFlags, fcntl_getfl};
    let flags = fcntl_getfl(io::stdout()).unwrap_or(OFlags::RDONLY);
    let writable = flags & OFlags::ACCMODE != OFlags::RDONLY;
    if is_null().unwrap_or(false) {
        Err("standard output is closed, or /dev/null: nothing would keep the key")
    } else if !writable {
        Err("standard output cannot be written to")
    } else if nobody_reads().unwrap_or(false) {
        Err("nobody reads standard output")
    } else if !has_room(flags.contains(OFlags::APPEND)).unwrap_or(true) {
        Err("the file of standard output has no room for the key: its disk is full, or it may not grow")
    } else {
        Ok(())
    }
}

/// Whether the other end of a pipe, a socket or a terminal is closed.
#[cfg(unix)]
fn nobody_reads() -> io::Result<bool> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdout = io::stdout();
    let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
    poll(&mut watched, Some(&Timespec::default()))?;
    Ok(watched[0].revents().intersects(PollFlags::ERR | PollFlags::HUP))
}

#[cfg(unix)]
fn is_null() -> io::Result<bool> {
    use rustix::fs::{FileType, fstat, stat};
    let stdout = fstat(io::stdout())?;
    let is_device = FileType::from_raw_mode(stdout.st_mode).is_char_device();
    Ok(is_device && stdout.st_rdev == stat("/dev/null")?.st_rdev)
}

/// Takes the room for a line, and returns whether there is any. Only a file has to have it.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn has_room(appends: bool) -> io::Result<bool> {
    use rustix::fs::{FallocateFlags, FileType, SeekFrom, fallocate, fstat, seek};
    use rustix::io::Errno;
    use rustix::process::{Resource, getrlimit};
    let stdout = io::stdout();
    let status = fstat(&stdout)?;
    if !FileType::from_raw_mode(status.st_mode).is_file() {
        return Ok(true);
    }
    let size = status.st_size.cast_unsigned();
    let start = if appends { size } else { seek(&stdout, SeekFrom::Current(0))? };
    if getrlimit(Resource::Fsize).current.is_some_and(|most| start + ROOM > most) {
        return Ok(false);
    }
    let taken = fallocate(&stdout, FallocateFlags::KEEP_SIZE, start, ROOM);
    Ok(!matches!(taken, Err(Errno::NOSPC | Errno::DQUOT | Errno::FBIG)))
}

/// Elsewhere it shows when the key is written.
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
fn has_room(_: bool) -> io::Result<bool> {
    Ok(true)
}

#[cfg(not(unix))]
pub(crate) fn check() -> Result<(), &'static str> {
    Ok(())
}

/// Prints one line, and makes sure that it went out whole. What was reported before is shown before it.
pub(crate) fn print(line: &str) -> io::Result<()> {
    stderr::flush_briefly();
    let line = Zeroizing::new([line, "\n"].concat());
    write_all(io::stdout(), line.as_bytes())?;
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
