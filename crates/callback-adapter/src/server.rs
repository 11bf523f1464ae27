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

pub(crate) struct Server {
    sockets: Sockets,
    connections: Connections,
}

impl Server {
    pub(crate) fn new(sockets: Sockets, handler: Handler) -> Self {
        let connections = Connections { handler: Arc::new(handler), tasks: JoinSet::new(), open: Vec::new() };
        Self { sockets, connections }
    }

    /// Serves until `concluded` is sent, or dropped with the listener. Then a held connection has 2 s for
    /// its last bytes, and all others are closed.
    pub(crate) async fn run(mut self, concluded: oneshot::Receiver<()>) {
        let concluded = tokio::select! {
            never = self.serve() => match never {},
            concluded = concluded => concluded.is_ok(),
        };
        let Self { sockets, mut connections } = self;
        limits::timeout(limits::LAST_PAGE, async {
            if concluded {
                limits::timeout(limits::LAST_REQUEST, connections.await_viewer(&sockets)).await;
            }
            drop(sockets);
            connections.finish_held().await;
        })
        .await;
    }

    async fn serve(&mut self) -> Infallible {
        loop {
            for _ in 0..limits::CONNECTIONS {
                tokio::select! {
                    (stream, client) = self.sockets.accept() => self.connections.add(stream, client),
                    () = self.connections.join_one() => {}
                }
            }
            // An accepted connection may have its request already. Read it before newer connections take its
            // slot.
            yield_now().await;
        }
    }
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
    /// Serves a connection. The listener's own probes occupy no slot, since their number is limited.
    fn add(&mut self, stream: TcpStream, client: SocketAddr) {
        let state = ConnectionState::new(client, self.handler.port());
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
            |connection: &Connection| (connection.state.is_this_users(), connection.state.is_busy());
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
    use crate::handler::testing::HandlerAlone;
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
            let handler = Arc::new(HandlerAlone::new().handler);
            Self { listener, connections: Connections { handler, tasks: JoinSet::new(), open: Vec::new() } }
        }

        /// Connects as a program of this owner, and returns the client's end.
        async fn connect(&mut self, owner: Owner) -> TcpStream {
            let client = TcpStream::connect(self.listener.local_addr().unwrap()).await.unwrap();
            let (stream, _) = self.listener.accept().await.unwrap();
            self.connections.add_to_slot(stream, ConnectionState::owned_by(owner));
            client
        }
    }

    /// Sends a request late. Returns the status of the response, or an empty string if there is none.
    async fn ask(mut client: TcpStream) -> String {
        let mut answer = String::new();
        let _ = client.write_all(b"GET / HTTP/1.1\r\nHost: localhost:5000\r\n\r\n").await;
        let _ = client.read_to_string(&mut answer).await;
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn a_crowd_of_another_user_does_not_push_out_a_browser_that_asks_late() {
        use Owner::{AnotherUser, ThisUser, Unknown};
        for (browser, crowd, expected) in [
            (ThisUser, AnotherUser, "404"),
            (ThisUser, Unknown, "404"),
            (ThisUser, ThisUser, ""),
            (Unknown, Unknown, ""),
            (AnotherUser, AnotherUser, ""),
        ] {
            let mut harness = Harness::new().await;
            let browser_stream = harness.connect(browser).await;
            let mut others = Vec::new();
            for _ in 0..100 {
                others.push(harness.connect(crowd).await);
            }
            let newest = others.pop().unwrap();
            assert_eq!(harness.connections.open.len(), limits::CONNECTIONS);
            assert_eq!(ask(browser_stream).await, expected, "{browser:?} among {crowd:?}");
            assert_eq!(ask(newest).await, "404", "the newest of {crowd:?}");
        }
    }

    #[tokio::test]
    async fn a_stranger_finds_a_place_although_this_user_has_all() {
        let mut harness = Harness::new().await;
        let mut others = Vec::new();
        for _ in 0..limits::CONNECTIONS {
            others.push(harness.connect(Owner::ThisUser).await);
        }
        let newest = harness.connect(Owner::AnotherUser).await;
        assert_eq!(ask(newest).await, "404");
    }
}
