//! The commands that sign a user in: `create`, `list`, and the two halves of `create`, `start` and `finish`.

use super::shared::{
    BrowserArgs, DESTINATIONS, DestinationArgs, EndpointArgs, KeyArgs, OPTIONS, OutputArgs, RestrictionArgs,
    ServerTimeoutArgs, TARGET, TargetArgs, TimeoutArgs, UNVERIFIED_RESTRICTIONS,
};
use clap::Args as ClapArgs;

#[derive(Debug, Default, ClapArgs)]
pub(crate) struct CreateArgs {
    #[command(flatten, next_help_heading = DESTINATIONS)]
    pub(crate) destinations: DestinationArgs,
    #[command(flatten, next_help_heading = TARGET)]
    pub(crate) target: TargetArgs,
    #[command(flatten, next_help_heading = OPTIONS)]
    pub(crate) key: KeyArgs,
    #[command(flatten)]
    pub(crate) browser: BrowserArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten, next_help_heading = UNVERIFIED_RESTRICTIONS)]
    pub(crate) restrictions: RestrictionArgs,
    #[command(flatten)]
    pub(crate) timeouts: TimeoutArgs,
    #[command(flatten)]
    pub(crate) endpoints: EndpointArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RotateArgs {
    /// Id, name or last four characters of the key
    ///
    /// [default: the one in use here, else the newest]
    #[arg(value_name = "KEY")]
    pub(crate) key: Option<String>,
    #[command(flatten, next_help_heading = "Where the key goes, in addition to where the old one is")]
    pub(crate) destinations: DestinationArgs,
    #[command(flatten, next_help_heading = OPTIONS)]
    pub(crate) new_key: KeyArgs,
    #[command(flatten)]
    pub(crate) browser: BrowserArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten, next_help_heading = UNVERIFIED_RESTRICTIONS)]
    pub(crate) restrictions: RestrictionArgs,
    #[command(flatten)]
    pub(crate) timeouts: TimeoutArgs,
    #[command(flatten)]
    pub(crate) endpoints: EndpointArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ListArgs {
    /// Profile of the configuration file
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    #[command(flatten)]
    pub(crate) browser: BrowserArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) timeouts: TimeoutArgs,
    #[command(flatten)]
    pub(crate) endpoints: EndpointArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct StartArgs {
    /// Profile of the configuration file
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Time to finish it, at most 1h [default: 15m]
    #[arg(long, value_name = "TIME")]
    pub(crate) sign_in_timeout: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) endpoints: EndpointArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct FinishArgs {
    /// The browser's last URL [default: from standard input]
    pub(crate) url: Option<String>,
    #[command(flatten, next_help_heading = DESTINATIONS)]
    pub(crate) destinations: DestinationArgs,
    #[command(flatten, next_help_heading = TARGET)]
    pub(crate) target: TargetArgs,
    #[command(flatten, next_help_heading = OPTIONS)]
    pub(crate) key: KeyArgs,
    /// Never prompt; fail if input is needed
    #[arg(long)]
    pub(crate) no_input: bool,
    /// Keep the refresh token of the sign-in valid
    ///
    /// Otherwise keymint revokes it at the end.
    #[arg(long)]
    pub(crate) no_revoke: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten, next_help_heading = UNVERIFIED_RESTRICTIONS)]
    pub(crate) restrictions: RestrictionArgs,
    #[command(flatten, next_help_heading = "Timeouts")]
    pub(crate) timeouts: ServerTimeoutArgs,
}
