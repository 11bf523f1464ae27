//! Options that several commands share.

use crate::ui::output::{OutputFormat, Verbosity};
use clap::{Args as ClapArgs, ValueHint};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;

// The new key. (A doc comment would become the command's description.)
#[derive(Debug, Default, ClapArgs)]
pub(crate) struct KeyArgs {
    /// Name of the key in the dashboard
    ///
    /// [default: keymint USER@HOST YYYY-MM-DD xxxx]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Do everything but the creation
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Ask the platform whether the new key works
    ///
    /// The exit code stays the same.
    #[arg(long)]
    pub(crate) verify: bool,
}

/// The heading of the restrictions at the dashboard's API.
pub(super) const UNVERIFIED_RESTRICTIONS: &str =
    "Restrictions of the key (the names of these fields are not verified)";

// The names of these fields in the dashboard's API are not verified, so they are sent only if they are given.
#[derive(Debug, Default, ClapArgs)]
pub(crate) struct RestrictionArgs {
    /// Time until the key expires, such as 90d
    ///
    /// At most 365d. Restrictions are sent as the platform's Admin API names them. A warning follows if the
    /// answer does not confirm them.
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<String>,
    /// Permission, such as api.model.read; repeatable
    ///
    /// Without it the key has all permissions that you have.
    #[arg(long, value_name = "NAME")]
    pub(crate) scope: Vec<String>,
    /// Restrict the key to reading
    ///
    /// The same as --scope api.all.read.
    #[arg(long, conflicts_with = "scope")]
    pub(crate) read_only: bool,
}

// The browser and its redirect.
#[derive(Debug, Default, ClapArgs)]
pub(crate) struct BrowserArgs {
    /// Do not open a browser; only show the URL
    #[arg(long)]
    pub(crate) no_browser: bool,
    /// Command that starts the browser
    ///
    /// A one-time URL of this machine, which leads to the one that is shown, replaces %s, or is the last
    /// argument. The default is the command in BROWSER, else the system's browser.
    #[arg(long, value_name = "CMD", conflicts_with = "no_browser")]
    pub(crate) browser: Option<String>,
    /// Do not listen; paste the browser's last URL
    #[arg(long)]
    pub(crate) no_listen: bool,
    /// Never prompt; fail if input is needed
    #[arg(long)]
    pub(crate) no_input: bool,
    /// Keep the refresh token of the sign-in valid
    ///
    /// Otherwise keymint revokes it at the end.
    #[arg(long)]
    pub(crate) no_revoke: bool,
}

#[derive(Debug, Clone, Copy, Default, ClapArgs)]
pub(crate) struct OutputArgs {
    /// Print one JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
    /// Report progress as JSON, one object a line
    #[arg(long)]
    pub(crate) events: bool,
    /// Show only the URL, warnings and errors
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Show each step and its time
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

impl From<OutputArgs> for OutputFormat {
    fn from(OutputArgs { json, events, quiet, verbose }: OutputArgs) -> Self {
        let verbosity = match (quiet, verbose) {
            (true, _) => Verbosity::Quiet,
            (false, true) => Verbosity::Verbose,
            (false, false) => Verbosity::Normal,
        };
        Self { json, events, verbosity }
    }
}

/// The heading of the [`DestinationArgs`] of a command that creates a key.
pub(super) const DESTINATIONS: &str = "Where the key goes (standard output, unless you choose)";

// The command sets the heading, since the destination without any of these options depends on the command.
#[derive(Debug, Default, ClapArgs)]
pub(crate) struct DestinationArgs {
    /// Put it into a dotenv file [PATH: .env]
    #[arg(long, value_name = "PATH", num_args = 0..=1, default_missing_value = ".env", value_hint = ValueHint::FilePath)]
    pub(crate) env_file: Option<OsString>,
    /// Variable in the file [default: OPENAI_API_KEY]
    #[arg(long, value_name = "NAME")]
    pub(crate) var: Option<String>,
    /// Replace another value in the file or keyring
    #[arg(long)]
    pub(crate) force: bool,
    /// Accept a file that git tracks
    #[arg(long)]
    pub(crate) allow_tracked: bool,
    /// Put it into the keyring of this system
    #[arg(long)]
    pub(crate) keyring: bool,
    /// Replace a key that the keyring has, as --force does
    #[arg(long, hide = true)]
    pub(crate) new: bool,
    /// Profile of the settings and the keyring
    ///
    /// It names a table of the configuration file, and the place in the keyring [default: default].
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Give it to a command on standard input
    ///
    /// For example to 'pass insert -m openai'.
    #[arg(long, value_name = "CMD", value_hint = ValueHint::CommandString)]
    pub(crate) pipe_to: Option<String>,
    /// Put it on the clipboard
    ///
    /// Without another destination, keymint also keeps it in a private file.
    #[arg(long)]
    pub(crate) copy: bool,
    /// Print it as well
    #[arg(long)]
    pub(crate) print: bool,
}

impl DestinationArgs {
    /// Returns whether a flag names a destination, whatever the environment says.
    pub(crate) fn name_a_place(&self) -> bool {
        self.env_file.is_some() || self.keyring || self.pipe_to.is_some() || self.copy || self.print
    }
}

/// The heading of the options after those with a heading of their own.
pub(crate) const OPTIONS: &str = "Options";

/// The heading of the [`TargetArgs`].
pub(super) const TARGET: &str = "Where the key is made (your default project, unless you choose)";

#[derive(Debug, Default, ClapArgs)]
pub(crate) struct TargetArgs {
    /// Organization, by its id or its title
    #[arg(long, value_name = "ID|TITLE")]
    pub(crate) organization: Option<String>,
    /// Project, by its id or its title
    ///
    /// It need not be the default one.
    #[arg(long, value_name = "ID|TITLE")]
    pub(crate) project: Option<String>,
    /// Pick from lists
    #[arg(long, conflicts_with_all = ["organization", "project"])]
    pub(crate) choose: bool,
    /// Always request the lists
    ///
    /// Even if the login's answer already names the default project.
    #[arg(long)]
    pub(crate) no_shortcut: bool,
}

#[derive(Debug, Default, ClapArgs)]
#[command(next_help_heading = "Timeouts (at most 1h; a number without a unit counts seconds)")]
pub(crate) struct TimeoutArgs {
    /// Wait for the browser [default: 15m]
    #[arg(long, value_name = "TIME")]
    pub(crate) sign_in_timeout: Option<String>,
    #[command(flatten)]
    pub(crate) servers: ServerTimeoutArgs,
    /// Look for the project this often [default: soon at first, then ever later]
    #[arg(long, hide_short_help = true, value_name = "TIME")]
    pub(crate) poll_interval: Option<String>,
}

#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct ServerTimeoutArgs {
    /// Wait for the default project [default: 60s]
    #[arg(long, value_name = "TIME")]
    pub(crate) project_timeout: Option<String>,
    /// Time limit of one request [default: 30s]
    #[arg(long, value_name = "TIME")]
    pub(crate) http_timeout: Option<String>,
}

/// The heading of the [`EndpointArgs`], which only the help of `create` shows.
pub(super) const ENDPOINTS: &str = "Endpoints, for other deployments and for the sandbox";

#[derive(Debug, Clone, Default, Serialize, Deserialize, ClapArgs)]
#[command(next_help_heading = ENDPOINTS)]
pub(crate) struct EndpointArgs {
    /// Authorization server [default: https://auth.openai.com]
    #[arg(long, hide_short_help = true, value_name = "URL")]
    pub(crate) issuer: Option<String>,
    /// Platform API [default: https://api.openai.com]
    #[arg(long, hide_short_help = true, value_name = "URL")]
    pub(crate) api_base: Option<String>,
    /// OAuth client id [default: that of OpenAI's Codex CLI]
    #[arg(long, hide_short_help = true, value_name = "ID")]
    pub(crate) client_id: Option<String>,
    /// OAuth audience [default: https://api.openai.com/v1]
    #[arg(long, hide_short_help = true)]
    pub(crate) audience: Option<String>,
    /// OAuth scope [default: "openid email profile offline_access"]
    #[arg(long, hide_short_help = true, value_name = "SCOPE")]
    pub(crate) oauth_scope: Option<String>,
    /// Application that the platform session is opened for [default: api]
    #[arg(long, hide_short_help = true)]
    pub(crate) app: Option<String>,
    /// Port on this machine that the browser comes back to [default: 5000]
    #[arg(long, hide_short_help = true, value_name = "PORT")]
    pub(crate) callback_port: Option<String>,
    /// Certificates to trust in addition to the system's [default: the file that CODEX_CA_CERTIFICATE or
    /// SSL_CERT_FILE names]
    #[arg(long, hide_short_help = true, value_name = "PEM", value_hint = ValueHint::FilePath)]
    pub(crate) ca_file: Option<String>,
}
