//! A Model Context Protocol server by which coding agents get API keys for their users, and never see them.
//!
//! An agent calls a tool; the user signs in with the browser, as with any other front end; the key goes into a
//! dotenv file or the keyring of the operating system. No tool takes or returns a secret.
//!
//! [`serve`] speaks the protocol over two streams, which for a program are its standard streams
//! ([`stdio`]). The program hands in its [`Settings`], and a function for the tool `doctor`.
//!
//! A question to the user in the middle of a call goes to the client. A client of the revisions up to 2025-11-25 is
//! sent a request. Since 2026-07-28 the call returns with the question, and the client repeats it with the answer;
//! meanwhile the work goes on in a task of its own.
//!
//! A call ends when the client cancels it, and when the client disappears: the callback port is free then, and no
//! key was created. Once the creation is requested, it is waited for, and its key is delivered or kept.

#![warn(missing_debug_implementations)]

// In reading order: each module imports only those after it.
mod server;
mod create_key;
mod list_targets;
mod key_status;
mod recover_key;
mod sign_in;
mod destination;
mod roots;
mod call;
mod dialog;
mod output;
mod failure;
mod messages;
mod settings;

pub use rmcp::transport::io::stdio_pipes as stdio;
pub use server::{ServeError, serve};
pub use settings::Settings;
