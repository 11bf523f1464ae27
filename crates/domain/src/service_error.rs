//! The failures of one request.

mod advice;
mod reason;

pub use advice::Advice;
pub use reason::Reason;

use crate::text::human_duration;
use std::fmt;
use std::time::Duration;

/// One request of the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// The token request.
    ExchangeCode,
    /// The onboarding login.
    Login,
    /// The list of organizations.
    ListOrganizations,
    /// The list of an organization's projects.
    ListProjects,
    /// The creation of the key.
    CreateKey,
    /// The check of a key, which no flow does by itself.
    CheckKey,
    /// The check of the answer of a server, which no flow does by itself.
    CheckServer,
    /// The revocation of the refresh token, whose failure ends no flow.
    RevokeToken,
}

impl Step {
    /// A stable name, for logs and for programs.
    pub fn name(self) -> &'static str {
        self.words().0
    }

    /// Its name for programs, and its description for people.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::ExchangeCode => ("exchange_code", "exchanging the authorization code"),
            Self::Login => ("login", "signing in to the platform"),
            Self::ListOrganizations => ("list_organizations", "listing the organizations"),
            Self::ListProjects => ("list_projects", "listing the projects"),
            Self::CreateKey => ("create_key", "creating the key"),
            Self::CheckKey => ("check_key", "checking the key"),
            Self::CheckServer => ("check_server", "checking the server"),
            Self::RevokeToken => ("revoke_token", "revoking the refresh token"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words().1)
    }
}

/// The failure of one request, at a remote service or on the way to it.
///
/// Its text names the step. The detail has the method, the URL without its query, the status and the safe
/// part of the answer. It contains no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{step} failed: {detail}")]
#[non_exhaustive]
pub struct ServiceError {
    /// The request.
    pub step: Step,
    /// The kind of failure.
    pub kind: ServiceErrorKind,
    /// A description with the cause. It has no control characters, so it can be shown.
    pub detail: String,
    /// The error code that came with a refusal, such as `insufficient_quota` or `invalid_grant`.
    pub code: Option<Box<str>>,
    /// The type of error that came with a refusal, such as `invalid_request_error`.
    pub error_type: Option<Box<str>>,
    /// The proxy by which the server was to be reached.
    pub proxy: Option<Box<ProxyInUse>>,
    /// The reason of a refused creation, as far as it follows from what is known of the target.
    pub(crate) expected: Option<Reason>,
}

/// A proxy, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyInUse {
    /// The URL without user name and password.
    pub url: String,
    /// The setting that names it, such as an environment variable.
    pub setting: String,
}

impl ServiceError {
    /// An error with this detail, which must have no control characters.
    pub fn new(step: Step, kind: ServiceErrorKind, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { step, kind, detail, code: None, error_type: None, proxy: None, expected: None }
    }

    /// Adds the proxy by which the server was to be reached.
    pub fn with_proxy(self, proxy: Option<ProxyInUse>) -> Self {
        Self { proxy: proxy.map(Box::new), ..self }
    }

    /// Adds the error code of the refusal, if it is an identifier of at most 64 characters: `A`-`Z`,
    /// `a`-`z`, `0`-`9`, `_` and `.`.
    pub fn with_code(self, code: &str) -> Self {
        Self { code: identifier(code), ..self }
    }

    /// Adds the type of error of the refusal, if it is an identifier such as a [code](Self::with_code).
    pub fn with_error_type(self, error_type: &str) -> Self {
        Self { error_type: identifier(error_type), ..self }
    }

    /// Returns the reason, by which a program can decide what to do.
    pub fn reason(&self) -> Reason {
        Reason::of(self)
    }

    /// The suggestion for the user.
    pub fn advice(&self) -> Advice {
        Advice::after(self)
    }

    pub(crate) fn out_of_time(step: Step, limit: Duration) -> Self {
        Self::new(step, ServiceErrorKind::TimedOut, format!("no answer within {}", human_duration(limit)))
    }
}

fn identifier(text: &str) -> Option<Box<str>> {
    let is_identifier = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
    ((1..=64).contains(&text.len()) && is_identifier).then(|| text.into())
}

/// The kind of a [`ServiceError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServiceErrorKind {
    /// No byte of it was sent.
    NotSent(ConnectFailure),
    /// It may have been sent, and no whole answer came in time.
    TimedOut,
    /// It may have been sent, and the connection ended before a whole answer.
    Interrupted,
    /// The server answered with a status outside 2xx, or with an error in the body.
    Refused {
        /// The status.
        status: u16,
        /// The time for which the server asks to wait (RFC 9110 section 10.2.3).
        retry_after: Option<Duration>,
    },
    /// An answer with status 4xx came that is no error of the server's own form, so its sender is unknown.
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
    /// An answer with status 2xx came that violates the contract, or is too large.
    OutOfContract,
}

/// An intermediary that answers in place of a server, by what shows it.
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
    /// Nothing answers at the address.
    Connect,
    /// No trusted connection: the certificate, or the TLS handshake.
    Tls,
    /// The proxy did not let it through.
    Proxy,
    /// No connection in time.
    TimedOut,
}

impl ConnectFailure {
    /// The suggestion for the user.
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

    /// The time for which the server asks to wait.
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
            Self::OutOfContract => f.write_str("the server's answer makes no sense"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_a_step_and_words() {
        use ServiceErrorKind::{Interrupted, NotSent, OutOfContract, Refused, TimedOut, Unidentified};
        let unreachable = "the server could not be reached";
        let intercepted = |by, status| ServiceErrorKind::Intercepted { by, status };
        for (step, name, kind, words) in [
            (Step::Login, "login", NotSent(ConnectFailure::Dns), unreachable),
            (Step::ListProjects, "list_projects", TimedOut, "no answer in time"),
            (Step::CreateKey, "create_key", Refused { status: 429, retry_after: None }, "status 429"),
            (Step::CheckKey, "check_key", Interrupted, "the answer was cut short"),
            (Step::ListOrganizations, "list_organizations", OutOfContract, "makes no sense"),
            (
                Step::Login,
                "login",
                Unidentified { status: 403 },
                "an unidentified server answered with status 403",
            ),
            (
                Step::ExchangeCode,
                "exchange_code",
                intercepted(Intermediary::Challenge, 403),
                "a bot check answered in the server's place, with status 403",
            ),
            (
                Step::Login,
                "login",
                intercepted(Intermediary::WebPage, 200),
                "a web page answered in the server's place, with status 200",
            ),
        ] {
            assert_eq!(step.name(), name);
            assert!(kind.to_string().ends_with(words), "{kind}");
        }
    }

    #[test]
    fn a_code_is_an_identifier() {
        let error = ServiceError::new(Step::Login, ServiceErrorKind::TimedOut, "");
        let coded = error.clone().with_code("insufficient_quota").with_error_type("server_error");
        assert_eq!(coded.code.as_deref(), Some("insufficient_quota"));
        assert_eq!(coded.error_type.as_deref(), Some("server_error"));
        for bad in ["", "sk-proj-1", "[redacted]", "a b", "\u{1b}", &"x".repeat(65)] {
            let error = error.clone().with_code(bad).with_error_type(bad);
            assert_eq!((error.code, error.error_type), (None, None), "{bad:?}");
        }
    }
}
