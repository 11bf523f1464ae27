//! Access to the keyring through the system's libraries. Each call opens its own connection, and has no time limit.

use super::{KeyringError, failed};
#[cfg(target_os = "macos")]
use apple_native_keyring_store::keychain::Store;
use keymint_domain::text::sanitize;
use keyring_core::{CredentialStore, Entry, Error};
use std::collections::HashMap;
use std::sync::Arc;
#[cfg(windows)]
use windows_native_keyring_store::Store;
#[cfg(all(unix, not(target_os = "macos")))]
use zbus_secret_service_keyring_store::Store;

const SERVICE: &str = "keymint";

/// The maximum length of a displayed cause, in characters.
const LONGEST_CAUSE: usize = 200;

/// Returns the stored value of the user.
pub(super) fn get(user: &str) -> Result<Option<Vec<u8>>, KeyringError> {
    found(entry(user, None)?.get_secret())
}

/// Stores a value for the user. An existing item keeps its label and its permissions.
pub(super) fn set(user: &str, label: &str, value: &[u8]) -> Result<(), KeyringError> {
    entry(user, Some(label))?.set_secret(value).map_err(in_words)
}

/// Removes the stored value of the user. Returns whether it existed.
pub(super) fn delete(user: &str) -> Result<bool, KeyringError> {
    Ok(found(entry(user, None)?.delete_credential())?.is_some())
}

/// Returns whether a locked keyring can prompt for its password.
pub(super) fn may_prompt() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(any(target_os = "macos", windows)) || set("DISPLAY") || set("WAYLAND_DISPLAY")
}

fn entry(user: &str, label: Option<&str>) -> Result<Entry, KeyringError> {
    let store: Arc<CredentialStore> = Store::new().map_err(in_words)?;
    let mut modifiers = HashMap::new();
    if cfg!(windows) {
        // By default, the item would be synchronized to every machine on which the user signs in.
        modifiers.insert("persistence", "Local");
    } else if !cfg!(target_os = "macos") {
        modifiers.extend(label.map(|label| ("label", label)));
    }
    Entry::new_in_store_with_modifiers(&store, SERVICE, user, &modifiers).map_err(in_words)
}

fn found<T>(result: keyring_core::Result<T>) -> Result<Option<T>, KeyringError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(Error::NoEntry) => Ok(None),
        Err(error) => Err(in_words(error)),
    }
}

fn in_words(error: Error) -> KeyringError {
    failed(match error {
        Error::PlatformFailure(cause) | Error::NoStorageAccess(cause) => of_the_system(cause.as_ref()),
        Error::Ambiguous(items) => {
            let count = items.len();
            format!(
                "the keyring has {count} items for service {SERVICE} and this profile: delete all but one"
            )
        }
        Error::TooLong(_, most) => format!("the keyring accepts at most {most} bytes"),
        // The other errors may quote the stored value.
        _ => "the keyring sent an unexpected answer".to_owned(),
    })
}

type Cause<'a> = &'a (dyn std::error::Error + Send + Sync + 'static);

#[cfg(all(unix, not(target_os = "macos")))]
fn of_the_system(cause: Cause<'_>) -> String {
    use secret_service::Error;
    match cause.downcast_ref::<Error>() {
        Some(Error::NoResult) => "no default keyring exists yet".to_owned(),
        Some(Error::Locked | Error::Prompt | Error::PromptDisconnected) => {
            "the keyring is locked, and was not unlocked".to_owned()
        }
        Some(Error::Zbus(cause)) => format!("cannot reach a keyring through D-Bus: {}", shown(cause)),
        Some(Error::Unavailable) => "cannot reach a keyring: there is no D-Bus session".to_owned(),
        _ => refused(cause),
    }
}

#[cfg(any(windows, target_os = "macos"))]
fn of_the_system(cause: Cause<'_>) -> String {
    refused(cause)
}

fn refused(cause: &dyn std::error::Error) -> String {
    format!("the keyring refused the request: {}", shown(cause))
}

fn shown(cause: &dyn std::error::Error) -> String {
    sanitize(&cause.to_string(), LONGEST_CAUSE)
}
