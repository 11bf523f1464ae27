//! The commands that show the state of the machine and the settings.

use super::shared::EndpointArgs;
use clap::{Args as ClapArgs, ValueHint};
use std::path::PathBuf;

#[derive(Debug, Default, ClapArgs)]
pub(crate) struct DoctorArgs {
    /// Profile of the configuration file
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Also print the findings as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// Write a report for an issue, without secrets
    ///
    /// It also has no ids, names and paths.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) report: Option<PathBuf>,
    /// Sign in, and check the servers' answers
    ///
    /// They are compared with what keymint expects. No key is created.
    #[arg(long, requires = "report")]
    pub(crate) sign_in: bool,
    /// Replace the file of the report
    #[arg(long, requires = "report")]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) endpoints: EndpointArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ConfigArgs {
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// The profile of the file to show [default: default]
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
}
