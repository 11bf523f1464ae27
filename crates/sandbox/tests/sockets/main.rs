//! The sandbox over real sockets.

mod client;
mod platform;
mod replies;
mod sign_in;
