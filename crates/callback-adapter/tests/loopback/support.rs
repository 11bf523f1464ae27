//! A pending sign-in, and a client of raw bytes.

use keymint_callback_adapter::LoopbackListener;
use keymint_domain::testing::approved_redirect;
use keymint_domain::{
    AuthorizationResponse, Client, Entropy, PendingAuthorization, ResponseSource, SourceError,
};
use std::convert::Infallible;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// A listener on its own port, and the authorization whose response it waits for.
pub(crate) struct SignIn {
    pub(crate) listener: LoopbackListener,
    pub(crate) pending: PendingAuthorization,
    pub(crate) browser: Browser,
}

/// Returns a listener on a port that the system does not assign on its own, so that the port is free again
/// afterwards.
fn listener() -> LoopbackListener {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 29_100 + u16::try_from(std::process::id() % 20).unwrap() * 100;
    loop {
        if let Ok(listener) = LoopbackListener::bind(first + NEXT.fetch_add(1, Ordering::Relaxed)) {
            return listener;
        }
    }
}

impl SignIn {
    pub(crate) fn begin() -> Self {
        Self::begin_at(listener())
    }

    pub(crate) fn begin_at(listener: LoopbackListener) -> Self {
        let Ok(entropy) = Entropy::fill_with(|bytes| {
            bytes.fill(0x5a);
            Ok::<_, Infallible>(())
        });
        let pending = Client::default().begin(listener.redirect_uri().clone(), entropy);
        let willing = approved_redirect(&pending);
        let state = willing.split_once("state=").unwrap().1.to_owned();
        let browser = Browser { port: listener.redirect_uri().port().unwrap(), state };
        Self { listener, pending, browser }
    }

    /// Returns a listener that has received its response.
    pub(crate) async fn done() -> (Browser, LoopbackListener) {
        let (browser, receiving) = Self::begin().receive();
        assert_eq!(status(&browser.send(browser.good()).await), "303");
        (browser, receiving.end().await.0)
    }

    /// Waits for the response in a task.
    pub(crate) fn receive(self) -> (Browser, Receiving) {
        let Self { mut listener, pending, browser } = self;
        let receiving = tokio::spawn(async move {
            let response = listener.receive(&pending).await;
            (listener, response)
        });
        (browser, Receiving(receiving))
    }
}

/// A listener that waits for the response.
pub(crate) struct Receiving(JoinHandle<(LoopbackListener, Result<AuthorizationResponse, SourceError>)>);

impl Receiving {
    pub(crate) async fn end(self) -> (LoopbackListener, AuthorizationResponse) {
        let (listener, response) = within_a_minute(self.0).await.unwrap();
        (listener, response.unwrap())
    }

    /// Sends the good callback, which must be the response.
    pub(crate) async fn ends_well(self, browser: &Browser) {
        assert_eq!(status(&browser.send(browser.good()).await), "303");
        assert_eq!(self.response().await, "granted C");
    }

    /// Returns a description of the response.
    pub(crate) async fn response(self) -> String {
        match self.end().await.1 {
            AuthorizationResponse::Granted(code) => format!("granted {}", code.expose()),
            AuthorizationResponse::Denied { error, description } => format!("denied {error} {description:?}"),
            other => format!("{other:?}"),
        }
    }
}

/// The port and the state, as a browser knows them.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) port: u16,
    pub(crate) state: String,
}

impl Browser {
    /// Replaces the placeholders of the port and the state.
    pub(crate) fn fill_in(&self, template: &str) -> String {
        template.replace("PORT", &self.port.to_string()).replace("STATE", &self.state)
    }

    /// Returns the request of a browser with a code.
    pub(crate) fn good(&self) -> String {
        self.fill_in(
            "GET /auth/callback?code=C&scope=openid&state=STATE HTTP/1.1\r\nHost: localhost:PORT\r\n\
             Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n\r\n",
        )
    }

    /// Returns the request of a browser with these parameters.
    pub(crate) fn callback(&self, query: &str) -> String {
        self.fill_in(&format!("GET /auth/callback?{query} HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n"))
    }

    /// Returns a navigation with these cookies to a path of the listener, such as that of the start URL.
    pub(crate) fn open(&self, path: &str, cookies: &str) -> String {
        self.fill_in(&format!("GET {path} HTTP/1.1\r\nHost: localhost:PORT\r\nCookie: {cookies}\r\n\r\n"))
    }

    pub(crate) fn page(&self) -> String {
        self.fill_in("GET /auth/done HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n")
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    /// Sends these bytes, and reads until the connection is closed.
    pub(crate) async fn send(&self, request: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        // The server may respond and close before it has everything.
        let _ = stream.write_all(request.as_ref()).await;
        read_to_end(stream).await
    }
}

pub(crate) async fn read_to_end(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = within_a_minute(stream.read_to_end(&mut answer)).await;
    String::from_utf8(answer).unwrap()
}

/// Reads up to and including this text, and returns everything read.
pub(crate) async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut read = String::new();
    within_a_minute(async {
        while !read.contains(text) {
            read.push(stream.read_u8().await.unwrap().into());
        }
    })
    .await;
    read
}

/// Returns the value of a response's header, or an empty string.
pub(crate) fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    let mut headers = head(answer).lines().skip(1).filter_map(|line| line.split_once(": "));
    headers.find(|(header, _)| *header == name).map_or("", |(_, value)| value)
}

/// Returns a response without its body.
pub(crate) fn head(answer: &str) -> &str {
    answer.split("\r\n\r\n").next().unwrap_or_default()
}

/// Returns the status of a response, such as `303`, or an empty string.
pub(crate) fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

/// Fails if the work hangs. No work takes a tenth of that time.
#[expect(clippy::disallowed_methods, reason = "real sockets, whose time cannot be paused")]
pub(crate) async fn within_a_minute<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), work).await.expect("it hangs")
}
