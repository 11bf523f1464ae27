//! Signals and termination of a process that runs a command on behalf of its caller.

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, waitpid};
use signal_hook::consts::signal::{
    SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGWINCH,
};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::time::Duration;

/// The time within which a continued process group reaches each of its processes.
const ALL_CONTINUED: Duration = Duration::from_millis(20);

/// The signals that other programs send to a program, and that are forwarded to the command.
const PASSED_ON: [i32; 7] = [SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];

/// Listens to the signals that are forwarded, and to `also`.
pub(super) fn listen(also: &[i32]) -> io::Result<Signals> {
    // The parent process may have blocked the signals.
    nix::sys::signal::SigSet::all().thread_unblock()?;
    let signals = PASSED_ON.iter().chain(also).filter(|signal| !keymint_terminal::is_ignored(**signal));
    // If the parent process ignored SIGCHLD, the system would discard the exit status of children.
    Signals::new(signals.chain(&[SIGCHLD]))
}

/// The signals of a terminal, for a process that does not receive them together with the command.
pub(super) const OF_A_TERMINAL: [i32; 3] = [SIGTSTP, SIGCONT, SIGWINCH];

/// The process of the command.
#[derive(Clone, Copy)]
pub(super) struct Original(Pid);

/// A change of the command's state.
pub(super) enum Change {
    Stopped,
    Ended(ExitStatus),
}

impl Original {
    pub(super) fn of(child: &Child) -> Self {
        Self(Pid::from_child(child))
    }

    pub(super) fn id(self) -> Pid {
        self.0
    }

    /// Returns the latest change of the command's state, if it has changed.
    pub(super) fn change(self) -> Option<Change> {
        let look = |options| waitpid(Some(self.0), WaitOptions::NOHANG | options).ok().flatten();
        let (_, status) = look(WaitOptions::UNTRACED)?;
        if !status.stopped() {
            return Some(Change::Ended(ExitStatus::from_raw(status.as_raw())));
        }
        // The command may be about to continue together with this process, which must not stop then.
        let _ = rustix::event::poll(&mut [], Some(&ALL_CONTINUED.try_into().ok()?));
        let is_continued = look(WaitOptions::CONTINUED).is_some_and(|(_, status)| status.continued());
        (!is_continued).then_some(Change::Stopped)
    }

    /// Forwards a signal to the command.
    pub(super) fn send(self, signal: i32) {
        if let Some(signal) = Signal::from_named_raw(signal) {
            let _ = kill_process(self.0, signal);
        }
    }
}

/// Stops this process until it is continued.
pub(super) fn stop() {
    let _ = kill_process(getpid(), Signal::STOP);
}

/// Ends this process with the exit status or the signal of the command.
pub(super) fn end_like(status: ExitStatus) -> ! {
    if let Some(signal) = status.signal() {
        let _ = emulate_default_handler(signal);
    }
    let of_a_shell = || 128 + status.signal().unwrap_or_default();
    std::process::exit(status.code().unwrap_or_else(of_a_shell))
}
