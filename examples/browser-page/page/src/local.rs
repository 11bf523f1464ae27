use futures_channel::oneshot;
use futures_util::future::{Either, select};
use std::future::Future;
use std::pin::pin;
use wasm_bindgen_futures::spawn_local;

/// Runs work that holds JavaScript's values, which may not leave their thread, for a port, whose
/// futures may go anywhere. When the returned future is dropped, so is the work.
pub(crate) fn local<T: Send + 'static>(
    work: impl Future<Output = T> + 'static,
) -> impl Future<Output = T> + Send {
    let (mut answer, answered) = oneshot::channel();
    spawn_local(async move {
        if let Either::Left((output, _)) = select(pin!(work), answer.cancellation()).await {
            // Nobody waits for it any more, in the worst case.
            let _ = answer.send(output);
        }
    });
    async { answered.await.expect("the work above ends with an answer") }
}
