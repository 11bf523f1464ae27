//! The failures of one request.

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
    pub code: Option<String>,
}

impl ServiceError {
    /// An error with this detail, which must have no control characters.
    pub fn new(step: Step, kind: ServiceErrorKind, detail: impl Into<String>) -> Self {
        Self { step, kind, detail: detail.into(), code: None }
    }

    /// Adds the error code of the refusal, if it is an identifier of at most 64 characters: `A`-`Z`,
    /// `a`-`z`, `0`-`9`, `_` and `.`.
    pub fn with_code(self, code: &str) -> Self {
        let is_identifier =
            code.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
        let code = ((1..=64).contains(&code.len()) && is_identifier).then(|| code.to_owned());
        Self { code, ..self }
    }

    /// The suggestion for the user.
    pub fn advice(&self) -> Advice {
        use ServiceErrorKind::{Interrupted, NotSent, OutOfContract, Refused, TimedOut};
        match (self.kind, self.step) {
            (NotSent(failure), _) => failure.advice(),
            (TimedOut, _) => Advice::WaitLonger,
            (Refused { status: 429, .. }, _) => Advice::SlowDown,
            (Refused { status: 500..=599, .. }, _) => Advice::TryLater,
            (Refused { .. }, Step::CheckKey) => Advice::CheckKeyPermissions,
            (Refused { .. }, Step::ExchangeCode) | (Refused { status: 401, .. }, _) => Advice::SignInAgain,
            (Refused { .. }, Step::Login) => Advice::UseAnotherAccount,
            (Refused { .. }, _) => Advice::CheckRole,
            (Interrupted | OutOfContract, _) => Advice::CheckEndpoints,
        }
    }

    pub(crate) fn out_of_time(step: Step, limit: Duration) -> Self {
        Self::new(step, ServiceErrorKind::TimedOut, format!("no answer within {}", human_duration(limit)))
    }
}

/// A suggestion for the user after a [`ServiceError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Advice {
    /// Check the network connection and the host name.
    CheckHostName,
    /// Check the trusted certificates, and the clock.
    CheckTrust,
    /// Check the proxy's URL and credentials.
    CheckProxy,
    /// Check the network connection, a firewall, and whether a proxy is needed.
    CheckNetwork,
    /// Check the network connection, or wait longer for an answer.
    WaitLonger,
    /// Wait a few minutes: there were too many requests.
    SlowDown,
    /// Try later: the server has a problem.
    TryLater,
    /// Check the permissions of the key.
    CheckKeyPermissions,
    /// Sign in again.
    SignInAgain,
    /// Sign in with another account.
    UseAnotherAccount,
    /// Check the account's role in the organization.
    CheckRole,
    /// Check the URLs of the servers, and whether a proxy answers in their place.
    CheckEndpoints,
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
    /// A whole answer came, with a status outside 2xx.
    Refused {
        /// The status.
        status: u16,
        /// The time for which the server asks to wait (RFC 9110 section 10.2.3).
        retry_after: Option<Duration>,
    },
    /// An answer with status 2xx came that violates the contract, or is too large.
    OutOfContract,
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
            Self::NotSent(ConnectFailure::Tls) | Self::OutOfContract => false,
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
    /// answer rules that out, and 408 does not: an intermediary may send it.
    pub(crate) fn leaves_outcome_unknown(&self) -> bool {
        match self {
            Self::NotSent(_) => false,
            Self::Refused { status, .. } => !(400..500).contains(status) || matches!(status, 408 | 425),
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
            Self::OutOfContract => f.write_str("the server's answer makes no sense"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_a_step_words_and_advice() {
        use ServiceErrorKind::{Interrupted, NotSent, OutOfContract, Refused, TimedOut};
        let refused = |status| Refused { status, retry_after: None };
        let unreachable = "the server could not be reached";
        for (step, name, kind, words, advice) in [
            (Step::Login, "login", NotSent(ConnectFailure::Dns), unreachable, Advice::CheckHostName),
            (Step::Login, "login", NotSent(ConnectFailure::Tls), unreachable, Advice::CheckTrust),
            (Step::Login, "login", NotSent(ConnectFailure::Proxy), unreachable, Advice::CheckProxy),
            (Step::Login, "login", NotSent(ConnectFailure::TimedOut), unreachable, Advice::CheckNetwork),
            (Step::ListProjects, "list_projects", TimedOut, "no answer in time", Advice::WaitLonger),
            (Step::ExchangeCode, "exchange_code", refused(429), "status 429", Advice::SlowDown),
            (Step::CheckKey, "check_key", refused(503), "status 503", Advice::TryLater),
            (Step::CheckKey, "check_key", refused(403), "status 403", Advice::CheckKeyPermissions),
            (Step::ExchangeCode, "exchange_code", refused(400), "status 400", Advice::SignInAgain),
            (Step::CreateKey, "create_key", refused(401), "status 401", Advice::SignInAgain),
            (Step::Login, "login", refused(403), "status 403", Advice::UseAnotherAccount),
            (Step::CreateKey, "create_key", refused(403), "status 403", Advice::CheckRole),
            (Step::Login, "login", Interrupted, "the answer was cut short", Advice::CheckEndpoints),
            (
                Step::ListOrganizations,
                "list_organizations",
                OutOfContract,
                "makes no sense",
                Advice::CheckEndpoints,
            ),
        ] {
            assert_eq!((step.name(), ServiceError::new(step, kind, "no").advice()), (name, advice), "{kind}");
            assert!(kind.to_string().ends_with(words), "{kind}");
        }
    }

    #[test]
    fn a_code_is_an_identifier() {
        let error = ServiceError::new(Step::Login, ServiceErrorKind::TimedOut, "");
        assert_eq!(error.clone().with_code("insufficient_quota").code.as_deref(), Some("insufficient_quota"));
        for bad in ["", "sk-proj-1", "[redacted]", "a b", "\u{1b}", &"x".repeat(65)] {
            assert_eq!(error.clone().with_code(bad).code, None, "{bad:?}");
        }
    }
}
