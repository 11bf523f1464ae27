//! The modes in which a terminal takes input.

use std::io;
#[cfg(unix)]
use {
    crate::is_background,
    rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr},
    std::sync::{Mutex, PoisonError},
};

/// Input that the terminal does not show, from [`apply`](Self::apply) until this is dropped.
#[derive(Debug, Default)]
pub struct HiddenInput {
    #[cfg(unix)]
    modes: ChangedModes,
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
        let hide = |modes: &mut Termios| {
            modes.local_modes.remove(LocalModes::ECHO);
            // The newline at the end of the input is always shown.
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

/// Input that arrives with each key and is not shown, from [`apply`](Self::apply) until this is dropped.
#[cfg(unix)]
#[derive(Default)]
pub(crate) struct KeyInput {
    modes: ChangedModes,
}

#[cfg(unix)]
impl KeyInput {
    /// The code of a special key that no key has (`_POSIX_VDISABLE`).
    const NO_KEY: u8 = if cfg!(any(target_os = "linux", target_os = "android")) { 0 } else { 0xff };

    /// Changes the modes in the foreground of the terminal. Returns whether they were others. Ctrl-C and Ctrl-\\ still
    /// send their signals. Ctrl-Z is a key, so that the modes can be restored before the program stops.
    pub(crate) fn apply(&mut self) -> io::Result<bool> {
        self.modes.apply(|modes| {
            modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
            modes.special_codes[SpecialCodeIndex::VMIN] = 1;
            modes.special_codes[SpecialCodeIndex::VTIME] = 0;
            modes.special_codes[SpecialCodeIndex::VSUSP] = Self::NO_KEY;
        })
    }
}

/// The modes of the terminal of standard input before the program changed them.
#[cfg(unix)]
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Restores the modes of the terminal of standard input, if the program has changed them. The terminal of a program in
/// the background is left alone.
#[cfg(unix)]
pub(crate) fn restore() {
    // Only a panic during a change finds it locked.
    let Ok(mut before) = BEFORE.try_lock() else { return };
    let stdin = io::stdin();
    if let Some(before) = before.take().filter(|_| !is_background(&stdin)) {
        let _ = tcsetattr(&stdin, OptionalActions::Now, &before);
    }
}

/// A change of the terminal of standard input, which has its former modes again when this is dropped.
#[cfg(unix)]
#[derive(Debug, Default)]
struct ChangedModes;

#[cfg(unix)]
impl ChangedModes {
    /// Changes the modes again, if another program has restored some. Returns whether they were others.
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
