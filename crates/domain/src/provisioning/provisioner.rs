//! What every step of a flow shares.

use crate::event::{Observer, no_observer};
use crate::provisioning::plan::{Plan, Ports};

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
