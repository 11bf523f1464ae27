//! The port of this crate for connections to a server.

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderMap};
use http::{Method, StatusCode};
use keymint_domain::ServiceErrorKind;
use url::Url;

/// The default `User-Agent` of requests (RFC 9110 section 10.1.5).
pub const USER_AGENT: &str = "Codex-Create-API-Key/1.0";

/// Sends requests to the servers. [`Http`](crate::Http) has an implementation for native programs. A front end with
/// its own HTTP client, such as a web page, implements this trait.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends a request once, and returns as soon as the head of the response has arrived.
    ///
    /// A redirect is a response like any other: an implementation must not follow it. Dropping the future or the body
    /// of its response cancels the request.
    async fn send(&self, request: Request) -> Result<Response, TransportError>;
}

/// A request. It contains secrets.
#[non_exhaustive]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The URL.
    pub url: Url,
    /// The headers of this request. The headers that all requests share are missing.
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
    /// Returns the announced length of the body in bytes, or zero if it is not announced.
    pub(crate) fn announced_length(&self) -> u64 {
        let length = self.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        length.and_then(|length| length.parse().ok()).unwrap_or_default()
    }
}

/// The body of a response.
#[async_trait]
pub trait ResponseBody: Send {
    /// Waits for the next piece of the body. Returns `None` at the end of a complete body.
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
    /// The description of a connection that ended too early.
    pub const CUT: &str = "the connection ended before the answer was complete";

    /// Creates an error with a description, which must not contain a secret.
    ///
    /// Use [`NotSent`](ServiceErrorKind::NotSent) only if certainly no byte of the request was sent: such a request
    /// is retried, even if it creates a key.
    pub fn new(kind: ServiceErrorKind, words: impl Into<String>) -> Self {
        Self { kind, words: words.into(), cause: None }
    }

    /// Adds the cause as reported by another library. The secrets of the run are removed from it.
    pub fn because(self, cause: impl Into<String>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }
}
