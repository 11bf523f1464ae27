//! The sockets in front of the [`Dispatcher`]. Only this module reads the real time.

use crate::dispatcher::Dispatcher;
use crate::response::Response;
use crate::{Origin, Request, Scenario, form};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Maximum size of a body, in bytes. The largest body of the protocol has a few hundred.
const BODY_LIMIT: usize = 64 * 1024;

/// The state that both origins and the [`Sandbox`](crate::Sandbox) share.
#[derive(Debug)]
pub(crate) struct Shared {
    dispatcher: Mutex<Dispatcher>,
    started: Instant,
    released: watch::Sender<bool>,
    in_flight: AtomicUsize,
    in_flight_peak: AtomicUsize,
}

impl Shared {
    #[expect(clippy::disallowed_methods, reason = "only this module knows the real time")]
    pub(crate) fn new(scenario: Scenario) -> Self {
        let mut dispatcher = Dispatcher::new(scenario);
        dispatcher.state.start(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        Self {
            dispatcher: Mutex::new(dispatcher),
            started: Instant::now(),
            released: watch::Sender::new(false),
            in_flight: AtomicUsize::new(0),
            in_flight_peak: AtomicUsize::new(0),
        }
    }

    pub(crate) fn dispatcher(&self) -> MutexGuard<'_, Dispatcher> {
        self.dispatcher.lock().expect("nothing panics while it holds the dispatcher")
    }

    pub(crate) fn release(&self) {
        self.released.send_replace(true);
    }

    pub(crate) fn in_flight_peak(&self) -> usize {
        self.in_flight_peak.load(Ordering::Relaxed)
    }
}

/// Accepts connections until the future is dropped, which closes them.
pub(crate) async fn serve(listener: TcpListener, origin: Origin, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let shared = Arc::clone(&shared);
                    let service = service_fn(move |request| respond(origin, Arc::clone(&shared), request));
                    connections.spawn(async move {
                        // An error of a connection concerns only its client.
                        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                    });
                }
                // Most likely there are too many open files. Waits until some are closed.
                Err(_) => pause(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Responds to a request. An error closes the connection without a response.
async fn respond(
    origin: Origin,
    shared: Arc<Shared>,
    request: hyper::Request<Incoming>,
) -> io::Result<hyper::Response<Full<Bytes>>> {
    let _in_flight = (origin == Origin::PlatformApi).then(|| InFlight::enter(&shared));

    let (head, body) = request.into_parts();
    let body = match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let violation =
                format!("{} {} on the {origin}: the body is too long", head.method, head.uri.path());
            shared.dispatcher().violations.push(violation);
            return response(Response::empty(413).with("connection", "close"));
        }
        Err(error) => return Err(io::Error::other(error)),
    };
    let request = Request {
        origin,
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: form::parse(head.uri.query().unwrap_or_default().as_bytes()),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        body: body.to_vec(),
        status: None,
    };

    let scheduled = shared.dispatcher().receive(request, shared.started.elapsed());
    let mut released = shared.released.subscribe();
    tokio::select! {
        () = pause(scheduled.delay) => {}
        _ = released.wait_for(|released| *released) => {}
    }
    response(scheduled.response.ok_or(io::ErrorKind::ConnectionAborted)?)
}

#[expect(clippy::disallowed_methods, reason = "the sandbox is the outside world, whose time is real")]
async fn pause(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}

fn response(response: Response) -> io::Result<hyper::Response<Full<Bytes>>> {
    let head = hyper::Response::builder().status(response.status);
    let head = response.headers.into_iter().fold(head, |head, (name, value)| head.header(name, value));
    head.body(Full::from(response.body)).map_err(io::Error::other)
}

/// A request in progress. It ends when dropped, also if its connection breaks.
struct InFlight<'a>(&'a Shared);

impl<'a> InFlight<'a> {
    fn enter(shared: &'a Shared) -> Self {
        let now = shared.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        shared.in_flight_peak.fetch_max(now, Ordering::Relaxed);
        Self(shared)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
