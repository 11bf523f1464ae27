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
