//! The options of the built-in sandbox.

use super::values::{port_number, wait};
use clap::{ArgAction, Args as ClapArgs};
use std::time::Duration;

#[derive(Debug, ClapArgs)]
pub(crate) struct SandboxArgs {
    /// Port of the authorization server; the API has the next one [default: free ones]
    #[arg(long, value_name = "PORT", value_parser = port_number)]
    pub(crate) port: Option<u16>,
    /// How many organizations the account has; the first has the default project
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(..=1000))]
    pub(crate) organizations: u16,
    /// The default project appears this long after the login
    #[arg(long, value_name = "TIME", value_parser = wait)]
    pub(crate) ready_after: Option<Duration>,
    /// Each answer comes this late
    #[arg(long, value_name = "TIME", value_parser = wait)]
    pub(crate) latency: Option<Duration>,
    /// Refuse every sign-in, without showing the page
    #[arg(long, action = ArgAction::SetTrue)]
    pub(crate) refuse: bool,
}
