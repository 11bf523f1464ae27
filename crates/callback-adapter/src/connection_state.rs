//! Whose a connection is, and how much it matters.

use crate::peer::{self, Whose};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// What is known of one connection; its task and the server share it.
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

    /// Whether it is known to be made by a program of the person that this program is for.
    pub(crate) fn is_this_users(&self) -> bool {
        self.0.owner == Whose::ThisUsers
    }

    /// Whether it is known to be made by a program of another person.
    pub(crate) fn is_another_users(&self) -> bool {
        let owner = match (self.0.owner, self.0.ends) {
            (Whose::Unknown, Some((client, server_port))) => peer::searched_owner(client, server_port),
            (owner, _) => owner,
        };
        owner == Whose::AnotherUsers
    }

    /// It is the winner's, or reads the page after it. It is not cut to make room, nor because it
    /// takes long.
    pub(crate) fn hold(&self) {
        self.0.held.send_replace(true);
    }

    /// From now on it is like any other.
    pub(crate) fn release(&self) {
        self.0.held.send_replace(false);
    }

    pub(crate) fn is_held(&self) -> bool {
        *self.0.held.borrow()
    }

    /// Returns when it is not held, or not any more.
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
