//! The name of a file that will replace another.

use crate::key_name::random_u64;
use std::io;

/// More bytes than any of them has. What was checked out may have one of this name, of any size.
pub(super) const LARGEST: u64 = 2 * 1024 * 1024;

pub(super) fn new() -> io::Result<String> {
    let random = random_u64().map_err(io::Error::other)?;
    Ok(format!(".keymint-{random:016x}.tmp"))
}

pub(super) fn is_one(name: &str) -> bool {
    let random = name.strip_prefix(".keymint-").and_then(|name| name.strip_suffix(".tmp"));
    random.is_some_and(|random| random.len() == 16 && random.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
