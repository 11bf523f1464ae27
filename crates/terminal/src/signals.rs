//! The signals that end a program: Ctrl-C, Ctrl-\\, SIGTERM, the end of the terminal, and time limits of the parent
//! process.

use std::future::Future;
use std::io;
use std::pin::pin;
use tokio::sync::watch;
#[cfg(unix)]
use tokio::task::unconstrained;

/// Ctrl-C, which is SIGINT.
const CTRL_C: Interrupted = Interrupted { exit_code: 130 };

/// A signal that requests the end of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted {
    /// The exit code that shells report for a program that this signal ended: 128 plus the signal's number.
    pub exit_code: u8,
}

/// Receives the signals that end a program, in their order of arrival. While this value exists, the signals do not
/// end the program themselves.
pub struct Signals {
    /// The first signal that was received.
    first: Option<Interrupted>,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    /// `None` if the program was started with `nohup`, and so outlives its terminal.
    #[cfg(unix)]
    hangup: Option<tokio::signal::unix::Signal>,
    #[cfg(unix)]
    quit: tokio::signal::unix::Signal,
    /// The end of a time limit that the parent process set (alarm(2)), which survives the start of a program.
    #[cfg(unix)]
    alarm: tokio::signal::unix::Signal,
    /// The end of the limit of processor time (`ulimit -t`).
    #[cfg(unix)]
    cpu_time: tokio::signal::unix::Signal,
    #[cfg(windows)]
    ctrl_c: tokio::signal::windows::CtrlC,
    #[cfg(windows)]
    ctrl_break: tokio::signal::windows::CtrlBreak,
    /// The end of the console window. The system ends the program 5 s later.
    #[cfg(windows)]
    close: tokio::signal::windows::CtrlClose,
}

impl Signals {
    /// Starts to receive the signals. From now on, the program must handle them.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the system has no resources for a handler.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime with I/O enabled.
    #[cfg(unix)]
    pub fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        // The parent process may have blocked the signals, so that none of them would end the program.
        nix::sys::signal::SigSet::all().thread_unblock()?;
        // A file that has reached its size limit is an error like a full disk. It must not end the program, which may
        // hold a key.
        drop(signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?);
        // If the parent process ignored SIGCHLD, the system would discard the exit status of children.
        drop(signal(SignalKind::child())?);
        Ok(Self {
            first: None,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: if is_ignored(rustix::process::Signal::HUP.as_raw()) {
                None
            } else {
                Some(signal(SignalKind::hangup())?)
            },
            quit: signal(SignalKind::quit())?,
            alarm: signal(SignalKind::alarm())?,
            cpu_time: signal(SignalKind::from_raw(rustix::process::Signal::XCPU.as_raw()))?,
        })
    }

    /// Starts to receive the signals. From now on the program has to handle them.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the system has no resources for a handler.
    #[cfg(windows)]
    pub fn listen() -> io::Result<Self> {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close};
        Ok(Self { first: None, ctrl_c: ctrl_c()?, ctrl_break: ctrl_break()?, close: ctrl_close()? })
    }

    /// Waits for the next signal. It also returns if other work of the same task never yields (tokio's cooperative
    /// budget).
    pub async fn next(&mut self) -> Interrupted {
        let signal = self.receive().await;
        self.first.get_or_insert(signal);
        signal
    }

    /// Returns the first signal that was received, even if work was completed after it. Does not wait.
    pub fn first_received(&self) -> Option<Interrupted> {
        self.first
    }

    #[cfg(unix)]
    async fn receive(&mut self) -> Interrupted {
        unconstrained(async {
            tokio::select! {
                _ = self.interrupt.recv() => CTRL_C,
                _ = self.terminate.recv() => Interrupted { exit_code: 143 },
                () = receive_unless_ignored(self.hangup.as_mut()) => Interrupted { exit_code: 129 },
                _ = self.quit.recv() => Interrupted { exit_code: 131 },
                _ = self.alarm.recv() => Interrupted { exit_code: 142 },
                _ = self.cpu_time.recv() => Interrupted { exit_code: 152 },
            }
        })
        .await
    }

    #[cfg(windows)]
    async fn receive(&mut self) -> Interrupted {
        tokio::select! {
            _ = self.ctrl_c.recv() => CTRL_C,
            _ = self.ctrl_break.recv() => CTRL_C,
            _ = self.close.recv() => Interrupted { exit_code: 129 },
        }
    }

    /// Runs `work`, and drops it at the first signal.
    ///
    /// # Errors
    ///
    /// [`Interrupted`] if a signal arrived before the work was done.
    pub async fn cancel_on_signal<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Interrupted> {
        // A signal may have arrived before this task was polled.
        tokio::task::yield_now().await;
        tokio::select! {
            biased;
            signal = self.next() => Err(signal),
            result = work => Ok(result),
        }
    }

    /// Runs work that sometimes has a request in flight. The first signal drops the work if no request is in flight.
    /// Otherwise, `warn` is called, and the request is waited for, but not retried. The second signal abandons it.
    pub async fn shield<T>(
        &mut self,
        mut in_flight: watch::Receiver<bool>,
        work: impl Future<Output = T>,
        warn: impl FnOnce(),
    ) -> Shielded<T> {
        let mut work = pin!(work);
        // A signal may have arrived before this task was polled.
        tokio::task::yield_now().await;
        let signal = tokio::select! {
            biased;
            signal = self.next() => signal,
            outcome = &mut work => return Shielded::Completed(outcome),
        };
        if *in_flight.borrow() {
            warn();
        }
        tokio::select! {
            biased;
            Ok(_) = in_flight.wait_for(|in_flight| !in_flight) => Shielded::Cancelled(signal),
            outcome = work => Shielded::Completed(outcome),
            _ = self.next() => Shielded::Abandoned,
        }
    }

    /// Waits until the user insists with a second signal.
    pub async fn second_signal(&mut self) {
        self.next().await;
        self.next().await;
    }
}

/// Waits for a signal. Waits forever for an ignored one, which is `None`.
#[cfg(unix)]
async fn receive_unless_ignored(signal: Option<&mut tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Returns whether the parent process made this program ignore a signal, as `nohup` does with SIGHUP. Only Linux
/// reports that (proc_pid_status(5)). Elsewhere, the result is false.
#[cfg(unix)]
pub fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    ignored & (1 << (signal - 1)) != 0
}

/// The result of work that [`Signals::shield`] ran.
#[derive(Debug)]
pub enum Shielded<T> {
    /// The work was done.
    Completed(T),
    /// No request was in flight, and the work was dropped.
    Cancelled(Interrupted),
    /// A request was in flight, and a second signal abandoned it.
    Abandoned,
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use nix::sys::signal::{Signal, raise};

    #[tokio::test]
    async fn a_signal_that_came_first_ends_work_that_needs_no_wait() {
        let mut signals = Signals::listen().unwrap();
        raise(Signal::SIGTERM).unwrap();
        let ended = signals.cancel_on_signal(async {}).await;
        assert_eq!(ended.unwrap_err().exit_code, 143);
    }
}
