//! The fault matrix: what a server, or the network before it, can do wrong at each of the five
//! steps, and how the real binary must end. Each cell is one run.
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
//! `each` plays the fault at each request of the step, `once` at the first, and answers well from
//! then on; all other steps are answered well. Each fault of K is also played at the revocation of the refresh
//! token, which must change nothing. So `once` with `0x2` is trouble that is outlived,
//! and with `7x1` or `10x1` a request that is not repeated although that would have helped.

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
