//! Checks of standard output before the only copy of a value is written to it.

use crate::write;
use std::error::Error;
use std::fmt;
use std::io;

/// Returns the text, without colors if standard output does not support them.
pub fn styled(text: &str) -> String {
    let choice = anstream::AutoStream::choice(&io::stdout());
    String::from_utf8_lossy(&write::styled(choice, text)).into_owned()
}

/// The reason why standard output would lose a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Loss {
    /// Standard output is closed, or is the null device. Rust opens the null device in place of a closed standard
    /// output.
    Null,
    /// Standard output is not open for writing.
    NotWritable,
    /// Standard output is a pipe, a socket or a terminal whose other end is closed.
    NoReader,
    /// Standard output is a file on a full disk, or a file that has reached its size limit.
    NoRoom,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "standard output is closed, or the null device",
            Self::NotWritable => "standard output is not open for writing",
            Self::NoReader => "standard output has no reader",
            Self::NoRoom => "the file on standard output has no space left",
        })
    }
}

impl Error for Loss {}

/// Checks that standard output would not lose this many bytes. Reserves the disk space if standard output is a file,
/// without changing the content and the size of the file.
///
/// # Errors
///
/// [`Loss`] with the reason.
#[cfg(unix)]
pub fn check(room: u64) -> Result<(), Loss> {
    use rustix::fs::{OFlags, fcntl_getfl};
    let flags = fcntl_getfl(io::stdout()).unwrap_or(OFlags::RDONLY);
    let writable = flags & OFlags::ACCMODE != OFlags::RDONLY;
    if is_null().unwrap_or(false) {
        Err(Loss::Null)
    } else if !writable {
        Err(Loss::NotWritable)
    } else if has_no_reader().unwrap_or(false) {
        Err(Loss::NoReader)
    } else if !has_room(room, flags.contains(OFlags::APPEND)).unwrap_or(true) {
        Err(Loss::NoRoom)
    } else {
        Ok(())
    }
}

/// Returns whether the reader of a pipe, a socket or a terminal has closed it.
#[cfg(unix)]
fn has_no_reader() -> io::Result<bool> {
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

/// Reserves disk space if standard output is a file. Returns whether the space is available.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn has_room(room: u64, appends: bool) -> io::Result<bool> {
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
    if getrlimit(Resource::Fsize).current.is_some_and(|most| start + room > most) {
        return Ok(false);
    }
    let taken = fallocate(&stdout, FallocateFlags::KEEP_SIZE, start, room);
    Ok(!matches!(taken, Err(Errno::NOSPC | Errno::DQUOT | Errno::FBIG)))
}

/// Returns true: on this system, only the write itself reports a full disk.
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
fn has_room(_: u64, _: bool) -> io::Result<bool> {
    Ok(true)
}

/// Checks nothing on this system.
///
/// # Errors
///
/// Never.
#[cfg(not(unix))]
pub fn check(_: u64) -> Result<(), Loss> {
    Ok(())
}
