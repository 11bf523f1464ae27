//! The controlling terminal of this session, independent of the standard streams.

use std::fs::{File, OpenOptions};
use std::io;

/// Opens the terminal for writing.
pub(crate) fn open() -> io::Result<File> {
    OpenOptions::new().write(true).open("/dev/tty")
}

/// Returns whether this session has a terminal.
pub(crate) fn exists() -> bool {
    open().is_ok()
}

/// Returns whether this session has a terminal and this program is in its foreground.
#[cfg(unix)]
pub(crate) fn is_ours() -> bool {
    open().is_ok_and(|terminal| !keymint_terminal::is_background(terminal))
}
