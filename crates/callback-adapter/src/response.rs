//! HTTP responses: a status, a page, and always the same headers.

use crate::page;
use crate::paths;
use crate::verdict::Verdict;
use futures_util::{Stream, StreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use std::convert::Infallible;

pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

impl Verdict {
    fn status(self) -> StatusCode {
        match self {
            Self::Redirected | Self::Received => StatusCode::SEE_OTHER,
            Self::Unusable | Self::BadRequest | Self::ForeignState => StatusCode::BAD_REQUEST,
            Self::OtherBrowser | Self::NotANavigation => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::OtherMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::OpenedBefore | Self::TooLate => StatusCode::GONE,
            Self::Misdirected { .. } => StatusCode::MISDIRECTED_REQUEST,
            Self::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        }
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = response(self.status(), Full::from(page::verdict(self)).boxed_unsync());
        match self {
            Self::Received => {
                response.headers_mut().insert(header::LOCATION, HeaderValue::from_static(paths::OUTCOME));
            }
            Self::OtherMethod => {
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
            }
            _ => {}
        }
        response
    }

    /// Returns the response as bytes, for a client that sent bytes that are not a request.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        let page = page::verdict(self);
        let fields: String = HEADERS.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("HTTP/1.1 {}\r\n{fields}content-length: {}\r\n\r\n{page}", self.status(), page.len())
            .into_bytes()
    }
}

/// Returns a redirect to this location that also sets a cookie.
pub(crate) fn redirect(location: HeaderValue, cookie: HeaderValue) -> Response<Body> {
    let mut response = Verdict::Redirected.into_response();
    response.headers_mut().insert(header::LOCATION, location);
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}

/// Returns the response to the listener's own probe.
pub(crate) fn plain(text: &str) -> Response<Body> {
    response(StatusCode::OK, Full::from(text.to_owned()).boxed_unsync())
}

/// Returns a response that sends each part of a page as soon as the part is ready.
pub(crate) fn streamed(parts: impl Stream<Item = String> + Send + 'static) -> Response<Body> {
    let body = StreamBody::new(parts.map(|part| Ok(Frame::data(Bytes::from(part)))));
    response(StatusCode::OK, BodyExt::boxed_unsync(body))
}

fn response(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.extend(HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}

/// The headers of every response. They forbid to store, frame, embed or sniff the page, and to send a referrer from
/// it. The page runs no script, and contains its style and its icon.
const HEADERS: [(HeaderName, &str); 8] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CONTENT_SECURITY_POLICY, page::CONTENT_SECURITY_POLICY),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::CONNECTION, "close"),
];
