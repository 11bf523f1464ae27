//! The job control of a terminal (POSIX.1-2024, Base Definitions, section 11.1.4).

use std::time::Duration;

/// The interval at which a background program checks whether it is in the foreground. No signal reports that: the
/// `fg` of a shell continues only a stopped program.
pub(crate) const GLANCE: Duration = Duration::from_millis(200);

/// Returns whether the stream is the terminal of this session and another process group is in its foreground. In that
/// case, the system stops this program if it reads or changes the terminal.
#[cfg(unix)]
pub fn is_background(stream: impl std::os::fd::AsFd) -> bool {
    rustix::termios::tcgetpgrp(stream).is_ok_and(|foreground| foreground != rustix::process::getpgrp())
}

/// Returns whether the system would stop this program for writing to the stream, which happens in the background of a
/// terminal with `stty tostop`.
#[cfg(unix)]
pub fn forbids_writes(stream: impl std::os::fd::AsFd) -> bool {
    use rustix::termios::{LocalModes, tcgetattr};
    let stream = stream.as_fd();
    is_background(stream)
        && tcgetattr(stream).is_ok_and(|modes| modes.local_modes.contains(LocalModes::TOSTOP))
}

/// Returns false: this system has no job control.
#[cfg(not(unix))]
pub fn is_background<T>(_: T) -> bool {
    false
}

/// Returns false: this system has no job control.
#[cfg(not(unix))]
pub fn forbids_writes<T>(_: T) -> bool {
    false
}
