//! The flow from a grant to a key: requests through the ports, by the rules of `policy`.

pub(crate) mod admin;
pub(crate) mod catalogue;
pub(crate) mod error;
pub(crate) mod flow;
pub(crate) mod inventory;
pub(crate) mod jitter;
pub(crate) mod lists;
pub(crate) mod plan;
pub(crate) mod provisioner;
pub(crate) mod request_runner;
pub(crate) mod revocation;
pub(crate) mod rotation;
pub(crate) mod search;
