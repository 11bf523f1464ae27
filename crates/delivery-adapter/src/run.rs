//! Running a command that has the key in its environment.
//!
//! On Unix this process becomes the command, unless the key is to be masked in the command's output. Then this process
//! runs the command in its place: the command writes into a pipe, or into a pseudo-terminal if the stream is a terminal,
//! and this process relays the masked output. It also relays the signals that it gets, stops when the command stops, and
//! ends as the command ends.

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

/// Runs a command, called by this name, and ends this process as the command ends. A key that is given is masked in
/// the standard output and standard error of the command. `around_spawn` starts the command, by calling its argument
/// once.
///
/// If standard output is the terminal of this session and a key is given, this process starts its own program once more.
/// The program then has to call `monitor` first of all.
///
/// # Errors
///
/// If the command cannot be started.
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
