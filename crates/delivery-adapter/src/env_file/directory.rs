//! A directory, and one file in it that is replaced whole.
//!
//! Each platform has the same three types: a [`Directory`], a [`Snapshot`] of a file at one moment, and a
//! [`TempFile`] beside the file that it will replace, which takes the room for the new content.

#[cfg(not(unix))]
mod portable;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub(super) use portable::{Directory, Snapshot, TempFile};
use rand::TryRng;
use rand::rngs::SysRng;
use std::io::{self, Read};
use std::path::PathBuf;
#[cfg(unix)]
pub(super) use unix::{Directory, Snapshot, TempFile};
use zeroize::Zeroizing;

/// The size that no temporary file reaches, in bytes. A checkout may have a file of such a name, of any
/// size.
const LARGEST: u64 = 2 * 1024 * 1024;

/// Fills a temporary file before its content is known.
const PLACEHOLDER: u8 = b'#';

/// The properties of a file that matter when it is replaced. Those that a platform does not report are
/// absent.
#[derive(Default)]
pub(super) struct Properties {
    pub(super) is_read_only: bool,
    /// No other file can replace it: it is a mount point, as in containers, or its attributes forbid it
    /// (`chattr`).
    pub(super) is_fixed: bool,
    pub(super) has_other_names: bool,
    /// The mode, if other users may read the file.
    pub(super) readable_by_others: Option<u32>,
}

impl Directory {
    /// Returns the temporary files of killed runs that may hold a key. Those with nothing but the placeholder
    /// are removed.
    pub(super) fn leftovers(&self) -> io::Result<Vec<PathBuf>> {
        let mut left = Vec::new();
        for (name, file) in self.abandoned_temp_files()? {
            if may_hold_a_key(file)? {
                left.push(self.path().join(name));
            } else {
                self.remove(&name);
            }
        }
        Ok(left)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Reads a file of this size, which may be at most `largest`.
fn read_whole(file: impl Read, size: u64, largest: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let capacity = usize::try_from(size).ok().filter(|size| *size <= largest);
    let Some(capacity) = capacity else {
        return Err(io::Error::other(format!("the file has more than {largest} bytes")));
    };
    // Never moved while it grows, which would leave a copy behind.
    let mut content = Zeroizing::new(Vec::with_capacity(capacity + 1));
    file.take(size + 1).read_to_end(&mut content)?;
    Ok(content)
}

/// A new name of a temporary file, which shows the file that it will replace.
fn new_name(of: &str) -> io::Result<String> {
    let random = SysRng.try_next_u32().map_err(io::Error::other)?;
    Ok(format!(".keymint-{:08x}{random:08x}.tmp", fingerprint(of)))
}

/// Returns whether a temporary file of this name will replace this file.
#[cfg(unix)]
fn is_name_for(temp_file: &str, name: &str) -> bool {
    temp_file[".keymint-".len()..].starts_with(&format!("{:08x}", fingerprint(name)))
}

/// A number for the name of a file: FNV-1a. The same for names that a file system may not distinguish.
fn fingerprint(name: &str) -> u32 {
    let hash = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    name.to_lowercase().bytes().fold(0x811c_9dc5, hash)
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
