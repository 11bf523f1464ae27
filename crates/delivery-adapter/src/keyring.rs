//! The keyring of the operating system: the Secret Service, the macOS Keychain, or the Windows
//! Credential Manager.

#[cfg_attr(not(feature = "keyring"), path = "keyring/absent.rs")]
mod system;

use crate::{Overwrite, fail_point, threads};
use keymint_domain::text::human_duration;
use keymint_domain::{ApiKey, DeliveryError, DestinationId, KeyDestination, async_trait};
use keymint_tokio_clock::TokioClock;
use std::fmt;
use std::future::Future;
use std::time::Duration;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The time limit of a request without a prompt. The keyring may have to be started first.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The time limit of a request that can prompt for a password in a window.
const TIMEOUT_WITH_PROMPT: Duration = Duration::from_secs(60);

/// A keyring item that is ready for a key: the item with the service `keymint` and a profile as its user.
///
/// A delivery reads back what it stored.
#[derive(Debug)]
pub struct Keyring {
    profile: String,
    /// The item that a delivery may replace. `None` permits any item.
    replaceable: Option<StoredItem>,
}

/// An inspected item of the keyring.
#[derive(Debug)]
pub struct FoundItem {
    profile: String,
    item: StoredItem,
}

/// The content of the keyring item of a profile.
#[derive(Debug)]
pub enum StoredItem {
    /// There is no item.
    Nothing,
    /// The item is a key.
    Key(ApiKey),
    /// The item is not a key.
    NoKey(OtherValue),
}

/// The value of an item that is not a key. It cannot be read out.
pub struct OtherValue(Zeroizing<Vec<u8>>);

/// Omits the value.
impl fmt::Debug for OtherValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtherValue").finish_non_exhaustive()
    }
}

/// The reason why a request to the keyring failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// This crate was built without the feature `keyring`.
    #[error("this build has no keyring support")]
    NotBuiltIn,
    /// The item of the profile is not a key.
    #[error("the keyring's item for this profile is not a key")]
    NotAKey,
    /// The item of the profile may not be replaced.
    #[error("the keyring already has an item for this profile")]
    HasItem,
    /// The keyring did not answer.
    #[error("the keyring did not answer within {}", human_duration(*.0))]
    TimedOut(Duration),
    /// The keyring failed, for this reason.
    #[error("{0}")]
    Failed(String),
}

impl Keyring {
    /// The name of the keyring as a destination.
    pub const ID: &str = "keyring";

    /// Reads the item of a profile. A locked keyring may prompt for its password.
    ///
    /// # Errors
    ///
    /// [`KeyringError`] if the keyring cannot be read.
    pub async fn inspect(profile: &str) -> Result<FoundItem, KeyringError> {
        let user = profile.to_owned();
        let value = in_time(threads::run(move || system::get(&user))).await?;
        let item = value.map_or(StoredItem::Nothing, |value| StoredItem::of(Zeroizing::new(value)));
        Ok(FoundItem { profile: profile.to_owned(), item })
    }

    /// Returns the key of a profile, or `None` if there is no item.
    ///
    /// # Errors
    ///
    /// [`KeyringError`] if the keyring cannot be read, or the item is not a key.
    pub async fn get(profile: &str) -> Result<Option<ApiKey>, KeyringError> {
        match Self::inspect(profile).await?.item {
            StoredItem::Nothing => Ok(None),
            StoredItem::Key(key) => Ok(Some(key)),
            StoredItem::NoKey(_) => Err(KeyringError::NotAKey),
        }
    }

    /// Removes the item of a profile if it is this key. Returns whether the item was removed.
    ///
    /// # Errors
    ///
    /// [`KeyringError`] if the item cannot be read or removed.
    pub async fn delete_key(profile: &str, key: &ApiKey) -> Result<bool, KeyringError> {
        Self::delete_if(profile, |now| matches!(now, StoredItem::Key(now) if is_same(now, key))).await
    }

    async fn delete_if(profile: &str, fits: impl Fn(&StoredItem) -> bool) -> Result<bool, KeyringError> {
        if !fits(&Self::inspect(profile).await?.item) {
            return Ok(false);
        }
        let user = profile.to_owned();
        in_time(threads::run(move || system::delete(&user))).await
    }

    /// Returns whether a locked keyring can prompt for its password in a window.
    pub fn may_prompt() -> bool {
        system::may_prompt()
    }

    /// Stores the key, and verifies that the keyring returns it over another connection.
    async fn store(&self, key: &ApiKey) -> Result<(), KeyringError> {
        let (user, label) =
            (self.profile.clone(), format!("OpenAI API key (keymint, profile {})", self.profile));
        let value = Zeroizing::new(key.expose().to_owned());
        in_time(threads::run(move || system::set(&user, &label, value.as_bytes()))).await?;
        fail_point::reached("keyring-written");
        let stored = Self::get(&self.profile).await?;
        if stored.is_some_and(|stored| is_same(&stored, key)) {
            Ok(())
        } else {
            Err(failed("the keyring accepted the key, but does not return it"))
        }
    }
}

#[async_trait]
impl KeyDestination for Keyring {
    fn id(&self) -> DestinationId {
        DestinationId::new(Self::ID).with_slot(&self.profile)
    }

    async fn deliver(&mut self, key: &ApiKey) -> Result<(), DeliveryError> {
        let now = Self::inspect(&self.profile).await.map_err(DeliveryError::new)?.item;
        if self.replaceable.as_ref().is_some_and(|replaceable| !now.may_replace(replaceable)) {
            return Err(DeliveryError::new("the key changed during the sign-in"));
        }
        self.store(key).await.map_err(DeliveryError::new)
    }
}

impl FoundItem {
    /// Returns the current item.
    pub fn current(&self) -> &StoredItem {
        &self.item
    }

    /// Returns the key if the item is one.
    pub fn into_key(self) -> Option<ApiKey> {
        match self.item {
            StoredItem::Key(key) => Some(key),
            _ => None,
        }
    }

    /// Removes the item, unless the keyring has another one by now. Returns whether it was removed.
    ///
    /// # Errors
    ///
    /// [`KeyringError`] if the item cannot be read or removed.
    pub async fn delete(&self) -> Result<bool, KeyringError> {
        Keyring::delete_if(&self.profile, |now| now.is_same(&self.item)).await
    }

    /// Reserves the item for a key. Verifies with a temporary trial item that the keyring returns what it stores.
    ///
    /// # Errors
    ///
    /// [`KeyringError`] if the keyring does not, or if the item may not be replaced.
    pub async fn reserve(self, overwrite: Overwrite) -> Result<Keyring, KeyringError> {
        if overwrite == Overwrite::Never && !matches!(self.item, StoredItem::Nothing) {
            return Err(KeyringError::HasItem);
        }
        in_time(threads::run_to_completion(try_out)).await?;
        let replaceable = (overwrite != Overwrite::Always).then_some(self.item);
        Ok(Keyring { profile: self.profile, replaceable })
    }
}

impl StoredItem {
    fn of(value: Zeroizing<Vec<u8>>) -> Self {
        // The cause is dropped, since such an error contains the value.
        let key = str::from_utf8(&value).ok().and_then(|value| ApiKey::parse(value.to_owned()).ok());
        key.map_or(Self::NoKey(OtherValue(value)), Self::Key)
    }

    /// Returns whether a new key may replace this item, if only `seen` may be replaced.
    fn may_replace(&self, seen: &Self) -> bool {
        matches!(self, Self::Nothing) || self.is_same(seen)
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nothing, Self::Nothing) => true,
            (Self::Key(one), Self::Key(other)) => is_same(one, other),
            (Self::NoKey(one), Self::NoKey(other)) => one.0.ct_eq(&other.0).into(),
            _ => false,
        }
    }
}

fn try_out() -> Result<(), KeyringError> {
    const VALUE: &[u8] = b"keymint tests whether this keyring returns what it stores";
    // No profile has a space in its name, so the trial item cannot replace a key.
    let user = format!("trial {}", std::process::id());
    system::set(&user, "keymint: a test item, which can be deleted", VALUE)?;
    fail_point::reached("keyring-tried");
    let kept = system::get(&user);
    system::delete(&user)?;
    if kept?.as_deref() == Some(VALUE) {
        Ok(())
    } else {
        Err(failed("the keyring does not return what it stores"))
    }
}

fn failed(reason: impl Into<String>) -> KeyringError {
    KeyringError::Failed(reason.into())
}

/// Compares two keys in constant time.
fn is_same(one: &ApiKey, other: &ApiKey) -> bool {
    one.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
}

/// The result of work on another thread. The outer error is a panic of the thread.
type Threaded<T> = std::io::Result<Result<T, KeyringError>>;

/// Abandons work on another thread if it takes too long. That thread then runs until the program ends.
async fn in_time<T>(work: impl Future<Output = Threaded<T>>) -> Result<T, KeyringError> {
    within(if system::may_prompt() { TIMEOUT_WITH_PROMPT } else { TIMEOUT }, work).await
}

async fn within<T>(limit: Duration, work: impl Future<Output = Threaded<T>>) -> Result<T, KeyringError> {
    match TokioClock::new().timeout(limit, work).await {
        Ok(done) => done.map_err(|_| failed("the keyring's library failed"))?,
        Err(_) => Err(KeyringError::TimedOut(limit)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> ApiKey {
        ApiKey::parse(text.to_owned()).unwrap()
    }

    #[tokio::test]
    async fn a_keyring_that_never_answers_is_given_up() {
        let (_open, never) = std::sync::mpsc::channel::<()>();
        let error = within(Duration::ZERO, threads::run(move || Ok(never.recv().is_ok()))).await.unwrap_err();
        assert!(matches!(error, KeyringError::TimedOut(_)), "{error}");
    }

    #[test]
    fn an_item_that_was_seen_may_be_replaced_and_no_other_one() {
        let item = |text: &str| StoredItem::of(Zeroizing::new(text.as_bytes().to_vec()));
        for (seen, now, may_replace) in [
            (item("no key"), item("no key"), true),
            (item("no key"), item("another"), false),
            (item("no key"), item("sk-proj-0123456789"), false),
            (item("sk-proj-0123456789"), item("no key"), false),
            (item("sk-proj-0123456789"), StoredItem::Nothing, true),
            (StoredItem::Nothing, item("no key"), false),
        ] {
            assert_eq!(now.may_replace(&seen), may_replace, "{seen:?} {now:?}");
            assert!(!format!("{seen:?}").contains("no key"), "{seen:?}");
        }
    }

    #[test]
    fn a_key_that_differs_in_one_place_is_another() {
        assert!(is_same(&key("sk-proj-0123456789"), &key("sk-proj-0123456789")));
        for other in ["sk-proj-0123456780", "sk-proj-012345678", "sk-proj-01234567890", "Sk-proj-0123456789"]
        {
            assert!(!is_same(&key("sk-proj-0123456789"), &key(other)), "{other}");
        }
    }
}
