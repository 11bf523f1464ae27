//! The commands of an administrator.

use super::shared::{DESTINATIONS, DestinationArgs, KeyArgs, OPTIONS, OutputArgs, RestrictionArgs};
use super::{REVOKE_HELP, SERVICE_ACCOUNT_HELP, wrapping};
use clap::{Args as ClapArgs, Subcommand, ValueHint};

#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Show the keys of the projects, and which of them this machine made
    #[command(after_help = "Examples:\n  keymint admin list\n  keymint admin list --project App --json")]
    List(AdminListArgs),
    /// Delete a key on the server, after a question; it cannot be restored
    #[command(after_help = wrapping(REVOKE_HELP))]
    Revoke(RevokeArgs),
    /// Create a service account with a key, for CI and servers
    #[command(after_help = wrapping(SERVICE_ACCOUNT_HELP))]
    ServiceAccount(Box<ServiceAccountArgs>),
}

impl AdminCommand {
    /// Returns the flags for the profile and the output.
    pub(crate) fn flags(&self) -> (&Option<String>, OutputArgs) {
        match self {
            Self::List(AdminListArgs { server }) | Self::Revoke(RevokeArgs { server, .. }) => {
                (&server.profile, server.output)
            }
            Self::ServiceAccount(args) => (&args.destinations.profile, args.output),
        }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct AdminListArgs {
    #[command(flatten)]
    pub(crate) server: AdminServerArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RevokeArgs {
    /// Id, name or last four characters of the key
    pub(crate) key: String,
    /// Do not ask; revoke the key only if KEY is its id
    #[arg(long)]
    pub(crate) yes: bool,
    /// Never prompt; fail without --yes
    #[arg(long)]
    pub(crate) no_input: bool,
    #[command(flatten)]
    pub(crate) server: AdminServerArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ServiceAccountArgs {
    #[command(flatten, next_help_heading = DESTINATIONS)]
    pub(crate) destinations: DestinationArgs,
    /// Project of the account, by its id or its title
    #[arg(long, help_heading = OPTIONS, value_name = "ID|TITLE")]
    pub(crate) project: Option<String>,
    #[command(flatten, next_help_heading = OPTIONS)]
    pub(crate) key: KeyArgs,
    /// Never prompt; fail if input is needed
    #[arg(long)]
    pub(crate) no_input: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) endpoint: AdminEndpointArgs,
    #[command(flatten, next_help_heading = "Restrictions of the key")]
    pub(crate) restrictions: RestrictionArgs,
}

// The server, and what every command of an administrator takes.
#[derive(Debug, ClapArgs)]
pub(crate) struct AdminServerArgs {
    /// Project, by its id or its title [default: all]
    #[arg(long, value_name = "ID|TITLE")]
    pub(crate) project: Option<String>,
    /// Profile of the configuration file
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) endpoint: AdminEndpointArgs,
}

#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct AdminEndpointArgs {
    /// Time limit of one request [default: 30s]
    ///
    /// At most 1h.
    #[arg(long, value_name = "TIME")]
    pub(crate) http_timeout: Option<String>,
    /// Platform API [default: https://api.openai.com]
    #[arg(long, hide_short_help = true, value_name = "URL")]
    pub(crate) api_base: Option<String>,
    /// Certificates to trust in addition to the system's [default: the file that CODEX_CA_CERTIFICATE or
    /// SSL_CERT_FILE names]
    #[arg(long, hide_short_help = true, value_name = "PEM", value_hint = ValueHint::FilePath)]
    pub(crate) ca_file: Option<String>,
}
