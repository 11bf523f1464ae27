//! A Model Context Protocol server with which coding agents create API keys for their users without seeing them.
//!
//! An agent calls a tool, the user signs in with the browser as in any other front end, and the key is stored in a
//! dotenv file or in the keyring of the operating system. No tool takes or returns a secret.
//!
//! [`serve`] runs the protocol over two streams. A program usually passes its standard streams ([`stdio`]), its
//! [`Settings`], and a function for the tool `doctor`.
//!
//! A question to the user during a call goes through the client. A client of a protocol revision up to 2025-11-25
//! receives a request. Since revision 2026-07-28, the call returns the question, and the client repeats the call with
//! the answer. Meanwhile the call continues in its own task.
//!
//! A call ends when the client cancels it or disconnects. The callback port is free then, and no key was created.
//! After the creation was requested, the call instead waits for the answer, and delivers the key or stores it for
//! recovery.

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
