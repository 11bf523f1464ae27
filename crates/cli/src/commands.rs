//! One module for each command.

pub(crate) mod admin;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod create;
#[cfg(feature = "sandbox")]
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod finish;
pub(crate) mod forget;
pub(crate) mod import;
pub(crate) mod list;
#[cfg(feature = "mcp")]
pub(crate) mod mcp;
pub(crate) mod recover;
pub(crate) mod rotate;
pub(crate) mod run;
#[cfg(feature = "sandbox")]
pub(crate) mod sandbox;
pub(crate) mod start;
pub(crate) mod status;
