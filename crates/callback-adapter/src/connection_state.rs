//! The state of a connection: its owner, and whether it may be closed to make room.

use crate::peer::{self, Whose};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// The state of one connection, shared by its task and the server.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectionState(Arc<Claims>);

#[derive(Debug, Default)]
struct Claims {
    /// The client, and the port that it connected to.
    ends: Option<(SocketAddr, u16)>,
    owner: Whose,
    asked: AtomicBool,
    held: watch::Sender<bool>,
}

impl ConnectionState {
    pub(crate) fn of(client: SocketAddr, server_port: u16) -> Self {
        let ends = Some((client, server_port));
        let owner = peer::owner(client, server_port);
        Self(Arc::new(Claims { ends, owner, ..Claims::default() }))
    }

    #[cfg(test)]
    pub(crate) fn owned_by(owner: Whose) -> Self {
        Self(Arc::new(Claims { owner, ..Claims::default() }))
    }

    /// Returns whether a program of this user is known to have connected.
    pub(crate) fn is_this_users(&self) -> bool {
        self.0.owner == Whose::ThisUsers
    }

    /// Returns whether a program of another user is known to have connected. May take milliseconds.
    pub(crate) fn is_another_users(&self) -> bool {
        let owner = match (self.0.owner, self.0.ends) {
            (Whose::Unknown, Some((client, server_port))) => peer::searched_owner(client, server_port),
            (owner, _) => owner,
        };
        owner == Whose::AnotherUsers
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
        // Never an error, since the sender is here.
        let _ = self.0.held.subscribe().wait_for(|held| !held).await;
    }

    /// Whether its request is being answered. Silent ones make room before it.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.asked.load(Ordering::Acquire)
    }

    pub(crate) fn set_asked(&self, asked: bool) {
        self.0.asked.store(asked, Ordering::Release);
    }
}
