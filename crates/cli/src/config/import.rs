//! The settings of the delivery of a key that the user gives.

use super::create::Destinations;
use super::sign_in::SignInSettings;
use super::sources::Sources;
use crate::args::values::plain_text;
use crate::args::{BrowserArgs, EndpointArgs, ImportArgs, TimeoutArgs};
use crate::error::CliError;
use keymint_delivery_adapter::wall_clock;

/// The settings of the delivery of a key that the user gives.
pub(crate) struct ImportSettings {
    /// The servers that the key is checked at.
    pub(crate) sign_in: SignInSettings,
    /// The name of the key on this machine.
    pub(crate) name: String,
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
        let today = &wall_clock::utc_now()[.."2026-11-27".len()];
        let name = of.get("name", &args.name, plain_text)?;
        Ok(Self {
            sign_in: SignInSettings::resolve(&browser, &timeouts, &endpoints, of)?,
            name: name.unwrap_or_else(|| format!("imported {today}")),
            destinations,
            verify: of.switch("verify", args.verify)?,
        })
    }
}
