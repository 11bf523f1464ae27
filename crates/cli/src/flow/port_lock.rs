//! One sign-in at a time for each user and callback port.

use crate::error::{CliError, ErrorKind};
use crate::explain::delivery as explain;
use keymint_delivery_adapter::{StateDir, private_files, wall_clock};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Seek, Write};
use std::path::Path;

const DIRECTORY: &str = "locks";

fn file_name(port: u16) -> String {
    format!("port-{port}")
}

/// The lock of a callback port. It is released with this value, or when the process ends in any way.
#[derive(Debug)]
pub(crate) struct PortLock {
    _file: File,
}

impl PortLock {
    /// Acquires the lock, unless another sign-in of this user holds it.
    pub(crate) fn acquire(port: u16) -> Result<Self, CliError> {
        let directory = StateDir::open_default().and_then(|state| state.directory(DIRECTORY));
        match directory.and_then(|directory| lock(&directory.join(file_name(port)))) {
            Ok(Ok(file)) => Ok(Self { _file: file }),
            Ok(Err(holder)) => Err(CliError::new(
                ErrorKind::CallbackUnavailable,
                format!("another sign-in of yours waits for the browser on port {port}: {holder}"),
            )
            .hint("Finish it, or end it (with Ctrl-C, or with `kill` and that number), and run this again.")),
            Err(error) => Err(explain::state(
                ErrorKind::DestinationUnusable,
                "it cannot be written down that a sign-in is going on",
                error,
            )),
        }
    }

    /// The sign-in of this user that holds the lock, if any. Nothing is written.
    pub(crate) fn holder(port: u16) -> io::Result<Option<String>> {
        let Ok(state) = StateDir::open_default() else { return Ok(None) };
        let file = match File::open(state.path().join(DIRECTORY).join(file_name(port))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => io::read_to_string(file).map(Some),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Locks the file, or returns the holder of its lock.
fn lock(path: &Path) -> io::Result<Result<File, String>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|error| private_files::about(path, &error))?;
    private_files::leave_to_owner(&file);
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0)?;
            file.rewind()?;
            let now = wall_clock::utc_of(wall_clock::unix_now());
            write!(file, "process {}, since {now}", std::process::id())?;
            Ok(Ok(file))
        }
        Err(TryLockError::WouldBlock) => Ok(Err(io::read_to_string(file)?)),
        Err(TryLockError::Error(error)) => Err(private_files::about(path, &error)),
    }
}
