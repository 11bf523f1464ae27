//! The input modes of a terminal.

use std::io;
#[cfg(unix)]
use {
    crate::is_background,
    rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr},
    std::sync::{Mutex, PoisonError},
};

/// Turns off the echo of the terminal, from [`apply`](Self::apply) until this value is dropped.
#[derive(Debug, Default)]
pub struct HiddenInput {
    #[cfg(unix)]
    modes: ChangedModes,
}

impl HiddenInput {
    /// Turns off the echo. Does nothing in the background, where the terminal belongs to another program.
    ///
    /// A shell turns the echo on again before it continues a stopped program. Call this function repeatedly during
    /// the input.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the echo cannot be turned off.
    #[cfg(unix)]
    pub fn apply(&mut self) -> io::Result<()> {
        let hide = |modes: &mut Termios| {
            modes.local_modes.remove(LocalModes::ECHO);
            // Still echoes the newline at the end of the input.
            modes.local_modes.insert(LocalModes::ECHONL);
        };
        self.modes.apply(hide).map(drop)
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

/// Makes the terminal deliver each key immediately and without echo, from [`apply`](Self::apply) until this value is
/// dropped.
#[cfg(unix)]
#[derive(Default)]
pub(crate) struct KeyInput {
    modes: ChangedModes,
}

#[cfg(unix)]
impl KeyInput {
    /// The code that disables a special key (`_POSIX_VDISABLE`).
    const NO_KEY: u8 = if cfg!(any(target_os = "linux", target_os = "android")) { 0 } else { 0xff };

    /// Changes the modes if this program is in the foreground of the terminal. Returns whether any mode was
    /// different. Ctrl-C and Ctrl-\\ still send their signals. Ctrl-Z is a key, so that the modes can be restored
    /// before the program stops.
    pub(crate) fn apply(&mut self) -> io::Result<bool> {
        self.modes.apply(|modes| {
            modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
            modes.special_codes[SpecialCodeIndex::VMIN] = 1;
            modes.special_codes[SpecialCodeIndex::VTIME] = 0;
            modes.special_codes[SpecialCodeIndex::VSUSP] = Self::NO_KEY;
        })
    }
}

/// The modes of standard input's terminal before the program changed them.
#[cfg(unix)]
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Restores the modes of standard input's terminal if the program has changed them. In the background, does nothing.
#[cfg(unix)]
pub(crate) fn restore() {
    // The lock is held only if the program panics during a change.
    let Ok(mut before) = BEFORE.try_lock() else { return };
    let stdin = io::stdin();
    if let Some(before) = before.take().filter(|_| !is_background(&stdin)) {
        let _ = tcsetattr(&stdin, OptionalActions::Now, &before);
    }
}

/// A change of the modes of standard input's terminal. Dropping it restores the former modes.
#[cfg(unix)]
#[derive(Debug, Default)]
struct ChangedModes;

#[cfg(unix)]
impl ChangedModes {
    /// Changes the modes again if another program has restored some of them. Returns whether any mode was different.
    fn apply(&self, change: impl FnOnce(&mut Termios)) -> io::Result<bool> {
        let stdin = io::stdin();
        if is_background(&stdin) {
            return Ok(false);
        }
        let now = tcgetattr(&stdin)?;
        let mut modes = now.clone();
        change(&mut modes);
        let is_other = modes.local_modes != now.local_modes;
        if is_other {
            let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
            tcsetattr(&stdin, OptionalActions::Now, &modes)?;
            before.get_or_insert(now);
        }
        Ok(is_other)
    }
}

#[cfg(unix)]
impl Drop for ChangedModes {
    fn drop(&mut self) {
        restore();
    }
}
