//! The keys that a program finds.

use crate::{EnvFile, EnvFileErrorKind, Keyring, KeyringError, Profile, VariableName};
use keymint_domain::ApiKey;
use std::env;
use std::path::PathBuf;

const NO_KEY: &str = "its value is not a key";

/// A source with its key, or with the reason why it has none.
#[derive(Debug)]
pub struct FoundKey {
    /// The source.
    pub source: KeySource,
    /// The key, or the reason.
    pub key: Result<ApiKey, String>,
}

/// A source in which a program finds a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A variable of the environment, which may have a key from anywhere.
    Variable(VariableName),
    /// A dotenv file.
    EnvFile(PathBuf),
    /// The keyring, for this profile.
    Keyring(Profile),
}

impl FoundKey {
    /// Reads a variable of the environment. `None` if it is not set.
    pub fn in_environment(variable: &VariableName) -> Option<Self> {
        let value = env::var_os(variable.as_str()).filter(|value| !value.is_empty())?;
        let key = value.into_string().ok().and_then(|value| ApiKey::parse(value).ok());
        Some(Self {
            source: KeySource::Variable(variable.clone()),
            key: key.ok_or_else(|| NO_KEY.to_owned()),
        })
    }

    /// Reads a variable of the dotenv file at this path. `None` if the file does not exist, or does not have it.
    pub fn in_file(path: PathBuf, variable: &VariableName) -> Option<Self> {
        let key = match EnvFile::find_key(&path, variable) {
            Ok(key) => Ok(key?),
            Err(error) if matches!(error.kind, EnvFileErrorKind::NotAKey) => Err(NO_KEY.to_owned()),
            Err(error) => Err(error.to_string()),
        };
        Some(Self { source: KeySource::EnvFile(path), key })
    }

    /// Reads the key of a profile in the keyring. `None` if it has none, or if this build has no keyring.
    pub async fn in_keyring(profile: &Profile) -> Option<Self> {
        let key = match Keyring::get(profile.as_str()).await {
            Ok(key) => Ok(key?),
            Err(KeyringError::NotBuiltIn) => return None,
            Err(error) => Err(error.to_string()),
        };
        Some(Self { source: KeySource::Keyring(profile.clone()), key })
    }

    /// Returns the last four characters of the key.
    pub fn last_four(&self) -> Option<&str> {
        self.key.as_ref().ok().map(ApiKey::last_four)
    }
}
