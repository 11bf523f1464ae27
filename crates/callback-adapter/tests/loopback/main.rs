//! The listener over real sockets, with a client of raw bytes, since an HTTP library would not send the
//! requests that must be refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "a test that was skipped says so")]

mod crowds;
mod one_time_link;
mod page;
mod ports;
mod requests;
mod self_test;
mod support;
mod warnings;
