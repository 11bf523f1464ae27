//! Connections that are opened in advance, so that the first request does not wait for one.
//!
//! reqwest cannot connect without a request. Each service therefore has two clients whose connectors share a
//! [`ConnectionSlot`]. The opener's connector puts its connection into the slot and fails the request, so the opener
//! never sends anything. The sender takes the connection from the slot, or opens one itself.

use crate::options::BoxError;
use hyper::rt::{Read, ReadBuf};
use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::sync::Mutex;
use tower_layer::Layer;
use tower_service::Service;

/// A slot for the connection of the first request.
///
/// It is locked while a connection is being opened, so that the first request waits for that connection instead of
/// opening another one.
#[derive(Clone, Default)]
pub(crate) struct ConnectionSlot(Arc<Mutex<SlotState>>);

#[derive(Default)]
enum SlotState {
    #[default]
    Empty,
    /// `Any`, since reqwest does not export the type of the connection.
    Connected(Box<dyn Any + Send>),
    /// The first request was sent. Later ones use the sender's own connections.
    Retired,
}

impl ConnectionSlot {
    /// Returns the layer for the client that opens connections.
    pub(crate) fn opener(&self) -> SlotLayer {
        SlotLayer { slot: self.clone(), role: Role::Opener }
    }

    /// Returns the layer for the client that sends requests.
    pub(crate) fn sender(&self) -> SlotLayer {
        SlotLayer { slot: self.clone(), role: Role::Sender }
    }

    /// Closes the connection.
    pub(crate) async fn clear(&self) {
        let mut state = self.0.lock().await;
        if let SlotState::Connected(_) = *state {
            *state = SlotState::Empty;
        }
    }

    /// Opens a connection, unless a usable one is open.
    async fn fill<C: Idle>(
        &self,
        connect: impl Future<Output = Result<C, BoxError>>,
    ) -> Result<(), BoxError> {
        let mut state = self.0.lock().await;
        let is_usable = match &mut *state {
            SlotState::Connected(connection) => is_open::<C>(connection).await,
            SlotState::Empty => false,
            SlotState::Retired => return Ok(()),
        };
        if !is_usable {
            *state = SlotState::Empty;
            *state = SlotState::Connected(Box::new(connect.await?));
        }
        Ok(())
    }

    /// Takes the connection if it is usable, and retires the slot.
    async fn take<C: Idle>(&self) -> Option<C> {
        let state = std::mem::replace(&mut *self.0.lock().await, SlotState::Retired);
        let SlotState::Connected(mut connection) = state else { return None };
        if !is_open::<C>(&mut connection).await {
            return None;
        }
        connection.downcast().ok().map(|connection| *connection)
    }
}

/// Returns whether the peer has neither closed the connection nor sent anything on it before the
/// first request.
async fn is_open<C: Idle>(connection: &mut Box<dyn Any + Send>) -> bool {
    // Lets the runtime poll the socket first, to detect that the peer has closed it.
    tokio::task::yield_now().await;
    let Some(connection) = connection.downcast_mut::<C>() else { return false };
    let mut byte = [0];
    let mut buffer = ReadBuf::new(&mut byte);
    let mut context = Context::from_waker(Waker::noop());
    Pin::new(connection).poll_read(&mut context, buffer.unfilled()).is_pending()
}

/// A connection that can be kept idle.
pub(crate) trait Idle: Read + Unpin + Send + 'static {}

impl<C: Read + Unpin + Send + 'static> Idle for C {}

/// The error that ends the request of the opener once its connection is in the slot.
#[derive(Debug, thiserror::Error)]
#[error("the connection is kept for the first request")]
pub(crate) struct Kept;

/// Wraps a client's connector around the slot.
#[derive(Clone)]
pub(crate) struct SlotLayer {
    slot: ConnectionSlot,
    role: Role,
}

#[derive(Clone, Copy)]
enum Role {
    Opener,
    Sender,
}

impl<S> Layer<S> for SlotLayer {
    type Service = Connector<S>;

    fn layer(&self, inner: S) -> Connector<S> {
        Connector { inner, layer: self.clone() }
    }
}

#[derive(Clone)]
pub(crate) struct Connector<S> {
    inner: S,
    layer: SlotLayer,
}

impl<S, To> Service<To> for Connector<S>
where
    S: Service<To, Error = BoxError> + Clone + Send + 'static,
    S::Response: Idle,
    S::Future: Send,
    To: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, to: To) -> Self::Future {
        // Calls the service that was polled for readiness, not its clone.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let SlotLayer { slot, role } = self.layer.clone();
        Box::pin(async move {
            let connect = async move { inner.call(to).await };
            match role {
                Role::Opener => {
                    slot.fill(connect).await?;
                    Err(Kept.into())
                }
                Role::Sender => match slot.take().await {
                    Some(connection) => Ok(connection),
                    None => connect.await,
                },
            }
        })
    }
}
