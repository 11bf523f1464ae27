//! The terminal of this session, wherever the standard streams go.

use std::fs::{File, OpenOptions};
use std::io;

/// Opens it for writing.
pub(crate) fn open() -> io::Result<File> {
    OpenOptions::new().write(true).open("/dev/tty")
}

/// Returns whether there is one.
pub(crate) fn exists() -> bool {
    open().is_ok()
}

/// Returns whether there is one, with this program in its foreground.
#[cfg(unix)]
pub(crate) fn is_ours() -> bool {
    open().is_ok_and(|terminal| !keymint_terminal::is_background(terminal))
}
