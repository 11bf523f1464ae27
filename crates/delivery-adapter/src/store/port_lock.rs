//! A lock that permits one sign-in at a time for each user and callback port.

use super::StateDir;
use super::private_files::{open_or_create, read_small, try_lock};
use crate::wall_clock::{unix_now, utc_of};
use std::fmt::{self, Display, Formatter};
use std::fs::{File, TryLockError};
use std::io::{self, Seek, Write};

/// The subdirectory of the locks.
const LOCKS: &str = "locks";

/// The lock of a callback port. It is released when this value is dropped or the process ends in any way.
#[derive(Debug)]
pub struct PortLock {
    _file: File,
}

/// Another sign-in of this user, which holds the lock of a callback port.
///
/// It displays as the text of the lock file: "process 7, since 2026-11-27T10:00:00Z".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortLockHolder(String);

/// The reason why a callback port cannot be locked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PortLockError {
    /// Another sign-in of this user holds the lock.
    #[error("another sign-in holds the lock: {0}")]
    Held(PortLockHolder),
    /// The lock file cannot be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl StateDir {
    /// Locks a callback port. On a file system without locks, it always succeeds, and only the port itself excludes
    /// another sign-in.
    ///
    /// # Errors
    ///
    /// [`PortLockError`] if another sign-in holds the lock, or the lock file cannot be written.
    pub fn lock_port(&self, port: u16) -> Result<PortLock, PortLockError> {
        let path = self.directory(LOCKS)?.join(format!("port-{port}"));
        let mut file = open_or_create(&path)?;
        if !try_lock(&file) {
            return Err(PortLockError::Held(PortLockHolder::read(file)?));
        }
        file.set_len(0)?;
        file.rewind()?;
        write!(file, "{}", PortLockHolder::this_process())?;
        Ok(PortLock { _file: file })
    }

    /// Returns the sign-in that holds the lock of a port, if there is one. Writes nothing.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the lock file cannot be read.
    pub fn port_lock_holder(&self, port: u16) -> io::Result<Option<PortLockHolder>> {
        let file = match File::open(self.path().join(LOCKS).join(format!("port-{port}"))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => PortLockHolder::read(file).map(Some),
            // On a file system without locks, no other sign-in is known.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(None),
        }
    }
}

impl PortLockHolder {
    fn this_process() -> Self {
        Self(format!("process {}, since {}", std::process::id(), utc_of(unix_now())))
    }

    fn read(file: File) -> io::Result<Self> {
        read_small(file).map(|text| Self(String::from_utf8_lossy(&text).into_owned()))
    }

    /// Returns the id of the process. `None` if that process has not written the lock file yet.
    pub fn process(&self) -> Option<u32> {
        let (process, _) = self.0.strip_prefix("process ")?.split_once(',')?;
        process.parse().ok()
    }
}

impl Display for PortLockHolder {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_names_the_process_of_the_sign_in() {
        assert_eq!(PortLockHolder::this_process().process(), Some(std::process::id()));
        for unfinished in ["", "process ", "process 12"] {
            assert_eq!(PortLockHolder(unfinished.to_owned()).process(), None, "{unfinished}");
        }
    }
}
