//! Input that the terminal does not show.

use std::io;

/// The echo of the terminal of standard input, which is off from [`apply`](Self::apply) until this is dropped.
#[derive(Debug, Default)]
pub struct HiddenInput {
    #[cfg_attr(not(unix), expect(dead_code, reason = "the echo is never off there"))]
    is_applied: bool,
}

impl HiddenInput {
    /// Switches the echo off. In the background of the terminal, which belongs to another program then, it does nothing.
    /// A shell that continues a stopped program has switched the echo on again, so this is repeated during the input.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the echo cannot be switched off.
    #[cfg(unix)]
    pub fn apply(&mut self) -> io::Result<()> {
        if !crate::is_background(io::stdin()) {
            self.is_applied |= set_echo(false)?;
        }
        Ok(())
    }

    /// Fails: this system's consoles are not supported.
    ///
    /// # Errors
    ///
    /// Always.
    #[cfg(not(unix))]
    pub fn apply(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(unix)]
impl Drop for HiddenInput {
    fn drop(&mut self) {
        if self.is_applied && !crate::is_background(io::stdin()) {
            let _ = set_echo(true);
        }
    }
}

/// Switches the echo on or off. Returns whether that changed it. The newline at the end of the input is always shown.
#[cfg(unix)]
fn set_echo(on: bool) -> io::Result<bool> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let stdin = io::stdin();
    let mut modes = tcgetattr(&stdin)?;
    if modes.local_modes.contains(LocalModes::ECHO) == on {
        return Ok(false);
    }
    modes.local_modes.set(LocalModes::ECHO, on);
    modes.local_modes.set(LocalModes::ECHONL, !on);
    tcsetattr(&stdin, OptionalActions::Now, &modes)?;
    Ok(true)
}
