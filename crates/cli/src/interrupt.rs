//! Ctrl-C, SIGTERM, and the end of the terminal.

use crate::failure::{Failure, Kind};
use std::future::Future;
use std::pin::pin;

/// Signals to end, as they come. Once this exists, they no longer end the program by themselves.
pub(crate) struct Interrupt {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hangup: tokio::signal::unix::Signal,
}

impl Interrupt {
    #[cfg(unix)]
    pub(crate) fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    #[cfg(not(unix))]
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next signal.
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) -> Kind {
        tokio::select! {
            _ = self.interrupt.recv() => Kind::Interrupted,
            _ = self.terminate.recv() => Kind::Terminated,
            _ = self.hangup.recv() => Kind::HungUp,
        }
    }

    /// Waits for the next signal.
    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) -> Kind {
        // An error means that this console sends none.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Kind::Interrupted
    }

    /// Drops `work` at the first signal.
    pub(crate) async fn end<T>(
        &mut self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            biased;
            outcome = work => outcome,
            kind = self.next() => Err(Failure::new(kind, "interrupted; no key was made")),
        }
    }

    /// Calls `warn` at the first signal and goes on; gives `work` up at the second.
    pub(crate) async fn hold<T>(&mut self, work: impl Future<Output = T>, warn: impl FnOnce()) -> Option<T> {
        let mut work = pin!(work);
        tokio::select! {
            biased;
            outcome = &mut work => return Some(outcome),
            _ = self.next() => warn(),
        }
        tokio::select! {
            biased;
            outcome = work => Some(outcome),
            _ = self.next() => None,
        }
    }
}
