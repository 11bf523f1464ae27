//! A provisioner and its session, which every step of a flow shares.

use crate::event::{Observer, no_observer};
use crate::oauth::account::AccountEmail;
use crate::oauth::authorization::AuthorizationGrant;
use crate::provisioning::plan::{Plan, Ports};
use crate::secret::SessionKey;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Gets keys: the ports, what is planned, and the observer of one flow or of several.
///
/// [`provision`](Self::provision) goes the whole way. A front end that asks the user something in
/// between takes the steps one by one: [`sign_in`](Self::sign_in), then
/// [`wait_for_target`](Self::wait_for_target) or a choice from
/// [`wait_for_targets`](Self::wait_for_targets), then [`create_key`](Self::create_key).
#[derive(Clone, Copy)]
pub struct Provisioner<'a> {
    pub(crate) ports: Ports<'a>,
    pub(crate) plan: &'a Plan,
    pub(crate) observer: Observer<'a>,
}

impl<'a> Provisioner<'a> {
    /// A provisioner that nobody observes.
    pub fn new(ports: Ports<'a>, plan: &'a Plan) -> Self {
        Self { ports, plan, observer: &no_observer }
    }

    /// Reports the [events](crate::Event) of every step to `observer`.
    pub fn observed_by(self, observer: Observer<'a>) -> Self {
        Self { observer, ..self }
    }

    /// The same with another plan, as when the user has chosen an organization meanwhile.
    pub fn with_plan<'b>(&self, plan: &'b Plan) -> Provisioner<'b>
    where
        'a: 'b,
    {
        Provisioner { plan, ..*self }
    }
}

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
