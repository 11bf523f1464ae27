//! The settings of `keymint import`.

use super::create::Destinations;
use super::sign_in::SignInSettings;
use super::sources::Sources;
use crate::args::values::plain_name;
use crate::args::{BrowserArgs, EndpointArgs, ImportArgs, TimeoutArgs};
use crate::error::CliError;
use keymint_delivery_adapter::wall_clock;

/// The settings of the delivery of an imported key.
pub(crate) struct ImportSettings {
    /// The servers that check the key, and the other settings of a sign-in.
    pub(crate) sign_in: SignInSettings,
    /// The name of the key on this machine, if the user chose one.
    pub(crate) name: Option<String>,
    pub(crate) destinations: Destinations,
    pub(crate) verify: bool,
}

impl ImportSettings {
    pub(crate) fn resolve(args: &ImportArgs, of: &Sources<'_>) -> Result<Self, CliError> {
        let browser = BrowserArgs { no_input: args.no_input, ..BrowserArgs::default() };
        let (timeouts, endpoints) = (TimeoutArgs::default(), EndpointArgs::default());
        let destinations = Destinations::resolve(&args.destinations, of)?;
        if !destinations.elsewhere() {
            return Err(CliError::usage("an imported key needs a destination: --env-file or --keyring"));
        }
        Ok(Self {
            sign_in: SignInSettings::resolve(&browser, &timeouts, &endpoints, of)?,
            name: of.get("name", &args.name, plain_name)?,
            destinations,
            verify: of.switch("verify", args.verify)?,
        })
    }

    pub(crate) fn default_name() -> String {
        format!("imported {}", &wall_clock::utc_now()[.."2026-11-27".len()])
    }
}
