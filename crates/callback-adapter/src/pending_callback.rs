//! A callback that waits for the listener's verdict.

use crate::connection_state::ConnectionState;
use crate::one_time_link::CookieMatch;
use crate::verdict::Verdict;
use tokio::sync::oneshot;

/// A request that may be the authorization response, and waits for the verdict.
pub(crate) struct PendingCallback {
    /// Path and query, as sent.
    pub(crate) target: String,
    pub(crate) cookie: CookieMatch,
    verdict: oneshot::Sender<Verdict>,
    connection: ConnectionState,
}

impl PendingCallback {
    pub(crate) fn new(
        target: String,
        cookie: CookieMatch,
        connection: &ConnectionState,
    ) -> (Self, oneshot::Receiver<Verdict>) {
        let (verdict, pending_verdict) = oneshot::channel();
        (Self { target, cookie, verdict, connection: connection.clone() }, pending_verdict)
    }

    /// Accepts the callback, and holds its connection until it has the response.
    pub(crate) fn accept(self, verdict: Verdict) {
        self.connection.hold();
        self.reject(verdict);
    }

    pub(crate) fn reject(self, verdict: Verdict) {
        // It makes no difference whether the browser is still connected.
        let _ = self.verdict.send(verdict);
    }
}
