//! The sandbox as its clients meet it: over real sockets.

mod client;
mod platform;
mod replies;
mod sign_in;
