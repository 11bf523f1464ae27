//! What can go wrong. Each variant is there because some caller does something different about it.

use crate::event::Observation;
use crate::selection::Target;
use crate::selector::Candidate;
use crate::text::{human_duration, sanitize};
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Longest text of a server that is put into a message, in characters.
const LONGEST_QUOTE: usize = 300;

/// Longest name of an organization or a project in a message, in characters.
const LONGEST_NAME: usize = 80;

/// Why a flow ended without a key in hand.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvisionError {
    /// Nobody came back from the browser.
    #[error("nobody came back from the browser within {}", human_duration(*waited))]
    AuthorizationTimedOut {
        /// How long it was waited for.
        waited: Duration,
    },
    /// The source of the response broke down.
    #[error("the answer of the browser cannot be received")]
    NoResponse(#[source] SourceError),
    /// The person or the authorization server refused (RFC 6749 section 4.1.2.1).
    #[error("the sign-in was refused: {}", denial(error, description.as_deref()))]
    Denied {
        /// The error code, exactly as sent.
        error: String,
        /// The server's explanation, exactly as sent.
        description: Option<String>,
    },
    /// The response had the right state, and neither exactly one code nor exactly one error.
    #[error("the answer of the authorization server is malformed")]
    MalformedResponse,
    /// The response came from another authorization server (RFC 9207 section 2.4).
    #[error("the answer came from another authorization server than the one that was asked")]
    IssuerMismatch,
    /// The time is up, and the last look found no project to make a key in.
    #[error("no default project after {}: {last}", human_duration(*waited))]
    NoDefaultProject {
        /// How long it was waited for.
        waited: Duration,
        /// What the last look saw.
        last: Observation,
    },
    /// What was named is in none of the lists, and they are not empty.
    #[error("there is no {requested}{}", unread_in_words(*unread))]
    NoSuchTarget {
        /// What was named.
        requested: RequestedTarget,
        /// What there is, in the order of preference.
        choices: Vec<Candidate>,
        /// How many lists may have more than was seen of them: it may be there.
        unread: usize,
    },
    /// Several have the title that was named.
    #[error("there is more than one {requested}")]
    Ambiguous {
        /// What was named.
        requested: RequestedTarget,
        /// Those that have this title, in the order of preference.
        choices: Vec<Candidate>,
    },
    /// The creation was asked for, and whether the server did it is not known: a key may exist.
    #[error("a key may have been created, but the answer was lost")]
    OutcomeUnknown {
        /// Where.
        target: Box<Target>,
        /// The key's name, by which it can be found and deleted.
        key_name: String,
        /// What became of the answer.
        #[source]
        cause: ServiceError,
    },
    /// A service could not be reached, refused, or answered outside its contract.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

fn denial(error: &str, description: Option<&str>) -> String {
    match description {
        Some(description) => sanitize(&format!("{error}: {description}"), LONGEST_QUOTE),
        None => sanitize(error, LONGEST_QUOTE),
    }
}

fn unread_in_words(lists: usize) -> String {
    match lists {
        0 => String::new(),
        1 => " in what could be read; one list was not, or not to its end".to_owned(),
        _ => format!(" in what could be read; {lists} lists were not, or not to their end"),
    }
}

/// What a person named, by its id or its title, exactly as they did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestedTarget {
    /// An organization.
    Organization(String),
    /// A project.
    Project(String),
}

impl fmt::Display for RequestedTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (thing, name) = match self {
            Self::Organization(name) => ("organization", name),
            Self::Project(name) => ("project", name),
        };
        write!(f, "{thing} \"{}\"", sanitize(name, LONGEST_NAME))
    }
}

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
    /// The question whether a key works, which no flow asks by itself.
    CheckKey,
}

impl Step {
    /// A stable name, for logs and for machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::ExchangeCode => "exchange_code",
            Self::Login => "login",
            Self::ListOrganizations => "list_organizations",
            Self::ListProjects => "list_projects",
            Self::CreateKey => "create_key",
            Self::CheckKey => "check_key",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ExchangeCode => "exchanging the authorization code",
            Self::Login => "signing in to the platform",
            Self::ListOrganizations => "listing the organizations",
            Self::ListProjects => "listing the projects",
            Self::CreateKey => "creating the key",
            Self::CheckKey => "checking the key",
        })
    }
}

/// What a remote service, or the way to it, did to one request.
///
/// Its text names the step, and in the detail method, URL without query, status and what is safe
/// of the answer. No secret is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceError {
    /// Which request.
    pub step: Step,
    /// What happened to it.
    pub kind: ServiceErrorKind,
    /// The same in words, with the cause. Clean: fit for a person's eyes.
    pub detail: String,
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.step, self.detail)
    }
}

impl Error for ServiceError {}

impl ServiceError {
    /// With this detail, which must be clean.
    pub fn new(step: Step, kind: ServiceErrorKind, detail: impl Into<String>) -> Self {
        Self { step, kind, detail: detail.into() }
    }

    pub(crate) fn out_of_time(step: Step, limit: Duration) -> Self {
        Self::new(step, ServiceErrorKind::TimedOut, format!("no answer within {}", human_duration(limit)))
    }
}

/// What happened to a request.
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
        /// How long the server asks to wait (RFC 9110 section 10.2.3).
        retry_after: Option<Duration>,
    },
    /// An answer with status 2xx came that is not what the contract says, or too large.
    OutOfContract,
}

/// Why a request could not be sent. A front end has a hint for each.
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

impl ServiceErrorKind {
    /// Whether the same request may well succeed a little later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NotSent(ConnectFailure::Tls) | Self::OutOfContract => false,
            Self::NotSent(_) | Self::TimedOut | Self::Interrupted => true,
            Self::Refused { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
        }
    }

    /// How long the server asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the session itself was refused, so that no other call will be answered.
    pub(crate) fn ends_the_session(&self) -> bool {
        matches!(self, Self::Refused { status: 401, .. })
    }

    /// Whether the server may have done what it was asked to do, although it did not say so.
    /// Only a complete 4xx answer says no, and 408 does not: an intermediary may send it.
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

/// Why a [`ResponseSource`](crate::ResponseSource) cannot receive any response.
#[derive(Debug)]
pub struct SourceError(Box<dyn Error + Send + Sync>);

impl SourceError {
    /// With this cause: an error, or a message.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }

    /// The cause that it was made with, for a front end that knows its own sources.
    pub fn cause(&self) -> &(dyn Error + Send + Sync + 'static) {
        self.0.as_ref()
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for SourceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_a_name_for_machines_and_one_for_people() {
        for (step, name, words) in [
            (Step::ExchangeCode, "exchange_code", "exchanging the authorization code"),
            (Step::Login, "login", "signing in to the platform"),
            (Step::ListOrganizations, "list_organizations", "listing the organizations"),
            (Step::ListProjects, "list_projects", "listing the projects"),
            (Step::CreateKey, "create_key", "creating the key"),
            (Step::CheckKey, "check_key", "checking the key"),
        ] {
            assert_eq!((step.name(), step.to_string().as_str()), (name, words));
        }
    }

    #[test]
    fn every_kind_of_failure_has_words() {
        use ServiceErrorKind::{Interrupted, NotSent, OutOfContract, Refused, TimedOut};
        for (kind, words) in [
            (NotSent(ConnectFailure::Dns), "the server could not be reached"),
            (TimedOut, "no answer in time"),
            (Interrupted, "the answer was cut short"),
            (Refused { status: 503, retry_after: None }, "the server answered with status 503"),
            (OutOfContract, "the server's answer makes no sense"),
        ] {
            assert_eq!(kind.to_string(), words);
        }
    }

    #[test]
    fn a_source_that_broke_down_stands_for_its_cause_and_hides_none_below_it() {
        let refused = ServiceError::new(Step::Login, ServiceErrorKind::TimedOut, "no");
        let cause = ProvisionError::NoResponse(SourceError::new(refused));
        let source = SourceError::new(cause);
        assert_eq!(source.to_string(), "the answer of the browser cannot be received");
        assert_eq!(source.source().unwrap().to_string(), "signing in to the platform failed: no");
        assert!(SourceError::new("a message").source().is_none());
    }
}
