//! The real binary as its users run it, with the sandbox behind real sockets and a simulated or a real browser.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![cfg_attr(windows, expect(dead_code, unused_imports, reason = "many tests are for Unix alone"))]

mod accessibility;
mod admin;
mod agents;
mod browser;
mod catalogue;
mod child_processes;
mod choosing;
mod chromium;
mod clipboard;
mod commands;
#[cfg(unix)]
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
