//! What stands in for the keyring where the program was built without it.

use std::io;

pub(super) fn get(_: &str) -> io::Result<Option<Vec<u8>>> {
    Err(not_built_in())
}

pub(super) fn set(_: &str, _: &str, _: &[u8]) -> io::Result<()> {
    Err(not_built_in())
}

pub(super) fn delete(_: &str) -> io::Result<bool> {
    Err(not_built_in())
}

pub(super) fn may_show_a_window() -> bool {
    false
}

fn not_built_in() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "this keymint was built without the keyring")
}
