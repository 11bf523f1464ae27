//! Runs a command that has the key in its environment.
//!
//! On Unix, this process becomes the command, unless the key is to be masked in the command's output. In that case,
//! this process runs the command as a child process. The command writes to a pipe, or to a pseudo-terminal if the
//! stream is a terminal, and this process relays the masked output. It also forwards the signals that it receives,
//! stops when the command stops, and ends with the command's exit status.

#[cfg(unix)]
mod monitor;
#[cfg(not(unix))]
#[path = "run/portable.rs"]
mod platform;
#[cfg(unix)]
#[path = "run/unix.rs"]
mod platform;
mod relay;
#[cfg(unix)]
mod stand_in;
#[cfg(unix)]
mod terminal;

use crate::process::program::AroundSpawn;
use keymint_domain::ApiKey;
use keymint_mask::Forms;
use std::convert::Infallible;
use std::ffi::OsStr;
use std::io;
use std::process::Command;

#[cfg(unix)]
pub use monitor::{monitor, restart};

/// Runs a command under this name, and ends this process with the exit status of the command. It returns only on
/// failure. On Unix, this process becomes the command, unless a key is to be masked.
///
/// If `masked` is a key, that key is masked in the standard output and standard error of the command. `around_spawn`
/// receives a closure that starts the command, and must call it once.
///
/// If there is a key to mask and standard output is the terminal of this session, this process starts its own program
/// again. The program must therefore call `monitor` before anything else.
///
/// # Errors
///
/// [`io::Error`] if the command cannot be started.
pub fn run_command(
    command: Command,
    name: &OsStr,
    masked: Option<&ApiKey>,
    around_spawn: AroundSpawn,
) -> io::Result<Infallible> {
    match masked {
        Some(key) => platform::run(command, name, &Forms::of(key.expose().as_bytes()), around_spawn),
        None => platform::replace_by(command, name, around_spawn),
    }
}
