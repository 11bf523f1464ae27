//! Ends the program between any two steps, or takes a resource away from it, with each destination. Afterwards the
//! key is at its destination or in the recovery directory, no key exists, or the next run reports that one may
//! exist.
//!
//! `cargo test --all-features --test kills` prints the whole tables.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(target_os = "linux")]

mod create;
mod destination;
mod failures;
mod finish;
mod harness;
mod order;
mod recover;
mod rotate;
mod service_account;
mod signals;
mod table;
mod verdict;
