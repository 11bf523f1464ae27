//! A directory in which a file is replaced atomically.
//!
//! Each platform has the same three types: a [`Directory`], a [`Snapshot`] of a file, and a [`TempFile`] in the
//! same directory, which allocates the space for the new content and will replace the file.

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

/// A size that keymint's temporary files never reach, in bytes. A repository may contain a file with such a name and
/// any size.
const LARGEST: u64 = 2 * 1024 * 1024;

/// The content of a temporary file until the key is known.
const PLACEHOLDER: u8 = b'#';

/// The properties of a file that matter for its replacement. A property that the platform does not report is omitted.
#[derive(Default)]
pub(super) struct Properties {
    pub(super) is_read_only: bool,
    /// True if no other file can replace this one: it is a mount point, as in containers, or its attributes forbid it
    /// (`chattr`).
    pub(super) is_fixed: bool,
    pub(super) has_other_names: bool,
    /// The mode, if other users may read the file.
    pub(super) readable_by_others: Option<u32>,
}

impl Directory {
    /// Returns the temporary files of killed runs that may contain a key. Removes those that contain only the
    /// placeholder.
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
    // Allocated once, since growing the buffer would leave a copy of the content behind.
    let mut content = Zeroizing::new(Vec::with_capacity(capacity + 1));
    file.take(size + 1).read_to_end(&mut content)?;
    Ok(content)
}

/// Returns a new name for a temporary file, which identifies the file that it will replace.
fn new_name(of: &str) -> io::Result<String> {
    let random = SysRng.try_next_u32().map_err(io::Error::other)?;
    Ok(format!(".keymint-{:08x}{random:08x}.tmp", fingerprint(of)))
}

/// Returns whether a temporary file of this name will replace this file.
#[cfg(unix)]
fn is_name_for(temp_file: &str, name: &str) -> bool {
    temp_file[".keymint-".len()..].starts_with(&format!("{:08x}", fingerprint(name)))
}

/// Returns a number for a file name (FNV-1a). It is the same for names that a file system may not distinguish.
fn fingerprint(name: &str) -> u32 {
    let hash = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    name.to_lowercase().bytes().fold(0x811c_9dc5, hash)
}

fn is_name(name: &str) -> bool {
    let random = name.strip_prefix(".keymint-").and_then(|name| name.strip_suffix(".tmp"));
    random.is_some_and(|random| random.len() == 16 && random.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Returns a placeholder of this size, to allocate disk space.
fn placeholder(size: usize) -> Vec<u8> {
    vec![PLACEHOLDER; size]
}

/// Returns whether a temporary file may contain more than the placeholder.
fn may_hold_a_key(temp_file: impl Read) -> io::Result<bool> {
    let mut content = Zeroizing::new(Vec::new());
    temp_file.take(LARGEST).read_to_end(&mut content)?;
    Ok(content.len() as u64 == LARGEST || content.iter().any(|byte| *byte != PLACEHOLDER))
}
