//! The task behind a listener: it accepts connections, makes room for new ones, and ends.

use crate::connection::{Hold, serve};
use crate::limits;
use crate::site::Site;
use crate::sockets::Sockets;
use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinSet, yield_now};

pub(crate) struct Server {
    sockets: Sockets,
    connections: Connections,
}

impl Server {
    pub(crate) fn new(sockets: Sockets, site: Site) -> Self {
        let connections = Connections { site: Arc::new(site), tasks: JoinSet::new(), open: Vec::new() };
        Self { sockets, connections }
    }

    /// Serves until `concluded` is sent, or dropped with the listener. Then a held connection has
    /// 2 s for its last bytes, and everything else is cut.
    pub(crate) async fn run(mut self, concluded: oneshot::Receiver<()>) {
        let concluded = tokio::select! {
            never = self.serve() => match never {},
            concluded = concluded => concluded.is_ok(),
        };
        let Self { sockets, mut connections } = self;
        limits::at_most(limits::LAST_PAGE, async {
            if concluded {
                connections.wait_for_the_last_request(&sockets).await;
            }
            drop(sockets);
            connections.finish_those_held().await;
        })
        .await;
    }

    async fn serve(&mut self) -> Infallible {
        loop {
            for _ in 0..limits::CONNECTIONS {
                tokio::select! {
                    (stream, client) = self.sockets.accept() => self.connections.add(stream, client),
                    () = self.connections.end_of_one() => {}
                }
            }
            // What has been accepted may have its request in it already: it is read before the next
            // ones claim its place.
            yield_now().await;
        }
    }
}

/// The connections that are open. Dropping them cuts them.
struct Connections {
    site: Arc<Site>,
    tasks: JoinSet<()>,
    /// Those that take a place, oldest first.
    open: Vec<Connection>,
}

struct Connection {
    task: AbortHandle,
    hold: Hold,
}

impl Connections {
    /// When all places are taken, an old connection gives way, since a browser's is the newest.
    /// The listener's own probes, of which there are no more than it makes, take no place.
    fn add(&mut self, stream: TcpStream, client: SocketAddr) {
        let takes_a_place = !self.site.is_probe(client);
        if takes_a_place && self.open.len() >= limits::CONNECTIONS {
            self.make_room();
        }
        let (site, hold) = (Arc::clone(&self.site), Hold::of(client));
        let task = self.tasks.spawn({
            let hold = hold.clone();
            async move { serve(stream, &site, &hold).await }
        });
        if takes_a_place {
            self.open.push(Connection { task, hold });
        }
    }

    /// Cuts the oldest connection that nobody is being answered on; if there is none, the oldest
    /// that is not held.
    fn make_room(&mut self) {
        let held = |connection: &Connection| connection.hold.is_held();
        let silent = |connection: &Connection| !held(connection) && !connection.hold.is_asked();
        let oldest = self.open.iter().position(silent).or_else(|| self.open.iter().position(|c| !held(c)));
        if let Some(oldest) = oldest {
            self.open.remove(oldest).task.abort();
        }
    }

    /// Returns when a connection has ended. May be dropped at any time.
    async fn end_of_one(&mut self) {
        if self.tasks.join_next().await.is_none() {
            pending::<()>().await;
        }
        self.open.retain(|connection| !connection.task.is_finished());
    }

    async fn finish_those_held(&mut self) {
        while self.open.iter().any(|connection| connection.hold.is_held()) {
            self.end_of_one().await;
        }
    }

    /// Returns when the page that a browser was sent to was asked for, or will not be any more.
    async fn wait_for_the_last_request(&mut self, sockets: &Sockets) {
        let mut too_late = pin!(limits::pause(limits::LAST_REQUEST));
        while self.site.awaits_a_reader() {
            tokio::select! {
                (stream, client) = sockets.accept() => self.add(stream, client),
                () = self.end_of_one() => {}
                () = &mut too_late => return,
            }
        }
    }
}
