//! The terminal of this session, whatever the streams are.

use std::fs::{File, OpenOptions};
use std::io;

/// Opens it for writing.
pub(super) fn open() -> io::Result<File> {
    OpenOptions::new().write(true).open("/dev/tty")
}

/// Whether there is one.
pub(super) fn is_there() -> bool {
    open().is_ok()
}
