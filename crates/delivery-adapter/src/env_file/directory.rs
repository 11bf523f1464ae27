//! A directory, and one file in it that is replaced whole.

#[cfg_attr(unix, path = "directory/unix.rs")]
#[cfg_attr(not(unix), path = "directory/portable.rs")]
mod platform;

pub(super) use platform::{Directory, Snapshot, TempFile};
use rand::TryRng;
use rand::rngs::SysRng;
use std::io::{self, Read};
use zeroize::Zeroizing;

/// The size that no temporary file reaches, in bytes. A checkout may have a file of such a name, of any
/// size.
const LARGEST: u64 = 2 * 1024 * 1024;

/// Fills a temporary file before its content is known.
const PLACEHOLDER: u8 = b'#';

fn new_name() -> io::Result<String> {
    let random = SysRng.try_next_u64().map_err(io::Error::other)?;
    Ok(format!(".keymint-{random:016x}.tmp"))
}

fn is_name(name: &str) -> bool {
    let random = name.strip_prefix(".keymint-").and_then(|name| name.strip_suffix(".tmp"));
    random.is_some_and(|random| random.len() == 16 && random.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A content that takes the room for this many bytes.
fn placeholder(size: usize) -> Vec<u8> {
    vec![PLACEHOLDER; size]
}

/// Returns whether a temporary file has, or may have, more than the placeholder in it.
fn may_hold_a_key(temp_file: impl Read) -> io::Result<bool> {
    let mut content = Zeroizing::new(Vec::new());
    temp_file.take(LARGEST).read_to_end(&mut content)?;
    Ok(content.len() as u64 == LARGEST || content.iter().any(|byte| *byte != PLACEHOLDER))
}
