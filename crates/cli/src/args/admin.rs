//! The commands of an administrator.

use super::REVOKE_HELP;
use super::shared::OutputArgs;
use clap::{Args as ClapArgs, Subcommand, ValueHint};

#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Show the keys of the projects, and which of them this machine made
    #[command(verbatim_doc_comment)]
    List(AdminListArgs),
    /// Delete a key on the server, after a question; it cannot be restored
    #[command(after_help = REVOKE_HELP, verbatim_doc_comment)]
    Revoke(RevokeArgs),
}

impl AdminCommand {
    pub(crate) fn server(&self) -> &AdminServerArgs {
        match self {
            Self::List(args) => &args.server,
            Self::Revoke(args) => &args.server,
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
    /// Which key, by its id, its name or its last four characters
    pub(crate) key: String,
    /// Do not ask: only an id is certain enough then
    #[arg(long)]
    pub(crate) yes: bool,
    /// Never ask; without --yes it fails
    #[arg(long)]
    pub(crate) no_input: bool,
    #[command(flatten)]
    pub(crate) server: AdminServerArgs,
}

// The server, and what every command of an administrator takes.
#[derive(Debug, ClapArgs)]
pub(crate) struct AdminServerArgs {
    /// Project, by its id or its title [default: all of them]
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

#[derive(Debug, Default, ClapArgs)]
pub(crate) struct AdminEndpointArgs {
    /// How long one request may take [default: 30s]
    #[arg(long, value_name = "TIME")]
    pub(crate) http_timeout: Option<String>,
    /// Platform API [default: https://api.openai.com]
    #[arg(long, hide_short_help = true, value_name = "URL")]
    pub(crate) api_base: Option<String>,
    /// Certificates to trust besides the system's [default: the file that CODEX_CA_CERTIFICATE or
    /// SSL_CERT_FILE names]
    #[arg(long, hide_short_help = true, value_name = "PEM", value_hint = ValueHint::FilePath)]
    pub(crate) ca_file: Option<String>,
}
