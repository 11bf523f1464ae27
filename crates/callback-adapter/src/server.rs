//! The listener's task: it accepts connections, makes room for new ones, and ends.

use crate::connection::serve;
use crate::connection_state::ConnectionState;
use crate::handler::Handler;
use crate::limits;
use crate::sockets::Sockets;
use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinSet, yield_now};

/// Serves until `concluded` is sent, or dropped with the listener. Then a held connection has 2 s for its
/// last bytes, and all others are closed.
pub(crate) async fn run(sockets: Sockets, handler: Handler, concluded: oneshot::Receiver<()>) {
    let mut connections = Connections::new(handler);
    let concluded = tokio::select! {
        never = connections.serve(&sockets) => match never {},
        concluded = concluded => concluded.is_ok(),
    };
    limits::timeout(limits::LAST_PAGE, async {
        if concluded {
            limits::timeout(limits::LAST_REQUEST, connections.await_viewer(&sockets)).await;
        }
        drop(sockets);
        connections.finish_held().await;
    })
    .await;
}

/// The open connections. Dropping the value closes them.
struct Connections {
    handler: Arc<Handler>,
    tasks: JoinSet<()>,
    /// The connections that occupy a slot, oldest first.
    open: Vec<Connection>,
}

struct Connection {
    task: AbortHandle,
    state: ConnectionState,
}

impl Connections {
    fn new(handler: Handler) -> Self {
        Self { handler: Arc::new(handler), tasks: JoinSet::new(), open: Vec::new() }
    }

    async fn serve(&mut self, sockets: &Sockets) -> Infallible {
        loop {
            for _ in 0..limits::CONNECTIONS {
                tokio::select! {
                    (stream, client) = sockets.accept() => self.add(stream, client),
                    () = self.join_one() => {}
                }
            }
            // An accepted connection may have its request already. Read it before newer connections take its
            // slot.
            yield_now().await;
        }
    }

    /// Serves a connection. The listener's own probes occupy no slot, since their number is limited.
    fn add(&mut self, stream: TcpStream, client: SocketAddr) {
        let state = ConnectionState::new(client, self.handler.admission.port);
        if self.handler.shared.identity.is_probe(client) {
            self.spawn(stream, state);
        } else {
            self.add_to_slot(stream, state);
        }
    }

    /// Serves a connection in a slot. If all are occupied, an old connection makes room, since a browser's is
    /// the newest.
    fn add_to_slot(&mut self, stream: TcpStream, state: ConnectionState) {
        if self.open.len() >= limits::CONNECTIONS {
            self.make_room();
        }
        let task = self.spawn(stream, state.clone());
        self.open.push(Connection { task, state });
    }

    /// Closes a connection that is not held. One that is not known to be this user's comes first, so that a
    /// flood by another user does not close the browser's; then an idle one; then the oldest.
    fn make_room(&mut self) {
        let is_held = |connection: &Connection| connection.state.is_held();
        let priority =
            |connection: &Connection| (connection.state.is_quickly_known(), connection.state.is_busy());
        let free = self.open.iter().enumerate().filter(|(_, connection)| !is_held(connection));
        if let Some((oldest, _)) = free.min_by_key(|(_, connection)| priority(connection)) {
            self.open.remove(oldest).task.abort();
        }
    }

    fn spawn(&mut self, stream: TcpStream, state: ConnectionState) -> AbortHandle {
        let handler = Arc::clone(&self.handler);
        self.tasks.spawn(async move { serve(stream, &handler, &state).await })
    }

    /// Waits until a connection has ended. Cancel safe.
    async fn join_one(&mut self) {
        if self.tasks.join_next().await.is_none() {
            pending::<()>().await;
        }
        self.open.retain(|connection| !connection.task.is_finished());
    }

    async fn finish_held(&mut self) {
        while self.open.iter().any(|connection| connection.state.is_held()) {
            self.join_one().await;
        }
    }

    /// Waits until the browser that was redirected to the outcome page has requested it.
    async fn await_viewer(&mut self, sockets: &Sockets) {
        while self.handler.awaits_viewer() {
            tokio::select! {
                (stream, client) = sockets.accept() => self.add(stream, client),
                () = self.join_one() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Owner;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    struct Harness {
        listener: TcpListener,
        connections: Connections,
    }

    impl Harness {
        async fn new() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            Self { listener, connections: Connections::new(Handler::alone().0) }
        }

        /// Connects as a program of this owner, and returns the client's end.
        async fn connect(&mut self, owner: Owner) -> TcpStream {
            let client = TcpStream::connect(self.listener.local_addr().unwrap()).await.unwrap();
            let (stream, _) = self.listener.accept().await.unwrap();
            self.connections.add_to_slot(stream, ConnectionState::owned_by(owner));
            client
        }
    }

    /// Sends a request late. Returns the status of the response, or an empty string without a response.
    async fn ask(mut client: TcpStream) -> String {
        let mut answer = String::new();
        let _ = client.write_all(b"GET / HTTP/1.1\r\nHost: localhost:5000\r\n\r\n").await;
        let _ = client.read_to_string(&mut answer).await;
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn a_crowd_of_another_user_does_not_push_out_a_browser_that_asks_late() {
        use Owner::{AnotherUser, ThisUser, Unknown};
        for (browser, crowd, newest, expected) in [
            (ThisUser, AnotherUser, AnotherUser, "404"),
            (ThisUser, Unknown, Unknown, "404"),
            (ThisUser, ThisUser, ThisUser, ""),
            (ThisUser, ThisUser, AnotherUser, ""),
            (Unknown, Unknown, Unknown, ""),
            (AnotherUser, AnotherUser, AnotherUser, ""),
        ] {
            let mut harness = Harness::new().await;
            let browser_stream = harness.connect(browser).await;
            let mut others = Vec::new();
            for _ in 0..100 {
                others.push(harness.connect(crowd).await);
            }
            let newest_stream = harness.connect(newest).await;
            assert_eq!(harness.connections.open.len(), limits::CONNECTIONS);
            assert_eq!(ask(browser_stream).await, expected, "{browser:?} among {crowd:?}");
            assert_eq!(ask(newest_stream).await, "404", "the newest, of {newest:?}, after {crowd:?}");
        }
    }
}
