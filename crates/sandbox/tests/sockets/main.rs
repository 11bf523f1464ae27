//! The sandbox over real sockets.

mod admin;
mod client;
mod platform;
mod replies;
mod sign_in;
