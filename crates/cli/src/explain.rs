//! Converts the errors of the libraries to errors of the command, with a kind and hints.
//!
//! Each function depends on its arguments only. Facts about this machine are arguments.

pub(crate) mod delivery;
pub(crate) mod host;
pub(crate) mod listener;
pub(crate) mod network;
pub(crate) mod provision;
pub(crate) mod rotation;
