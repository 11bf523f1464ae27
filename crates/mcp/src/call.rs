//! The context of a tool call.

use crate::dialog::Dialog;
use crate::failure::Failure;
use crate::settings::Settings;
use keymint_tokio_clock::TokioClock;
use std::future::Future;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The context of a tool call: its settings and its connection to the client.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) settings: Arc<Settings>,
    pub(crate) dialog: Dialog,
    pub(crate) clock: TokioClock,
    /// Cancelled when the client cancels the call or disconnects.
    pub(crate) cancelled: CancellationToken,
    /// The tasks that the server waits for before it ends.
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
