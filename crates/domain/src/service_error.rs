//! The failures of one request.

mod advice;
mod kind;
mod reason;
mod step;

pub use advice::Advice;
pub use kind::{ConnectFailure, Intermediary, ServiceErrorKind};
pub use reason::Reason;
pub use step::Step;

use crate::text::human_duration;
use std::time::Duration;

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
    /// A description with the cause. It has no control characters, so it is safe to display.
    pub detail: String,
    /// The error code that came with a refusal, such as `insufficient_quota` or `invalid_grant`.
    pub code: Option<Box<str>>,
    /// The type of error that came with a refusal, such as `invalid_request_error`.
    pub error_type: Option<Box<str>>,
    /// The proxy through which the request was sent, or was to be sent.
    pub proxy: Option<Box<ProxyInUse>>,
    /// The probable reason of a refused creation, by what is known of the target.
    pub(crate) expected: Option<Reason>,
}

/// A proxy, as displayed to the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyInUse {
    /// The URL without user name and password.
    pub url: String,
    /// The setting that names it, such as an environment variable.
    pub setting: String,
}

impl ServiceError {
    /// Creates an error with this detail, which must not contain control characters.
    pub fn new(step: Step, kind: ServiceErrorKind, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { step, kind, detail, code: None, error_type: None, proxy: None, expected: None }
    }

    /// Adds the proxy through which the request was sent, or was to be sent.
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

    /// Returns the reason, which a program can act on.
    pub fn reason(&self) -> Reason {
        Reason::of(self)
    }

    /// Returns the suggestion for the user.
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
            (Step::ListOrganizations, "list_organizations", OutOfContract, "sent an unexpected answer"),
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
