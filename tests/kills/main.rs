//! Ends the program between any two steps, or takes from it what it needs, with each destination:
//! the key is where it was wanted, or in the recovery folder, or there is none, or the next run says
//! that it may exist.
//!
//! Each table is shown whole by `cargo test --all-features --test kills`.

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
