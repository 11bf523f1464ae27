//! The keyring of a build without the feature `keyring`.

use super::KeyringError;

pub(super) fn get(_: &str) -> Result<Option<Vec<u8>>, KeyringError> {
    Err(KeyringError::NotBuiltIn)
}

pub(super) fn set(_: &str, _: &str, _: &[u8]) -> Result<(), KeyringError> {
    Err(KeyringError::NotBuiltIn)
}

pub(super) fn delete(_: &str) -> Result<bool, KeyringError> {
    Err(KeyringError::NotBuiltIn)
}

pub(super) fn may_prompt() -> bool {
    false
}
