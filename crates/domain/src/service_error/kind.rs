//! The kinds of failures.

use crate::service_error::Advice;
use std::fmt;
use std::time::Duration;

/// The kind of a [`ServiceError`](super::ServiceError).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServiceErrorKind {
    /// No byte of the request was sent.
    NotSent(ConnectFailure),
    /// The request may have been sent, and no complete answer came in time.
    TimedOut,
    /// The request may have been sent, and the connection ended before a complete answer.
    Interrupted,
    /// The server answered with a status outside 2xx, or with an error in the body.
    Refused {
        /// The status.
        status: u16,
        /// The time for which the server asks to wait (RFC 9110 section 10.2.3).
        retry_after: Option<Duration>,
    },
    /// An answer with status 4xx that does not have the server's own error format, so its sender is unknown.
    Unidentified {
        /// The status.
        status: u16,
    },
    /// An intermediary answered in place of the server.
    Intercepted {
        /// The intermediary.
        by: Intermediary,
        /// The status of its answer.
        status: u16,
    },
    /// An answer with status 2xx that violates the contract, or is too large.
    OutOfContract,
}

/// An intermediary that answered in place of a server, as its answer identifies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Intermediary {
    /// A bot check that asks for a browser (header `cf-mitigated: challenge`).
    Challenge,
    /// A proxy that asks for credentials (407).
    Proxy,
    /// A captive portal that identifies itself (511, RFC 6585 section 6).
    CaptivePortal,
    /// A redirect, which the contract does not have. A captive portal sends one, or a server that has
    /// moved.
    Redirect,
    /// A web page in place of JSON.
    WebPage,
}

/// The reason why a request could not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectFailure {
    /// The host name has no address.
    Dns,
    /// No server answers at the address.
    Connect,
    /// The certificate is not trusted, or the TLS handshake failed.
    Tls,
    /// The proxy refused the request.
    Proxy,
    /// No connection was established in time.
    TimedOut,
}

impl ConnectFailure {
    /// Returns the suggestion for the user.
    pub fn advice(self) -> Advice {
        match self {
            Self::Dns => Advice::CheckHostName,
            Self::Tls => Advice::CheckTrust,
            Self::Proxy => Advice::CheckProxy,
            Self::Connect | Self::TimedOut => Advice::CheckNetwork,
        }
    }
}

impl ServiceErrorKind {
    /// Returns whether the same request may succeed a little later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NotSent(ConnectFailure::Tls)
            | Self::Unidentified { .. }
            | Self::Intercepted { .. }
            | Self::OutOfContract => false,
            Self::NotSent(_) | Self::TimedOut | Self::Interrupted => true,
            Self::Refused { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
        }
    }

    /// Returns the time for which the server asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Returns whether the session itself was refused, so that no other call will be answered.
    pub(crate) fn ends_the_session(&self) -> bool {
        matches!(self, Self::Refused { status: 401, .. })
    }

    /// Returns whether the server may have executed the request without confirming it. Only a complete 4xx
    /// answer rules that out, and 408 does not: an intermediary may send it. A bot check, a
    /// proxy with 407 and a captive portal with 511 answer before they pass the request on.
    pub(crate) fn leaves_outcome_unknown(&self) -> bool {
        match self {
            Self::NotSent(_)
            | Self::Intercepted {
                by: Intermediary::Challenge | Intermediary::Proxy | Intermediary::CaptivePortal,
                ..
            } => false,
            Self::Refused { status, .. }
            | Self::Unidentified { status }
            | Self::Intercepted { status, .. } => !(400..500).contains(status) || matches!(status, 408 | 425),
            Self::TimedOut | Self::Interrupted | Self::OutOfContract => true,
        }
    }
}

impl fmt::Display for ServiceErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(_) => f.write_str("the server could not be reached"),
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Interrupted => f.write_str("the answer was cut short"),
            Self::Refused { status, .. } => write!(f, "the server answered with status {status}"),
            Self::Unidentified { status } => {
                write!(f, "an unidentified server answered with status {status}")
            }
            Self::Intercepted { by, status } => {
                write!(f, "{by} answered in the server's place, with status {status}")
            }
            Self::OutOfContract => f.write_str("the server sent an unexpected answer"),
        }
    }
}

impl fmt::Display for Intermediary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Challenge => "a bot check",
            Self::Proxy => "a proxy",
            Self::CaptivePortal => "a captive portal",
            Self::Redirect => "a redirect",
            Self::WebPage => "a web page",
        })
    }
}
