//! The adapters against real sockets: the requests they send, and the result of every answer.

#![allow(clippy::unwrap_used, reason = "the helpers of tests count as tests too")]

mod admin;
mod bodies;
mod check_answer;
mod check_key;
mod conformance;
mod contract;
mod created_key;
mod error_text;
mod faults;
mod intermediaries;
mod lists;
mod login_lists;
mod preconnect;
mod proxies;
mod redirects;
mod refusals;
mod requests;
mod revocation;
mod server;
mod support;
mod tls;
