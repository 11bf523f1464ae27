//! The random numbers of retries.

use crate::oauth::authorization::AuthorizationGrant;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The random numbers of the retries of one sign-in, or of one administrator.
#[derive(Debug)]
pub(crate) struct Jitter(Mutex<SmallRng>);

impl Jitter {
    pub(crate) fn of(grant: &AuthorizationGrant) -> Self {
        Self::seeded(grant.jitter_seed())
    }

    pub(crate) fn seeded(seed: u64) -> Self {
        Self(Mutex::new(SmallRng::seed_from_u64(seed)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, SmallRng> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
