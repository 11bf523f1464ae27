//! A call of a tool, as its work sees it.

use crate::dialog::Dialog;
use crate::failure::Failure;
use crate::settings::Settings;
use keymint_tokio_clock::TokioClock;
use std::future::Future;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A call of a tool.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) settings: Arc<Settings>,
    pub(crate) dialog: Dialog,
    pub(crate) clock: TokioClock,
    /// Cancelled when the client cancels the call, or is gone.
    pub(crate) cancelled: CancellationToken,
    /// The work that the server waits for before it ends.
    pub(crate) tasks: TaskTracker,
}

impl Call {
    /// Drops `work` when the call is cancelled.
    pub(crate) async fn unless_cancelled<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            biased;
            () = self.cancelled.cancelled() => Err(Failure::cancelled()),
            result = work => result,
        }
    }
}
