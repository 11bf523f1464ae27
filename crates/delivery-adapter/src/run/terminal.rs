//! The terminal of this session, and the pseudo-terminal that replaces it for a command.

use keymint_terminal::{is_background, write_all};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{
    OptionalActions, OutputModes, Termios, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr, tcsetwinsize,
    ttyname,
};
use std::ffi::CString;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::park_timeout;
use std::time::Duration;

/// The interval at which this process checks whether it is in the foreground. No signal reports that.
const GLANCE: Duration = Duration::from_millis(200);

/// The terminal of this session.
pub(super) struct Terminal {
    terminal: OwnedFd,
    /// The original modes of the terminal while it is in raw mode.
    modes: Mutex<Option<Termios>>,
}

impl Terminal {
    /// Opens the terminal of this session if standard output is that terminal.
    pub(super) fn of_stdout() -> Option<Self> {
        tcgetpgrp(io::stdout()).ok()?;
        let terminal = open_terminal(&ttyname(io::stdout(), Vec::new()).ok()?).ok()?;
        Some(Self { terminal, modes: Mutex::default() })
    }

    /// Copies the modes of this terminal to the pseudo-terminal. In the background, the modes belong to another
    /// program.
    pub(super) fn prepare(&self, pty: &Pty) -> io::Result<()> {
        if !is_background(&self.terminal) {
            tcsetattr(&pty.terminal, OptionalActions::Now, &tcgetattr(&self.terminal)?)?;
        }
        Ok(())
    }

    /// Forwards the keyboard input to the command while this process is in the foreground.
    pub(super) fn pass_on_keys(&self, to: &OwnedFd) {
        let mut keys = zeroize::Zeroizing::new([0; 1024]);
        let glance = GLANCE.try_into().expect("it is short");
        loop {
            if is_background(&self.terminal) {
                park_timeout(GLANCE);
                continue;
            }
            self.pass_everything_on();
            let mut typed = [PollFd::new(&self.terminal, PollFlags::IN)];
            let is_typed = poll(&mut typed, Some(&glance)).is_ok_and(|ready| ready > 0);
            if !is_typed || is_background(&self.terminal) {
                continue;
            }
            match rustix::io::read(&self.terminal, &mut *keys) {
                Ok(length @ 1..) => drop(write_all(to, &keys[..length])),
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                // The terminal is closed.
                _ => return,
            }
        }
    }

    /// Sets the terminal to raw mode, if this process is in the foreground.
    pub(super) fn pass_everything_on(&self) {
        let mut modes = self.modes();
        if modes.is_none()
            && !is_background(&self.terminal)
            && let Ok(found) = tcgetattr(&self.terminal)
        {
            let mut raw = found.clone();
            raw.make_raw();
            if tcsetattr(&self.terminal, OptionalActions::Drain, &raw).is_ok() {
                *modes = Some(found);
            }
        }
    }

    /// Restores the original modes. They do not change until the returned guard is dropped.
    pub(super) fn restore(&self) -> impl Sized {
        let mut modes = self.modes();
        if let Some(modes) = modes.take()
            && !is_background(&self.terminal)
        {
            let _ = tcsetattr(&self.terminal, OptionalActions::Drain, &modes);
        }
        modes
    }

    fn modes(&self) -> MutexGuard<'_, Option<Termios>> {
        self.modes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _restored = self.restore();
    }
}

/// A pseudo-terminal.
pub(super) struct Pty {
    /// The end of this process, which relays input and output.
    pub(super) control: OwnedFd,
    /// The end of the command. While it is open, reading from the other end does not report the end of the stream.
    pub(super) terminal: OwnedFd,
    pub(super) path: CString,
}

impl Pty {
    pub(super) fn open() -> io::Result<Self> {
        // CLOEXEC is set separately, since not every system accepts the flag here.
        let control = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        rustix::io::fcntl_setfd(&control, rustix::io::FdFlags::CLOEXEC)?;
        grantpt(&control)?;
        unlockpt(&control)?;
        let path = ptsname(&control, Vec::new())?;
        let pty = Self { terminal: open_terminal(&path)?, control, path };
        pty.resize();
        Ok(pty)
    }

    /// Turns off the translation of newlines. The terminal that receives the output translates them.
    pub(super) fn without_translation(self) -> io::Result<Self> {
        let mut modes = tcgetattr(&self.terminal)?;
        modes.output_modes.remove(OutputModes::OPOST);
        tcsetattr(&self.terminal, OptionalActions::Now, &modes)?;
        Ok(self)
    }

    /// Copies the size of the terminal that receives the output.
    pub(super) fn resize(&self) {
        let (stdout, stderr) = (io::stdout(), io::stderr());
        let shown = if stdout.is_terminal() { stdout.as_fd() } else { stderr.as_fd() };
        if let Ok(size) = tcgetwinsize(shown) {
            let _ = tcsetwinsize(&self.control, size);
        }
    }
}

/// Opens a terminal without making it the controlling terminal of this session.
pub(super) fn open_terminal(path: &CString) -> rustix::io::Result<OwnedFd> {
    open(path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())
}
