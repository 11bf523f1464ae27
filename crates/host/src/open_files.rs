//! The number of files that this process can open.

use std::io;

/// Ensures that this process can open `count` more files at the same time. On Unix, raises the limit if necessary and
/// permitted.
///
/// # Errors
///
/// [`io::Error`] if the limit is too low and cannot be raised.
#[cfg(unix)]
pub fn ensure(count: u8) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    if try_out(count).is_ok() {
        return Ok(());
    }
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let more = current.map(|current| maximum.unwrap_or(u64::MAX).min(current + u64::from(count)));
    let _ = setrlimit(Resource::Nofile, Rlimit { current: more, maximum });
    try_out(count)
}

#[cfg(unix)]
fn try_out(count: u8) -> io::Result<()> {
    use std::os::fd::{AsFd, OwnedFd};
    let files: io::Result<Vec<OwnedFd>> =
        (0..count).map(|_| io::stderr().as_fd().try_clone_to_owned()).collect();
    files.map(drop)
}

/// Does nothing: this system has no such limit.
///
/// # Errors
///
/// Never.
#[cfg(not(unix))]
pub fn ensure(_: u8) -> io::Result<()> {
    Ok(())
}
