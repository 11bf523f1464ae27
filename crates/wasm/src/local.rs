//! An adapter for JavaScript's futures, which are not `Send`, to the ports, whose futures are.

use futures_channel::oneshot;
use futures_util::future::{Either, select};
use std::future::Future;
use std::pin::pin;
use wasm_bindgen_futures::spawn_local;
use web_sys::AbortController;

/// Runs work on JavaScript's thread. Dropping the returned future also drops the work.
pub(crate) fn local<T: Send + 'static>(
    work: impl Future<Output = T> + 'static,
) -> impl Future<Output = T> + Send {
    let (mut sender, receiver) = oneshot::channel();
    spawn_local(async move {
        if let Either::Left((output, _)) = select(pin!(work), sender.cancellation()).await {
            // The receiver may already have been dropped.
            let _ = sender.send(output);
        }
    });
    async { receiver.await.expect("the work above sends its output") }
}

/// Aborts a call of JavaScript on drop.
pub(crate) struct AbortOnDrop(pub(crate) AbortController);

impl AbortOnDrop {
    pub(crate) fn new() -> Self {
        Self(AbortController::new().expect("Node and each browser have it"))
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
