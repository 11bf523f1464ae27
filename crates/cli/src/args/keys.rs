//! The commands for existing keys.

use super::admin::AdminEndpointArgs;
use super::shared::{DestinationArgs, OPTIONS, OutputArgs};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args as ClapArgs, ValueHint};
use keymint_delivery_adapter::ExportFormat;
use std::ffi::OsString;

#[derive(Debug, ClapArgs)]
pub(crate) struct RecoverArgs {
    /// Id of the key in the list; optional if there is only one
    pub(crate) id: Option<String>,
    #[command(flatten, next_help_heading = "Where the key goes (without any, the keys are listed)")]
    pub(crate) destinations: DestinationArgs,
    /// Delete the file that has it
    #[arg(long, help_heading = OPTIONS)]
    pub(crate) delete: bool,
    /// Delete it without a question
    #[arg(long, help_heading = OPTIONS, requires = "delete")]
    pub(crate) yes: bool,
    /// Never prompt; fail if input is needed
    #[arg(long, help_heading = OPTIONS)]
    pub(crate) no_input: bool,
    #[command(flatten, next_help_heading = OPTIONS)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct StatusArgs {
    /// Ask the platform whether the key in use works
    #[arg(long)]
    pub(crate) verify: bool,
    /// Show all keys of this machine, not only the newest
    #[arg(long)]
    pub(crate) all: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// Which of the stored keys [default: default]
    ///
    /// The name is also that of the profile in the configuration file.
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RunArgs {
    /// Variable of the command [default: OPENAI_API_KEY]
    #[arg(long, value_name = "NAME")]
    pub(crate) var: Option<String>,
    /// Which of the stored keys [default: default]
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Replace the key in what the command prints by [redacted]
    #[arg(long)]
    pub(crate) mask: bool,
    /// Never prompt; fail without a stored key
    #[arg(long)]
    pub(crate) no_input: bool,
    /// Print one JSON object if the command cannot start
    #[arg(long)]
    pub(crate) json: bool,
    /// The command and its arguments
    #[arg(
        trailing_var_arg = true,
        required = true,
        value_name = "CMD",
        value_hint = ValueHint::CommandWithArguments
    )]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ImportArgs {
    #[command(flatten, next_help_heading = "Where the key goes (standard output alone is not enough)")]
    pub(crate) destinations: DestinationArgs,
    /// Name on this machine [default: imported YYYY-MM-DD]
    #[arg(long, help_heading = OPTIONS)]
    pub(crate) name: Option<String>,
    /// Ask the platform whether the key works
    ///
    /// The exit code stays the same.
    #[arg(long, help_heading = OPTIONS)]
    pub(crate) verify: bool,
    /// Never prompt; fail if input is needed
    #[arg(long, help_heading = OPTIONS)]
    pub(crate) no_input: bool,
    #[command(flatten, next_help_heading = OPTIONS)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ExportArgs {
    /// The shell or tool that reads the line
    #[arg(long, value_parser = export_format(), default_value = ExportFormat::default().name())]
    pub(crate) format: ExportFormat,
    /// Name of the variable [default: OPENAI_API_KEY]
    #[arg(long, value_name = "NAME")]
    pub(crate) var: Option<String>,
    /// Which of the stored keys [default: default]
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Print it even if a coding agent keeps it in its transcript
    #[arg(long)]
    pub(crate) print: bool,
    /// Print one JSON object when there is nothing to print otherwise
    #[arg(long)]
    pub(crate) json: bool,
}

fn export_format() -> impl TypedValueParser<Value = ExportFormat> {
    let names = PossibleValuesParser::new(ExportFormat::ALL.map(ExportFormat::name));
    names.map(|name| ExportFormat::parse(&name).expect("it is one of the names"))
}

#[derive(Debug, ClapArgs)]
#[command(group = ArgGroup::new("server")
    .args(["http_timeout", "api_base", "ca_file"])
    .multiple(true)
    .requires("revoke"))]
pub(crate) struct ForgetArgs {
    /// Which of the stored keys [default: default]
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Print the removed key as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// Delete the key on the server first
    ///
    /// With the admin key in OPENAI_ADMIN_KEY, and after a question.
    #[arg(long)]
    pub(crate) revoke: bool,
    /// Project, by its id or its title [default: all]
    #[arg(long, value_name = "ID|TITLE", requires = "revoke")]
    pub(crate) project: Option<String>,
    /// Do not ask
    ///
    /// With --revoke, only if this machine has a record of the key.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Never prompt; fail without --yes
    #[arg(long)]
    pub(crate) no_input: bool,
    #[command(flatten)]
    pub(crate) endpoint: AdminEndpointArgs,
}
