//! Files that will replace another: what they are called, and what is in them before a key is.

use crate::config::key_name::random_u64;
use std::io::{self, Read};
use zeroize::Zeroizing;

/// More bytes than any of them has. What was checked out may have one of this name, of any size.
pub(super) const LARGEST: u64 = 2 * 1024 * 1024;

/// Fills a file that waits for its content.
const PLACEHOLDER: u8 = b'#';

pub(super) fn new_name() -> io::Result<String> {
    let random = random_u64().map_err(io::Error::other)?;
    Ok(format!(".keymint-{random:016x}.tmp"))
}

pub(super) fn is_name(name: &str) -> bool {
    let random = name.strip_prefix(".keymint-").and_then(|name| name.strip_suffix(".tmp"));
    random.is_some_and(|random| random.len() == 16 && random.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// What makes sure that there is room for this many bytes.
pub(super) fn placeholder(size: usize) -> Vec<u8> {
    vec![PLACEHOLDER; size]
}

/// Whether there is, or may be, more in a draft than the placeholder.
pub(super) fn may_hold_a_key(draft: impl Read) -> io::Result<bool> {
    let mut content = Zeroizing::new(Vec::new());
    draft.take(LARGEST).read_to_end(&mut content)?;
    Ok(content.len() as u64 == LARGEST || content.iter().any(|byte| *byte != PLACEHOLDER))
}
