//! The provisioner and the session, which all steps of a flow share.

use crate::event::{Observer, no_observer};
use crate::oauth::account::AccountEmail;
use crate::platform::listing::Listing;
use crate::platform::login::LoginOrganization;
use crate::provisioning::jitter::Jitter;
use crate::provisioning::plan::{Plan, Ports};
use crate::provisioning::request_runner::RequestRunner;
use crate::secret::SessionKey;
use std::time::Duration;

/// Creates keys through the ports, by a plan, and reports to an observer.
///
/// [`provision`](Self::provision) runs the whole flow. A front end that asks the user in between calls
/// the steps: [`sign_in`](Self::sign_in), then [`wait_for_target`](Self::wait_for_target) or a choice
/// from [`wait_for_targets`](Self::wait_for_targets), then [`create_key`](Self::create_key).
#[derive(Clone, Copy)]
pub struct Provisioner<'a> {
    pub(crate) ports: Ports<'a>,
    pub(crate) plan: &'a Plan,
    pub(crate) observer: Observer<'a>,
}

impl<'a> Provisioner<'a> {
    /// Creates a provisioner without an observer.
    pub fn new(ports: Ports<'a>, plan: &'a Plan) -> Self {
        Self { ports, plan, observer: &no_observer }
    }

    /// Reports the [events](crate::Event) of every step to `observer`.
    pub fn observed_by(self, observer: Observer<'a>) -> Self {
        Self { observer, ..self }
    }

    /// Replaces the plan, for example after the user has chosen an organization.
    pub fn with_plan<'b>(&self, plan: &'b Plan) -> Provisioner<'b>
    where
        'a: 'b,
    {
        Provisioner { plan, ..*self }
    }

    pub(crate) fn runner<'b>(&self, jitter: &'b Jitter) -> RequestRunner<'b>
    where
        'a: 'b,
    {
        let Self { ports, plan, observer } = *self;
        RequestRunner { clock: ports.clock, observer, timeouts: plan.timeouts, jitter }
    }
}

/// The session of a signed-in user on the platform. Valid for one key.
#[derive(Debug)]
pub struct Session {
    pub(crate) key: SessionKey,
    /// The organizations in the response to the login.
    pub(crate) organizations: Listing<LoginOrganization>,
    pub(crate) jitter: Jitter,
    /// The remainder of the plan's total time.
    pub(crate) time_left: Duration,
    pub(crate) account: Option<AccountEmail>,
}

impl Session {
    /// Returns the account's e-mail address, if the authorization server sent it. Show it only to the
    /// user who signed in.
    pub fn account(&self) -> Option<&AccountEmail> {
        self.account.as_ref()
    }
}
