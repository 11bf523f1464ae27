//! The sources in which programs started here find a key.

use crate::error::CliError;
use crate::flow::context::Context;
use crate::ui::format::{own_path, profile_flag};
use crate::ui::json;
use keymint_delivery_adapter::{FoundKey, KeySource};
use std::path::absolute;

/// The name of the file that programs read in their working directory.
const ENV_FILE: &str = ".env";

/// Finds the sources that contain a value, in their order of precedence.
pub(crate) async fn find(context: &Context) -> Result<Vec<FoundKey>, CliError> {
    let variable = context.sources.key_variable(&None)?;
    let mut found = Vec::new();
    found.extend(FoundKey::in_environment(&variable));
    found.extend(absolute(ENV_FILE).ok().and_then(|path| FoundKey::in_file(path, &variable)));
    found.extend(context.patiently(FoundKey::in_keyring(&context.sources.profile)).await);
    Ok(found)
}

pub(super) fn json(found: &FoundKey) -> json::FoundKey<'_> {
    let (kind, path, variable, profile) = match &found.source {
        KeySource::Variable(name) => ("environment", None, Some(name.as_str()), None),
        KeySource::EnvFile(path, name) => {
            ("env_file", Some(path.to_string_lossy()), Some(name.as_str()), None)
        }
        KeySource::Keyring(profile) => ("keyring", None, None, Some(profile.as_str())),
    };
    let problem = found.key.as_ref().err().map(String::as_str);
    json::FoundKey { kind, path, variable, profile, last4: found.last_four(), problem }
}

/// Describes a source.
pub(super) fn describe(source: &KeySource) -> String {
    match source {
        KeySource::Variable(name) => format!("{} in the environment", name.as_str()),
        KeySource::EnvFile(path, _) => own_path(path),
        KeySource::Keyring(profile) => format!("the keyring (profile {profile})"),
    }
}

/// Returns the programs that read a source.
pub(super) fn readers(source: &KeySource) -> Option<String> {
    match source {
        KeySource::Variable(_) => None,
        KeySource::EnvFile(..) => Some(
            "Only programs that load such files use it, and a variable that is set takes precedence."
                .to_owned(),
        ),
        KeySource::Keyring(profile) => {
            Some(format!("Only programs started by `keymint run{} -- CMD` get it.", profile_flag(profile)))
        }
    }
}
