//! A request as the sandbox received it.

use std::borrow::Cow;
use std::fmt;

/// One of the two services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The authorization server, at [`Sandbox::issuer`](crate::Sandbox::issuer).
    AuthServer,
    /// The platform API, at [`Sandbox::api_base`](crate::Sandbox::api_base).
    PlatformApi,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AuthServer => "authorization server",
            Self::PlatformApi => "platform API",
        })
    }
}

/// A request as the sandbox received it, and the status of its response.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Request {
    /// The service that received it.
    pub origin: Origin,
    /// The method, in upper case.
    pub method: String,
    /// The path as sent, not decoded.
    pub path: String,
    /// The query's pairs, decoded, in order.
    pub query: Vec<(String, String)>,
    /// The headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, not decoded.
    pub body: Vec<u8>,
    /// The status of the response, which may not be sent yet. `None` if the connection was closed instead.
    pub status: Option<u16>,
}

impl Request {
    /// Returns the value of a header (name in lower case), if it occurs exactly once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(candidate, _)| candidate == name);
        let (_, value) = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// Returns the body as text. Bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(candidate, _)| candidate == name)
    }

    /// Returns the token of `Authorization: Bearer …` (RFC 6750 section 2.1).
    pub(crate) fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    /// Returns whether the body is declared as this media type, with or without a charset.
    pub(crate) fn is_of_type(&self, media_type: &str) -> bool {
        let Some(value) = self.header("content-type") else { return false };
        let (essence, parameter) = value.split_once(';').unwrap_or((value, ""));
        let parameter = parameter.trim().to_ascii_lowercase();
        essence.trim().eq_ignore_ascii_case(media_type)
            && (parameter.is_empty() || parameter.starts_with("charset="))
    }
}
