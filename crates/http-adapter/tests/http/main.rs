//! The adapters against real sockets: the requests they send, and the result of every answer.

#![allow(clippy::unwrap_used, reason = "the helpers of tests count as tests too")]

mod answers;
mod check_answer;
mod check_key;
mod conformance;
mod faults;
mod lists;
mod login_lists;
mod preconnect;
mod proxies;
mod redirects;
mod requests;
mod server;
mod support;
mod tls;
