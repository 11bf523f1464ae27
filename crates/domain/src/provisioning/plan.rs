//! What one flow is to do, and with what.

use crate::clock::Clock;
use crate::policy::polling::PollPolicy;
use crate::policy::selector::TargetSelector;
use crate::ports::{AuthServer, PlatformApi};
use std::num::NonZeroUsize;
use std::time::Duration;

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
    /// How long the code exchange, the login and the creation may each take to answer. A little
    /// longer than the adapter's own limit, whose error can say more. A list has the time that is
    /// left for looking.
    pub call_timeout: Duration,
    /// How long each of the three may take with all its tries. None of them is sent again where less
    /// than `call_timeout` is left.
    pub step_timeout: Duration,
    /// How long the three may take together with all their tries. When it is up, what is due is
    /// still sent once, and nothing is sent again. Looking for the project and asking a person have
    /// times of their own.
    pub total_timeout: Duration,
    /// How many lists, after that of the preferred organization, are asked for at once. An answer
    /// that there are too many requests halves it for the rest of the search.
    pub width: NonZeroUsize,
}

impl Plan {
    /// The default plan for a key of this name.
    pub fn named(key_name: impl Into<String>) -> Self {
        Self { key_name: key_name.into(), ..Self::default() }
    }
}

impl Default for Plan {
    /// The values of the Codex CLI, and time for nearly three calls in a step and five in all.
    fn default() -> Self {
        Self {
            app: "api".to_owned(),
            key_name: "Codex CLI".to_owned(),
            selector: TargetSelector::default(),
            polling: PollPolicy::default(),
            call_timeout: Duration::from_secs(31),
            step_timeout: Duration::from_secs(90),
            total_timeout: Duration::from_secs(150),
            width: NonZeroUsize::new(8).expect("8 is not 0"),
        }
    }
}
