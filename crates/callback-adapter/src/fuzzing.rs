//! A listener without sockets, for the fuzz targets. Not a part of the public API.

use crate::LoopbackListener;
use crate::connection::serve;
use crate::connection_state::ConnectionState;
use crate::handler::Shared;
use crate::paths;
use std::sync::Arc;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// The port in the `Host` header of requests.
pub const PORT: u16 = 5000;

/// Returns a listener whose connections come from the channel. Its server ends when the channel and all
/// connections are closed.
pub fn listen(mut streams: mpsc::Receiver<DuplexStream>) -> LoopbackListener {
    let shared = Shared::new().expect("the system has randomness");
    LoopbackListener::with_server(PORT, paths::CALLBACK, Vec::new(), shared, |handler, _| async move {
        let handler = Arc::new(handler);
        let mut connections = JoinSet::new();
        while let Some(stream) = streams.recv().await {
            let handler = Arc::clone(&handler);
            connections.spawn(async move { serve(stream, &handler, &ConnectionState::default()).await });
        }
        connections.join_all().await;
    })
}

/// Returns the path of the self-test's probe.
pub fn probe_path(listener: &LoopbackListener) -> String {
    [paths::PROBE, listener.shared.identity.nonce.as_str()].concat()
}
