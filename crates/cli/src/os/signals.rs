//! Ctrl-C, Ctrl-\\, SIGTERM, and the end of the terminal.

use crate::error::{CliError, ErrorKind};
use std::future::Future;
use std::pin::pin;
use tokio::sync::watch;
#[cfg(unix)]
use tokio::task::unconstrained;

/// The exit code that shells report for a program ended by Ctrl-C: 128 and the number of the signal.
const CTRL_C: ErrorKind = ErrorKind::Interrupted(130);

/// Signals to end, as they come. Once this exists, they no longer end the program by themselves.
pub(crate) struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    /// `None` if the program was started by `nohup`, and outlives its terminal.
    #[cfg(unix)]
    hangup: Option<tokio::signal::unix::Signal>,
    #[cfg(unix)]
    quit: tokio::signal::unix::Signal,
    #[cfg(windows)]
    ctrl_c: tokio::signal::windows::CtrlC,
}

impl Signals {
    /// Listens. From here on the command has to heed them.
    pub(crate) fn listen() -> Result<Self, CliError> {
        Self::register().map_err(CliError::internal)
    }

    #[cfg(unix)]
    fn register() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        // A file that may not grow any more is an error like a full disk, and does not end the
        // program, which may have a key in hand.
        drop(signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?);
        // If the parent process ignores it, the system discards the exit status of children.
        drop(signal(SignalKind::child())?);
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: if is_hangup_ignored() { None } else { Some(signal(SignalKind::hangup())?) },
            quit: signal(SignalKind::quit())?,
        })
    }

    #[cfg(windows)]
    fn register() -> std::io::Result<Self> {
        Ok(Self { ctrl_c: tokio::signal::windows::ctrl_c()? })
    }

    /// Waits for the next signal, even if other work of the same task never pauses (tokio's cooperative budget).
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) -> ErrorKind {
        unconstrained(async {
            tokio::select! {
                _ = self.interrupt.recv() => CTRL_C,
                _ = self.terminate.recv() => ErrorKind::Interrupted(143),
                () = received(self.hangup.as_mut()) => ErrorKind::Interrupted(129),
                _ = self.quit.recv() => ErrorKind::Interrupted(131),
            }
        })
        .await
    }

    /// Waits for the next signal.
    #[cfg(windows)]
    pub(crate) async fn next(&mut self) -> ErrorKind {
        self.ctrl_c.recv().await;
        CTRL_C
    }

    /// Drops `work` at the first signal.
    pub(crate) async fn cancel_on_signal<T>(
        &mut self,
        work: impl Future<Output = Result<T, CliError>>,
    ) -> Result<T, CliError> {
        tokio::select! {
            biased;
            kind = self.next() => Err(ended(kind)),
            outcome = work => outcome,
        }
    }

    /// Runs a creation. At the first signal, one that is not in flight is dropped. One that is in flight
    /// is reported by `warn` and waited for, but not begun again; the second signal gives it up.
    pub(crate) async fn shield<T>(
        &mut self,
        mut in_flight: watch::Receiver<bool>,
        creation: impl Future<Output = T>,
        warn: impl FnOnce(),
    ) -> Shielded<T> {
        let mut creation = pin!(creation);
        // A signal may have arrived before this task was polled.
        tokio::task::yield_now().await;
        let kind = tokio::select! {
            biased;
            kind = self.next() => kind,
            outcome = &mut creation => return Shielded::Completed(outcome),
        };
        if *in_flight.borrow() {
            warn();
        }
        tokio::select! {
            biased;
            Ok(_) = in_flight.wait_for(|in_flight| !in_flight) => Shielded::Cancelled(ended(kind)),
            outcome = creation => Shielded::Completed(outcome),
            _ = self.next() => Shielded::Abandoned,
        }
    }

    /// Waits until the user insists with a second signal.
    pub(crate) async fn second_signal(&mut self) {
        self.next().await;
        self.next().await;
    }
}

/// Waits for a signal that may be ignored.
#[cfg(unix)]
async fn received(signal: Option<&mut tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Returns whether the parent process had SIGHUP ignored. Of the systems, Linux reports it (proc_pid_status(5)).
#[cfg(unix)]
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    ignored & (1 << (rustix::process::Signal::HUP.as_raw() - 1)) != 0
}

fn ended(kind: ErrorKind) -> CliError {
    CliError::new(kind, "interrupted; no key was made")
}

/// The result of a creation during which signals were watched.
pub(crate) enum Shielded<T> {
    Completed(T),
    /// It was not in flight, and no key was made.
    Cancelled(CliError),
    /// It was in flight, and the user did not wait for it.
    Abandoned,
}
