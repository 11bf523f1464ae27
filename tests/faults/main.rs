//! The fault matrix: faults of a server or the network at each of the five steps, and the required end of the real
//! binary. Each cell is one run.
//!
//! A row reads
//!
//! ```text
//! //    T     S     O     P     K
//! each("7x1   7x3   7x2+  7x2+  10x1", "503", status(503)),
//! ```
//!
//! T is the token exchange, S the login, which opens a session, O the list of organizations, P that
//! of projects, K the creation of the key. `7x3` is exit code 7 after three requests of that step.
//! `7x2+` is after at least two: the step is tried until the project time-out, which is short in
//! such a run. `-` is no run.
//!
//! `each` plays the fault at each request of the step, `once` only at the first. All other requests get good
//! answers. Each fault of K is also played at the revocation of the refresh token, where it must change nothing. So
//! `once` with `0x2` is a fault that the run survives, and with `7x1` or `10x1` a request that is not repeated
//! although a repetition would have succeeded.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod body;
mod fault;
mod lists;
mod matrix;
mod run;
mod server;
mod status;
mod tls;
mod transport;
