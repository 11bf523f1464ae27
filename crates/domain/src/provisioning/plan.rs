//! The ports and the plan of a flow.

use crate::clock::Clock;
use crate::platform::new_key::NewKey;
use crate::policy::polling::PollPolicy;
use crate::policy::selector::TargetSelector;
use crate::ports::{AuthServer, PlatformApi};
use std::num::NonZeroUsize;
use std::time::Duration;

/// The time that a call has beyond the adapter's own limit.
const AFTER_THE_ADAPTER: Duration = Duration::from_secs(1);

/// The pauses between checks of a new or a deleted key. A change may take some seconds to reach all of the server.
pub(crate) const LOOK_PAUSES: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// The adapters of one flow.
#[derive(Clone, Copy)]
pub struct Ports<'a> {
    /// The authorization server.
    pub auth_server: &'a dyn AuthServer,
    /// The platform.
    pub platform: &'a dyn PlatformApi,
    /// The clock.
    pub clock: &'a dyn Clock,
}

/// The key to create, and the limits of the flow.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Plan {
    /// The application that the platform session is for.
    pub app: String,
    /// The key.
    pub key: NewKey,
    /// The organization and the project.
    pub selector: TargetSelector,
    /// True to skip the search for the project if the response to the login determines the target. The lists would
    /// lead to the same target, two or more requests later.
    pub shortcut: bool,
    /// The intervals and the time limit of the search for the project.
    pub polling: PollPolicy,
    /// The time limits of the requests.
    pub timeouts: Timeouts,
    /// The maximum number of concurrent list requests after that of the preferred organization. A
    /// response that there are too many requests halves it for the rest of the search.
    pub width: NonZeroUsize,
}

impl Plan {
    /// Plans a key of this name in the default project, with the values of the Codex CLI.
    pub fn named(key_name: impl Into<String>) -> Self {
        Self {
            app: "api".to_owned(),
            key: NewKey::named(key_name),
            selector: TargetSelector::default(),
            shortcut: true,
            polling: PollPolicy::default(),
            timeouts: Timeouts::default(),
            width: NonZeroUsize::new(8).expect("8 is not 0"),
        }
    }
}

/// The time limits of the code exchange, the login and the creation. Requests for lists are limited by the remaining
/// time of the search for the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// The limit of one call of the three. It is a little longer than the adapter's own limit, since the
    /// adapter's error is more precise.
    pub call: Duration,
    /// The limit of each of the three with all its retries. A call is retried only if at least `call` is
    /// left.
    pub step: Duration,
    /// The limit of the three together with all their retries. After it, each remaining request is sent
    /// once without retries. The search for the project and questions to the user do not count.
    pub total: Duration,
}

impl Timeouts {
    /// Returns limits for an adapter with this request timeout: a step may take three timeouts, all steps together
    /// five.
    pub fn for_requests(timeout: Duration) -> Self {
        let call = timeout.saturating_add(AFTER_THE_ADAPTER);
        Self { call, step: call.saturating_mul(3), total: call.saturating_mul(5) }
    }
}

impl Default for Timeouts {
    /// Returns limits for a request timeout of 30 s, the default of the HTTP adapter.
    fn default() -> Self {
        Self::for_requests(Duration::from_secs(30))
    }
}
