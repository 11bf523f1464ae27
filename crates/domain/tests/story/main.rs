//! The whole story on fakes, under a clock that the test runs.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod catalogue;
mod choice;
mod provisioning;
mod rounds;
mod support;
