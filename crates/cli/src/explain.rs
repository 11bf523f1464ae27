//! Turns the errors of the libraries into errors of the command, with a kind and hints.
//!
//! Each function depends on its arguments alone: what has to be looked up on this machine is an argument.

pub(crate) mod delivery;
pub(crate) mod host;
pub(crate) mod listener;
pub(crate) mod network;
pub(crate) mod provision;
pub(crate) mod rotation;
