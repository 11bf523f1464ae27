//! A lock that permits one sign-in at a time for each user and callback port.

use super::StateDir;
use super::private_files::{open_or_create, read_small, try_lock};
use crate::wall_clock::{unix_now, utc_of};
use std::fs::{File, TryLockError};
use std::io::{self, Seek, Write};

/// The subdirectory of the locks.
const LOCKS: &str = "locks";

/// The lock of a callback port. It is released when this value is dropped or the process ends in any way.
#[derive(Debug)]
pub struct PortLock {
    _file: File,
}

/// The reason why a callback port cannot be locked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PortLockError {
    /// Another sign-in of this user holds the lock. The text has the process id and the start time of that sign-in.
    #[error("another sign-in holds the lock: {0}")]
    Held(String),
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
            return Err(PortLockError::Held(String::from_utf8_lossy(&read_small(file)?).into_owned()));
        }
        file.set_len(0)?;
        file.rewind()?;
        write!(file, "process {}, since {}", std::process::id(), utc_of(unix_now()))?;
        Ok(PortLock { _file: file })
    }

    /// Returns a description of the sign-in that holds the lock of a port, if there is one. Writes nothing.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the lock file cannot be read.
    pub fn port_lock_holder(&self, port: u16) -> io::Result<Option<String>> {
        let file = match File::open(self.path().join(LOCKS).join(format!("port-{port}"))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => {
                read_small(file).map(|holder| Some(String::from_utf8_lossy(&holder).into_owned()))
            }
            // On a file system without locks, no other sign-in is known.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(None),
        }
    }
}
