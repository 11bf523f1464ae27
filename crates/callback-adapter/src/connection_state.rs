//! The state of a connection: its owner, and whether it may be closed to make room.

use crate::peer::{self, Owner};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// The state of one connection, shared by its task and the server.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectionState(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// The client's address, and the port that it connected to.
    endpoints: Option<(SocketAddr, u16)>,
    owner: Owner,
    busy: AtomicBool,
    held: watch::Sender<bool>,
}

impl ConnectionState {
    pub(crate) fn new(client: SocketAddr, server_port: u16) -> Self {
        let owner = peer::owner(client, server_port);
        Self(Arc::new(State { endpoints: Some((client, server_port)), owner, ..State::default() }))
    }

    #[cfg(test)]
    pub(crate) fn owned_by(owner: Owner) -> Self {
        Self(Arc::new(State { owner, ..State::default() }))
    }

    /// Returns whether the system shows at once that a program of this user has connected.
    pub(crate) fn is_quickly_known(&self) -> bool {
        self.0.owner == Owner::ThisUser
    }

    /// Returns whether a program of this user is known to have connected. Any program counts if the system cannot be
    /// asked. May take milliseconds.
    pub(crate) fn is_this_users(&self) -> bool {
        let owner = match (self.0.owner, self.0.endpoints) {
            (Owner::Unknown, Some((client, server_port))) => peer::search_owner(client, server_port),
            (owner, _) => owner,
        };
        matches!(owner, Owner::ThisUser | Owner::Unsupported)
    }

    /// Keeps the connection open: it is not closed to make room, nor when its time is up.
    ///
    /// That is for the callback that was accepted, and for the viewer of the outcome after it.
    pub(crate) fn hold(&self) {
        self.0.held.send_replace(true);
    }

    /// Treats the connection like any other from now on.
    pub(crate) fn release(&self) {
        self.0.held.send_replace(false);
    }

    pub(crate) fn is_held(&self) -> bool {
        *self.0.held.borrow()
    }

    /// Waits until the connection is not held.
    pub(crate) async fn released(&self) {
        // Never an error, since this value owns the sender.
        let _ = self.0.held.subscribe().wait_for(|held| !held).await;
    }

    /// Returns whether a request is in progress. Idle connections make room before busy ones.
    pub(crate) fn is_busy(&self) -> bool {
        self.0.busy.load(Ordering::Acquire)
    }

    pub(crate) fn set_busy(&self, busy: bool) {
        self.0.busy.store(busy, Ordering::Release);
    }
}
