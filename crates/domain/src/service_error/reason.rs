//! The reason of a failure, which a program can act on.

use crate::service_error::{ConnectFailure, Intermediary, ServiceError, ServiceErrorKind};

/// The reason of a [`ServiceError`]. It follows from the status, the headers and the error codes of the
/// answer, and from what is known of the target, never from the wording of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The host name has no address.
    Dns,
    /// No server answers at the address.
    Connect,
    /// The certificate is not trusted, or the TLS handshake failed.
    Tls,
    /// A proxy refused the request, or requires credentials.
    Proxy,
    /// A bot check in front of the platform requires a browser.
    Challenge,
    /// A captive portal, or another server on the way, answered in place of the platform.
    Portal,
    /// The request was refused, and the answer does not show by which server.
    Unidentified,
    /// There was no connection, or no complete answer, in time.
    Timeout,
    /// The connection ended before the answer was complete.
    Interrupted,
    /// The platform does not serve the country or region that the request comes from.
    Country,
    /// The settings of the organization or the project do not allow the key.
    Policy,
    /// The account's role in the organization does not allow it.
    Role,
    /// The account was not set up on the platform's web site.
    NotOnboarded,
    /// The account has no credit.
    Quota,
    /// There were too many requests.
    RateLimit,
    /// The credentials of the request are invalid, or no longer valid.
    Unauthorized,
    /// The request is not allowed. The cause is not known.
    Forbidden,
    /// The platform does not have an item that the request names.
    NotFound,
    /// The request was refused. The cause is not known.
    Rejected,
    /// The server has a problem.
    Unavailable,
    /// The answer violates the contract.
    OutOfContract,
}

impl Reason {
    /// Returns a stable name for logs and programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Proxy => "proxy",
            Self::Challenge => "challenge",
            Self::Portal => "portal",
            Self::Unidentified => "unidentified",
            Self::Timeout => "timeout",
            Self::Interrupted => "interrupted",
            Self::Country => "country",
            Self::Policy => "policy",
            Self::Role => "role",
            Self::NotOnboarded => "not_onboarded",
            Self::Quota => "quota",
            Self::RateLimit => "rate_limit",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Rejected => "rejected",
            Self::Unavailable => "unavailable",
            Self::OutOfContract => "out_of_contract",
        }
    }

    pub(super) fn of(error: &ServiceError) -> Self {
        match error.kind {
            ServiceErrorKind::NotSent(ConnectFailure::Dns) => Self::Dns,
            ServiceErrorKind::NotSent(ConnectFailure::Connect) => Self::Connect,
            ServiceErrorKind::NotSent(ConnectFailure::Tls) => Self::Tls,
            ServiceErrorKind::NotSent(ConnectFailure::Proxy) => Self::Proxy,
            ServiceErrorKind::NotSent(ConnectFailure::TimedOut) | ServiceErrorKind::TimedOut => Self::Timeout,
            ServiceErrorKind::Interrupted => Self::Interrupted,
            ServiceErrorKind::Intercepted { by: Intermediary::Challenge, .. } => Self::Challenge,
            ServiceErrorKind::Intercepted { by: Intermediary::Proxy, .. } => Self::Proxy,
            ServiceErrorKind::Intercepted {
                by: Intermediary::CaptivePortal | Intermediary::Redirect | Intermediary::WebPage,
                ..
            } => Self::Portal,
            ServiceErrorKind::Unidentified { .. } => Self::of_code(error).unwrap_or(Self::Unidentified),
            ServiceErrorKind::Refused { status, .. } => {
                Self::of_code(error).unwrap_or_else(|| Self::of_refusal(error, status))
            }
            ServiceErrorKind::OutOfContract => Self::OutOfContract,
        }
    }

    fn of_code(error: &ServiceError) -> Option<Self> {
        let has =
            |code: &str| [&error.code, &error.error_type].into_iter().flatten().any(|own| **own == *code);
        if has("unsupported_country_region_territory") || has("request_forbidden") {
            Some(Self::Country)
        } else {
            has("insufficient_quota").then_some(Self::Quota)
        }
    }

    fn of_refusal(error: &ServiceError, status: u16) -> Self {
        match status {
            401 => Self::Unauthorized,
            408 => Self::Timeout,
            429 => Self::RateLimit,
            425 | 500..=599 => Self::Unavailable,
            400..=499 if error.step.creates_key() => Self::of_refused_key(error, status),
            403 => Self::Forbidden,
            404 => Self::NotFound,
            200..=299 | 400..=499 => Self::Rejected,
            _ => Self::OutOfContract,
        }
    }

    /// Returns the reason of a refused creation. The platform sends no error code if a policy is the reason.
    fn of_refused_key(error: &ServiceError, status: u16) -> Self {
        match (error.expected, status) {
            (_, 404) => Self::NotFound,
            (Some(expected), 403) => expected,
            (None, 403) => Self::Forbidden,
            // The request itself is valid, so a policy refuses its content.
            _ => Self::Policy,
        }
    }
}
