//! The sources in which a program that is started here finds a key.

use crate::config::Profile;
use crate::error::CliError;
use crate::flow::context::Context;
use crate::ui::format::{own_path, profile_flag};
use crate::ui::json;
use keymint_delivery_adapter::{EnvFile, EnvFileErrorKind, Keyring, KeyringError, VariableName};
use keymint_domain::ApiKey;
use std::path::{Path, PathBuf};
use std::{env, fmt};

/// The name of the file that programs read in their current directory.
const ENV_FILE: &str = ".env";

const NO_KEY: &str = "its value is not a key";

/// A source with its key, or with the reason why it has none.
pub(crate) struct FoundKey {
    pub(crate) source: KeySource,
    pub(crate) key: Result<ApiKey, String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum KeySource {
    Variable(String),
    EnvFile(PathBuf),
    Keyring { profile: Profile },
}

/// Finds the sources that contain a value, in their order of precedence.
pub(crate) async fn find(context: &Context) -> Result<Vec<FoundKey>, CliError> {
    let variable = context.sources.key_variable(&None)?;
    let mut found = Vec::new();
    found.extend(in_environment(&variable));
    found.extend(in_file(Path::new(ENV_FILE), &variable));
    found.extend(in_keyring(context).await);
    Ok(found)
}

fn in_environment(variable: &VariableName) -> Option<FoundKey> {
    let value = env::var_os(variable.as_str()).filter(|value| !value.is_empty())?;
    let key = value.into_string().ok().and_then(|value| ApiKey::parse(value).ok());
    Some(FoundKey {
        source: KeySource::Variable(variable.as_str().to_owned()),
        key: key.ok_or_else(|| NO_KEY.to_owned()),
    })
}

fn in_file(path: &Path, variable: &VariableName) -> Option<FoundKey> {
    let source = KeySource::EnvFile(std::path::absolute(path).ok()?);
    let key = match EnvFile::find_key(path, variable) {
        Ok(key) => Ok(key?),
        Err(error) if matches!(error.kind, EnvFileErrorKind::NotAKey) => Err(NO_KEY.to_owned()),
        Err(error) => Err(error.to_string()),
    };
    Some(FoundKey { source, key })
}

async fn in_keyring(context: &Context) -> Option<FoundKey> {
    let profile = &context.sources.profile;
    let key = match context.patiently(Keyring::get(profile.as_str())).await {
        Ok(key) => Ok(key?),
        // A build without the keyring has no key in it.
        Err(KeyringError::NotBuiltIn) => return None,
        Err(error) => Err(error.to_string()),
    };
    Some(FoundKey { source: KeySource::Keyring { profile: profile.clone() }, key })
}

impl FoundKey {
    /// Returns the last four characters of the key.
    pub(crate) fn last_four(&self) -> Option<&str> {
        self.key.as_ref().ok().map(ApiKey::last_four)
    }

    pub(crate) fn json(&self) -> json::FoundKey<'_> {
        let (variable, profile) = match &self.source {
            KeySource::Variable(name) => (Some(name.as_str()), None),
            KeySource::EnvFile(_) => (None, None),
            KeySource::Keyring { profile } => (None, Some(profile.as_str())),
        };
        let problem = self.key.as_ref().err().map(String::as_str);
        json::FoundKey { place: self.source.name(), variable, profile, last4: self.last_four(), problem }
    }
}

impl KeySource {
    /// Returns its name, as destinations are named.
    fn name(&self) -> String {
        match self {
            Self::Variable(_) => "environment".to_owned(),
            Self::EnvFile(path) => format!("{}{}", EnvFile::ID_PREFIX, path.display()),
            Self::Keyring { .. } => "keyring".to_owned(),
        }
    }

    /// Returns the programs that read it.
    pub(crate) fn who(&self) -> Option<String> {
        match self {
            Self::Variable(_) => None,
            Self::EnvFile(_) => Some(
                "Only programs that load such files use it, and a variable that is set takes precedence."
                    .to_owned(),
            ),
            Self::Keyring { profile } => Some(format!(
                "Only programs started by `keymint run{} -- CMD` get it.",
                profile_flag(profile)
            )),
        }
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "{name} in the environment"),
            Self::EnvFile(path) => f.write_str(&own_path(path)),
            Self::Keyring { profile } => write!(f, "the keyring (profile {profile})"),
        }
    }
}
