//! The keys that programs find in their usual sources.

use crate::{EnvFile, EnvFileErrorKind, Keyring, KeyringError, Profile, VariableName};
use keymint_domain::ApiKey;
use std::env;
use std::path::PathBuf;

const NO_KEY: &str = "its value is not a key";

/// A source of a key, with the key or the reason why there is no key.
#[derive(Debug)]
pub struct FoundKey {
    /// The source.
    pub source: KeySource,
    /// The key, or the reason why there is no key.
    pub key: Result<ApiKey, String>,
}

/// A source in which programs look for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// An environment variable. Its key may come from anywhere.
    Variable(VariableName),
    /// A variable in a dotenv file.
    EnvFile(PathBuf, VariableName),
    /// The keyring item of this profile.
    Keyring(Profile),
}

impl FoundKey {
    /// Reads an environment variable. `None` if it is not set.
    pub fn in_environment(variable: &VariableName) -> Option<Self> {
        let value = env::var_os(variable.as_str()).filter(|value| !value.is_empty())?;
        let key = value.into_string().ok().and_then(|value| ApiKey::parse(value).ok());
        Some(Self {
            source: KeySource::Variable(variable.clone()),
            key: key.ok_or_else(|| NO_KEY.to_owned()),
        })
    }

    /// Reads a variable of the dotenv file at this path. `None` if the file does not exist, or does not set the
    /// variable.
    pub fn in_file(path: PathBuf, variable: &VariableName) -> Option<Self> {
        let key = match EnvFile::find_key(&path, variable) {
            Ok(key) => Ok(key?),
            Err(error) if matches!(error.kind, EnvFileErrorKind::NotAKey) => Err(NO_KEY.to_owned()),
            Err(error) => Err(error.to_string()),
        };
        Some(Self { source: KeySource::EnvFile(path, variable.clone()), key })
    }

    /// Reads the key of a profile in the keyring. `None` if there is no item, or if this build has no keyring.
    pub async fn in_keyring(profile: &Profile) -> Option<Self> {
        let key = match Keyring::get(profile.as_str()).await {
            Ok(key) => Ok(key?),
            Err(KeyringError::NotBuiltIn) => return None,
            Err(error) => Err(error.to_string()),
        };
        Some(Self { source: KeySource::Keyring(profile.clone()), key })
    }

    /// Returns the last four characters of the key, if there is one.
    pub fn last_four(&self) -> Option<&str> {
        self.key.as_ref().ok().map(ApiKey::last_four)
    }
}
