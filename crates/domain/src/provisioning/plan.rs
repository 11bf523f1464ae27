//! What one flow is to do, and with what.

use crate::clock::Clock;
use crate::policy::polling::PollPolicy;
use crate::policy::selector::TargetSelector;
use crate::ports::{AuthServer, PlatformApi};
use std::num::NonZeroUsize;
use std::time::Duration;

/// How much longer a call may take than the adapter's own limit.
const AFTER_THE_ADAPTER: Duration = Duration::from_secs(1);

/// The adapters of one flow.
#[derive(Clone, Copy)]
pub struct Ports<'a> {
    /// The authorization server.
    pub auth_server: &'a dyn AuthServer,
    /// The platform.
    pub platform: &'a dyn PlatformApi,
    /// The time.
    pub clock: &'a dyn Clock,
}

/// What to do, and how patiently.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Plan {
    /// The application that the platform session is for.
    pub app: String,
    /// The key's name, which the dashboard shows. Give each key its own: a lost one is found by it.
    pub key_name: String,
    /// Which organization and project.
    pub selector: TargetSelector,
    /// How often and how long to look for the project.
    pub polling: PollPolicy,
    /// How long the requests may take.
    pub timeouts: Timeouts,
    /// How many lists, after that of the preferred organization, are asked for at once. An answer
    /// that there are too many requests halves it for the rest of the search.
    pub width: NonZeroUsize,
}

impl Plan {
    /// The plan for a key of this name: the default project, with the values of the Codex CLI.
    pub fn named(key_name: impl Into<String>) -> Self {
        Self {
            app: "api".to_owned(),
            key_name: key_name.into(),
            selector: TargetSelector::default(),
            polling: PollPolicy::default(),
            timeouts: Timeouts::default(),
            width: NonZeroUsize::new(8).expect("8 is not 0"),
        }
    }
}

/// How long the code exchange, the login and the creation may take. A list has the time that is left
/// for looking for the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// How long each of the three may take to answer. A little longer than the adapter's own limit,
    /// whose error can say more.
    pub call: Duration,
    /// How long each of the three may take with all its retries. None of them is sent again where less
    /// than `call` is left.
    pub step: Duration,
    /// How long the three may take together with all their retries. When it is up, what is due is
    /// still sent once, and nothing is sent again. Looking for the project and asking the user have
    /// times of their own.
    pub total: Duration,
}

impl Timeouts {
    /// Time for three requests in a step and five in all, with an adapter that gives each this long.
    pub fn for_requests(timeout: Duration) -> Self {
        let call = timeout.saturating_add(AFTER_THE_ADAPTER);
        Self { call, step: call.saturating_mul(3), total: call.saturating_mul(5) }
    }
}

impl Default for Timeouts {
    /// For requests of at most 30 s, as the HTTP adapter has them by default.
    fn default() -> Self {
        Self::for_requests(Duration::from_secs(30))
    }
}
