//! A sign-in that waits, and a client of raw bytes.

use keymint_callback_adapter::LoopbackListener;
use keymint_domain::testing::approved_redirect;
use keymint_domain::{
    AuthorizationResponse, Client, Entropy, PendingAuthorization, ResponseSource, SourceError,
};
use std::convert::Infallible;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// A listener on a port of its own, and the authorization whose response it waits for.
pub(crate) struct SignIn {
    pub(crate) listener: LoopbackListener,
    pub(crate) pending: PendingAuthorization,
    pub(crate) browser: Browser,
}

impl SignIn {
    pub(crate) fn begin() -> Self {
        Self::begin_at(LoopbackListener::bind(0).unwrap())
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

    /// What was received, in words.
    pub(crate) async fn response(self) -> String {
        match self.end().await.1 {
            AuthorizationResponse::Granted(code) => format!("granted {}", code.expose()),
            AuthorizationResponse::Denied { error, description } => format!("denied {error} {description:?}"),
            other => format!("{other:?}"),
        }
    }
}

/// What a browser, or something like it, knows.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) port: u16,
    pub(crate) state: String,
}

impl Browser {
    /// Puts the port and the state into a text.
    pub(crate) fn fill_in(&self, template: &str) -> String {
        template.replace("PORT", &self.port.to_string()).replace("STATE", &self.state)
    }

    /// The request of a browser that comes back with a code.
    pub(crate) fn good(&self) -> String {
        self.fill_in(
            "GET /auth/callback?code=C&scope=openid&state=STATE HTTP/1.1\r\nHost: localhost:PORT\r\n\
             Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n\r\n",
        )
    }

    /// The request of a browser that comes back with these parameters.
    pub(crate) fn callback(&self, query: &str) -> String {
        self.fill_in(&format!("GET /auth/callback?{query} HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n"))
    }

    /// A navigation with these cookies to an address of the listener, such as the start address.
    pub(crate) fn open(&self, path: &str, cookies: &str) -> String {
        self.fill_in(&format!("GET {path} HTTP/1.1\r\nHost: localhost:PORT\r\nCookie: {cookies}\r\n\r\n"))
    }

    pub(crate) fn page(&self) -> String {
        self.fill_in("GET /auth/done HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n")
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    /// Sends these bytes, and reads what comes until the connection is closed.
    pub(crate) async fn send(&self, request: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        // The server may answer and close before it has everything.
        let _ = stream.write_all(request.as_ref()).await;
        read_to_end(stream).await
    }
}

pub(crate) async fn read_to_end(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = within_a_minute(stream.read_to_end(&mut answer)).await;
    String::from_utf8(answer).unwrap()
}

/// Reads until this text has come, and returns it with what came before.
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

/// The value of a header of an answer; empty if there is none.
pub(crate) fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    let mut headers = head(answer).lines().skip(1).filter_map(|line| line.split_once(": "));
    headers.find(|(header, _)| *header == name).map_or("", |(_, value)| value)
}

/// All but the body.
pub(crate) fn head(answer: &str) -> &str {
    answer.split("\r\n\r\n").next().unwrap_or_default()
}

/// `303` of `HTTP/1.1 303 See Other`; empty if nothing was answered.
pub(crate) fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

/// A watchdog: nothing here takes a tenth of it.
#[expect(clippy::disallowed_methods, reason = "real sockets, whose time cannot be paused")]
pub(crate) async fn within_a_minute<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), work).await.expect("it hangs")
}
