//! Whole flows on fakes, with a clock that the test runs.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod admin;
mod authorize;
mod catalogue;
mod delivery;
mod once;
mod policies;
mod provisioning;
mod revocation;
mod rotation;
mod rounds;
mod selector;
mod shortcut;
mod support;
mod trouble;
mod waiting;
