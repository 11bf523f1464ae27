//! The commands that show how things are, or how they would be.

use super::shared::EndpointArgs;
use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
pub(crate) struct DoctorArgs {
    /// Profile of the configuration file
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Print the findings as one JSON object, too
    #[arg(long)]
    pub(crate) json: bool,
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
