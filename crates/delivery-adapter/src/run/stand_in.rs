//! The signals of a process that stands in for another, and its end.

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

/// The time in which the continuation of a process group reaches each of its processes.
const ALL_CONTINUED: Duration = Duration::from_millis(20);

/// The signals that programs are sent from outside.
const PASSED_ON: [i32; 7] = [SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];

/// Listens to the signals that have to be passed on, and to these.
pub(super) fn listen(also: &[i32]) -> io::Result<Signals> {
    // The parent process may have blocked them.
    nix::sys::signal::SigSet::all().thread_unblock()?;
    let signals = PASSED_ON.iter().chain(also).filter(|signal| !keymint_terminal::is_ignored(**signal));
    // If the parent process ignores this one, the system discards the exit status of children.
    Signals::new(signals.chain(&[SIGCHLD]))
}

/// The signals of a terminal, for a process that does not get them with the command.
pub(super) const OF_A_TERMINAL: [i32; 3] = [SIGTSTP, SIGCONT, SIGWINCH];

/// The process that another stands in for.
#[derive(Clone, Copy)]
pub(super) struct Original(Pid);

/// A change of its state.
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

    /// Its last change, if there is news.
    pub(super) fn change(self) -> Option<Change> {
        let look = |options| waitpid(Some(self.0), WaitOptions::NOHANG | options).ok().flatten();
        let (_, status) = look(WaitOptions::UNTRACED)?;
        if !status.stopped() {
            return Some(Change::Ended(ExitStatus::from_raw(status.as_raw())));
        }
        // It may be on its way to be continued, with this process, which must not stop then.
        let _ = rustix::event::poll(&mut [], Some(&ALL_CONTINUED.try_into().ok()?));
        let is_continued = look(WaitOptions::CONTINUED).is_some_and(|(_, status)| status.continued());
        (!is_continued).then_some(Change::Stopped)
    }

    /// Passes on a signal.
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

/// Ends this process as the other one ended.
pub(super) fn end_like(status: ExitStatus) -> ! {
    if let Some(signal) = status.signal() {
        let _ = emulate_default_handler(signal);
    }
    let of_a_shell = || 128 + status.signal().unwrap_or_default();
    std::process::exit(status.code().unwrap_or_else(of_a_shell))
}
