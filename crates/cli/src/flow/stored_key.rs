//! The key of the profile in the keyring.

use crate::config::Sources;
use crate::error::{CliError, ErrorKind};
use crate::explain::delivery as explain;
use crate::explain::host::instead_of_create_in_keyring;
use crate::flow::context::Context;
use crate::ui::format::profile_flag;
use keymint_delivery_adapter::Keyring;
use keymint_domain::ApiKey;
use keymint_host::ci_system;

pub(crate) async fn find(context: &Context) -> Result<Option<ApiKey>, CliError> {
    let stored = context.patiently(Keyring::get(context.sources.profile.as_str())).await;
    stored.map_err(|error| explain::keyring(&error))
}

/// Returns the key that was [found](find), or the error of a keyring without a key for the profile.
pub(crate) fn require(found: Option<ApiKey>, sources: &Sources<'_>) -> Result<ApiKey, CliError> {
    if let Some(key) = found {
        return Ok(key);
    }
    let profile = &sources.profile;
    let error = CliError::new(ErrorKind::NoKey, format!("the keyring has no key for the profile {profile}"));
    Err(match sources.caller("ci", ci_system)? {
        Some(_) => error.hints_in_lines(instead_of_create_in_keyring(profile)),
        None => error.hint(format!(
            "Create one with `keymint create --keyring{}`, and run this again.",
            profile_flag(profile)
        )),
    })
}
