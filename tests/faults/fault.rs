//! The fault that a server plays instead of a good answer.

use super::server::{Scene, good};
use std::fmt::Display;
use std::sync::Arc;

/// The bytes of an answer, or of a body, for one request.
type Bytes = Arc<dyn Fn(&Scene) -> Vec<u8> + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Fault {
    pub(crate) says: Bytes,
    pub(crate) then: Then,
    /// True if it answers before it has read more than the request line.
    pub(crate) early: bool,
}

/// The further course of the connection.
#[derive(Clone)]
pub(crate) enum Then {
    /// It waits for the next request.
    Stays,
    /// It is closed.
    Closes,
    /// It is closed together with the last byte, so no request can have used it since.
    ClosesAtOnce,
    /// It is reset.
    Resets,
    /// It stays open without data.
    Hangs,
    /// These bytes arrive without end, ten times in a second.
    Drips(&'static str),
    /// These bytes arrive again and again, as fast as they are read.
    Floods(Vec<u8>),
    /// No connection: the server has stopped listening at the address.
    NeverWas,
}

impl Fault {
    pub(crate) fn then(mut self, then: Then) -> Self {
        self.then = then;
        self
    }

    pub(crate) fn early(mut self) -> Self {
        self.early = true;
        self
    }

    /// Returns whether the fault is that no server listens.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self.then, Then::NeverWas)
    }
}

/// Returns a fault of these bytes and the end of the connection.
pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Fault {
    let bytes = bytes.into();
    Fault { says: Arc::new(move |_| bytes.clone()), then: Then::Closes, early: false }
}

pub(crate) fn nothing() -> Fault {
    raw("")
}

/// Returns a complete answer with this status and a good body.
pub(crate) fn status(status: u16) -> HttpResponse {
    let body: Bytes = Arc::new(|scene| good(scene.step).into_bytes());
    let content_type = "application/json".to_owned();
    HttpResponse { status, content_type, headers: String::new(), length: Length::True, body }
}

/// Returns a complete answer with status 200 and this body, in which `<good>` is replaced with a good one.
pub(crate) fn body(text: impl Into<String>) -> HttpResponse {
    status(200).body(text)
}

/// Returns a complete answer with status 200 and an encoding of a good body.
pub(crate) fn encoded(encode: impl Fn(String) -> Vec<u8> + Send + Sync + 'static) -> HttpResponse {
    let body: Bytes = Arc::new(move |scene| encode(good(scene.step)));
    HttpResponse { body, ..status(200) }
}

/// Returns a good answer in which this JSON replaces the result of the step: the access token, the session key, the
/// list or the API key.
pub(crate) fn value(json: &'static str) -> HttpResponse {
    let body: Bytes = Arc::new(move |scene| scene.step.answer(json).into_bytes());
    HttpResponse { body, ..status(200) }
}

/// Returns a list of these entries, in which `<entry>` is replaced with a good entry and `<id>` with its id.
pub(crate) fn entries(json: impl Into<String>) -> HttpResponse {
    let json = json.into();
    let body: Bytes = Arc::new(move |scene| format!(r#"{{"data":[{}]}}"#, scene.fill(&json)).into_bytes());
    HttpResponse { body, ..status(200) }
}

/// A well-formed answer, except for the changes of a test.
#[derive(Clone)]
pub(crate) struct HttpResponse {
    status: u16,
    content_type: String,
    headers: String,
    length: Length,
    body: Bytes,
}

/// The way in which the end of the body is marked.
#[derive(Clone)]
enum Length {
    True,
    Claimed(String),
    /// In chunks, without the last one.
    Unfinished,
    /// By the end of the connection.
    Untold,
}

impl HttpResponse {
    /// Adds a header line, in which `<trap>` is replaced with a URL that must not be visited and `<here>` with the
    /// server's own.
    pub(crate) fn header(mut self, line: &str) -> Self {
        self.headers.extend([line, "\r\n"]);
        self
    }

    pub(crate) fn content_type(mut self, content_type: &str) -> Self {
        content_type.clone_into(&mut self.content_type);
        self
    }

    pub(crate) fn html(self) -> Self {
        self.content_type("text/html; charset=utf-8")
            .body("<!doctype html><title>Just a moment</title><good> canary")
    }

    pub(crate) fn body(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        self.body = Arc::new(move |scene| scene.fill(&text).into_bytes());
        self
    }

    pub(crate) fn claims(mut self, length: impl Display) -> Self {
        self.length = Length::Claimed(length.to_string());
        self
    }

    pub(crate) fn unfinished_chunks(mut self) -> Self {
        self.length = Length::Unfinished;
        self
    }

    pub(crate) fn untold_length(mut self) -> Self {
        self.length = Length::Untold;
        self
    }

    pub(crate) fn then(self, then: Then) -> Fault {
        Fault::from(self).then(then)
    }

    pub(crate) fn early(self) -> Fault {
        Fault::from(self).early()
    }

    /// Returns a fault with these bytes before and after the answer.
    pub(crate) fn between(self, before: &str, after: &str) -> Fault {
        let (before, after) = (before.to_owned(), after.to_owned());
        let says: Bytes =
            Arc::new(move |scene| [before.as_bytes(), &self.bytes(scene), after.as_bytes()].concat());
        Fault { says, then: Then::Stays, early: false }
    }

    fn bytes(&self, scene: &Scene) -> Vec<u8> {
        let mut body = (self.body)(scene);
        let length = match &self.length {
            Length::True => format!("content-length: {}\r\n", body.len()),
            Length::Claimed(length) => format!("content-length: {length}\r\n"),
            Length::Untold => String::new(),
            Length::Unfinished => {
                body = [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n"].concat();
                "transfer-encoding: chunked\r\n".to_owned()
            }
        };
        let Self { status, content_type, headers, .. } = self;
        let headers = scene.fill(headers);
        let head =
            format!("HTTP/1.1 {status} Canary\r\ncontent-type: {content_type}\r\n{headers}{length}\r\n");
        [head.as_bytes(), &body].concat()
    }
}

impl From<HttpResponse> for Fault {
    fn from(answer: HttpResponse) -> Self {
        answer.between("", "")
    }
}
