//! A session on the platform.

use crate::oauth::account::AccountEmail;
use crate::oauth::authorization::AuthorizationGrant;
use crate::secret::SessionKey;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A signed-in person's session on the platform. Good for one key.
#[derive(Debug)]
pub struct Session {
    pub(crate) key: SessionKey,
    pub(crate) jitter: Jitter,
    /// What is left of the plan's total time.
    pub(crate) time_left: Duration,
    pub(crate) account: Option<AccountEmail>,
}

impl Session {
    /// Whose account it is, where the authorization server said so: for the person who signed in to
    /// see, and for nobody else.
    pub fn account(&self) -> Option<&AccountEmail> {
        self.account.as_ref()
    }
}

/// The random numbers of one sign-in's retries.
#[derive(Debug)]
pub(crate) struct Jitter(Mutex<SmallRng>);

impl Jitter {
    pub(crate) fn of(grant: &AuthorizationGrant) -> Self {
        Self(Mutex::new(SmallRng::seed_from_u64(grant.jitter_seed())))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, SmallRng> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
