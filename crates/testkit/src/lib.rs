//! The driver of every test and measurement of the built command. It starts the program in a home directory of its own,
//! plays the browser, and collects the output and the files of the program.
//!
//! A [`Launch`] is a program that is not yet started, a [`Running`] is a running program, and an [`Ended`] is a program
//! that has ended. [`create`] runs a whole sign-in against a sandbox, on a [`Machine`] of its own, and [`Running::end`]
//! checks the invariants of every run.
//!
//! Any failure or hang panics, and fails the test.
//!
//! Like the sandbox, the driver is written from the description of the protocol, and shares no code with the client.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod authority;
mod canary;
mod ended;
mod http;
mod invariants;
#[cfg(target_os = "linux")]
mod keyring;
mod launch;
mod machine;
mod relay;
mod running;
mod script;
mod strace;
mod terminal;
mod time;

pub use authority::{Authority, acceptor, authority, certificate_for, showing};
pub use canary::Canaries;
pub use ended::Ended;
pub use http::{connect, free_port, get, is_free, send};
pub use invariants::steers_a_terminal;
#[cfg(target_os = "linux")]
pub use keyring::Session;
pub use launch::{Launch, full_disk};
pub use machine::{Machine, SignIn, create};
pub use relay::{Counts, Relay, Shows};
#[cfg(target_os = "linux")]
pub use running::{Memory, limit};
pub use running::{Running, browse};
pub use script::{Scripts, before_the_search_path, script};
pub use strace::{Attached, Strace, skipped};
pub use terminal::{BESIDE_A_TERMINAL, ON_A_TERMINAL, Terminal};
pub use time::{until, watch};
