//! The options of the HTTP client, and the error of its setup.

use crate::answer_log::AnswerLog;
use crate::proxy::ProxySettings;
use crate::roots::ExtraRoots;
use crate::transport::USER_AGENT;
use std::error::Error;
use std::time::Duration;

/// The options of every request.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HttpOptions {
    /// `User-Agent` (RFC 9110 section 10.1.5).
    pub user_agent: String,
    /// The time limit of one request, from the connection to the last byte of the answer.
    pub request_timeout: Duration,
    /// The time limit for opening a connection, including name resolution and TLS.
    pub connect_timeout: Duration,
    /// Certificate authorities to trust in addition to the system's.
    pub extra_roots: ExtraRoots,
    /// The proxy.
    pub proxy: ProxySettings,
    /// The log that records the shapes of all answers. `None` records nothing.
    pub answer_log: Option<AnswerLog>,
}

/// Reads the proxy from the environment.
impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            user_agent: USER_AGENT.to_owned(),
            request_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            extra_roots: ExtraRoots::default(),
            proxy: ProxySettings::from_env(),
            answer_log: None,
        }
    }
}

/// The reason why the HTTP client cannot be set up: an invalid header value as user agent, an invalid proxy, or no
/// usable certificate authorities on this system. The error's source has the details.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up HTTP")]
pub struct HttpSetupError(#[source] BoxError);

impl HttpSetupError {
    pub(crate) fn new(source: impl Into<BoxError>) -> Self {
        Self(source.into())
    }
}

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;
