//! The connection to a server, as a port of this crate.

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderMap};
use http::{Method, StatusCode};
use keymint_domain::ServiceErrorKind;
use url::Url;

/// `User-Agent` of the requests (RFC 9110 section 10.1.5), unless another one is set.
pub const USER_AGENT: &str = "Codex-Create-API-Key/1.0";

/// Sends requests to the servers. [`Http`](crate::Http) brings one for native programs; a front end with an HTTP
/// client of its own, such as a web page, implements it.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends a request once, and returns as soon as the head of the response has arrived.
    ///
    /// A redirect is a response like any other and must not be followed. Dropping the future, or later the
    /// body, cancels the request.
    async fn send(&self, request: Request) -> Result<Response, TransportError>;
}

/// A request with its secrets.
#[non_exhaustive]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The URL.
    pub url: Url,
    /// The headers of this request, without those that are the same for all.
    pub headers: HeaderMap,
    /// The body.
    pub body: Option<Vec<u8>>,
}

impl Request {
    pub(crate) fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: None }
    }
}

/// A response whose body has not been read yet.
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Box<dyn ResponseBody>,
}

impl Response {
    /// The announced length of the body, in bytes, or zero.
    pub(crate) fn announced_length(&self) -> u64 {
        let length = self.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        length.and_then(|length| length.parse().ok()).unwrap_or_default()
    }
}

/// The body of a response.
#[async_trait]
pub trait ResponseBody: Send {
    /// Waits for the next piece. `None` is the end of a complete body.
    async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError>;
}

/// The reason why no complete response arrived.
#[derive(Debug)]
pub struct TransportError {
    pub(crate) kind: ServiceErrorKind,
    pub(crate) words: String,
    pub(crate) cause: Option<String>,
}

impl TransportError {
    /// The words for a connection that ends early.
    pub const CUT: &str = "the connection ended before the answer was complete";

    /// Creates an error with a description without secrets.
    ///
    /// [`NotSent`](ServiceErrorKind::NotSent) claims that no byte of the request was sent: such a request is
    /// retried, even if it creates a key.
    pub fn new(kind: ServiceErrorKind, words: impl Into<String>) -> Self {
        Self { kind, words: words.into(), cause: None }
    }

    /// Adds the cause in words of others, from which the secrets of the run are removed.
    pub fn because(self, cause: impl Into<String>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }
}
