//! The product as its users meet it: the real binary, the sandbox behind real sockets, and a
//! browser, played or real.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod admin;
mod agents;
mod browser;
mod catalogue;
mod child_processes;
mod choosing;
mod chromium;
mod clipboard;
mod commands;
mod completions;
mod config;
mod core_dumps;
mod create;
mod doctor;
mod documents;
mod env_file;
mod export;
mod failures;
mod headless;
mod import;
mod integrations;
mod json;
mod keyring;
mod live_platform;
mod mask;
mod mcp;
mod memory;
mod oidc_provider;
mod outbound_hosts;
mod paste;
mod picture;
mod pipe;
mod proxies_and_cas;
mod recovery;
mod report;
mod restrictions;
mod revocation;
mod rotate;
mod screens;
mod secrets_in_memory;
mod shortcut;
mod signals;
mod sources;
mod status;
mod stdio;
mod strays;
mod support;
mod terminals;
mod two_steps;
