//! The key to create, and the server's description of the created key.

use crate::platform::answer_end::AnswerEnd;
use crate::platform::id::KeyId;
use crate::secret::ApiKey;
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// The request for a key.
///
/// The platform's dashboard API has no public description. The name is sent as the Codex CLI sends it. The fields
/// for the lifetime and the scopes have the names of the documented Admin API, and it is not verified that the
/// dashboard API accepts them. A field is sent only if it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewKey {
    /// The name, which the dashboard shows. A unique name identifies a lost key.
    pub name: String,
    /// The lifetime. `None` leaves it to the platform.
    pub expires_in: Option<KeyLifetime>,
    /// The permissions of the key. An empty list leaves them to the platform, which grants all of the
    /// owner's.
    pub scopes: Vec<KeyScope>,
}

impl NewKey {
    /// Creates a request with this name and the platform's default lifetime and permissions.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), expires_in: None, scopes: Vec::new() }
    }

    /// Returns the requested restrictions.
    pub fn restrictions(&self) -> Vec<Restriction> {
        let expiry = self.expires_in.map(|_| Restriction::Expiry);
        let scopes = (!self.scopes.is_empty()).then_some(Restriction::Scopes);
        expiry.into_iter().chain(scopes).collect()
    }

    /// Returns the requested restrictions that the server's answer does not confirm: a server may ignore an unknown
    /// field of the request. An expiry is confirmed if the key expires at most the requested time and a minute
    /// after its creation.
    pub fn unconfirmed_by(&self, details: &KeyDetails) -> Vec<Restriction> {
        let mut restrictions = self.restrictions();
        restrictions.retain(|restriction| match restriction {
            Restriction::Expiry => !self.expires_in.is_some_and(|lifetime| lifetime.covers(details)),
            Restriction::Scopes => !details.scopes.as_deref().is_some_and(|scopes| self.has_scopes(scopes)),
        });
        restrictions
    }

    /// Returns whether these are the requested scopes and no others.
    fn has_scopes(&self, names: &[String]) -> bool {
        let requested: BTreeSet<_> = self.scopes.iter().map(KeyScope::as_str).collect();
        requested == names.iter().map(String::as_str).collect()
    }
}

/// A restriction of a [`NewKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Restriction {
    /// [`NewKey::expires_in`].
    Expiry,
    /// [`NewKey::scopes`].
    Scopes,
}

impl fmt::Display for Restriction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expiry => "the expiry",
            Self::Scopes => "the scopes",
        })
    }
}

/// The lifetime of a key: 1 s to 365 days, in whole seconds, as the platform's Admin API documents it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyLifetime(u32);

/// The longest lifetime of a key, in seconds: 365 days.
const LONGEST_LIFETIME: u32 = 365 * 24 * 60 * 60;

/// The time by which a server may extend a lifetime, in seconds.
const TOLERANCE: u64 = 60;

/// The error for a duration that cannot be the lifetime of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lifetime of a key is 1 s to 365 days, in whole seconds")]
pub struct InvalidLifetime(());

impl KeyLifetime {
    /// Returns the number of seconds.
    pub fn as_secs(self) -> u32 {
        self.0
    }

    /// Returns whether a key certainly expires, at most this long after its creation.
    fn covers(self, details: &KeyDetails) -> bool {
        let lifetime = details.created_at.zip(details.expires_at).map(|(from, to)| to.saturating_sub(from));
        lifetime.is_some_and(|lifetime| (1..=u64::from(self.0) + TOLERANCE).contains(&lifetime))
    }
}

impl TryFrom<Duration> for KeyLifetime {
    type Error = InvalidLifetime;

    fn try_from(duration: Duration) -> Result<Self, InvalidLifetime> {
        let seconds = u32::try_from(duration.as_secs()).ok().filter(|_| duration.subsec_nanos() == 0);
        seconds
            .filter(|seconds| (1..=LONGEST_LIFETIME).contains(seconds))
            .map(Self)
            .ok_or(InvalidLifetime(()))
    }
}

/// A permission of a key, such as `api.model.read`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyScope(String);

/// The maximum length of a scope's name, in bytes: longer than any known one.
const LONGEST_SCOPE: usize = 128;

/// The error for a text that is not the name of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a scope of 1 to {LONGEST_SCOPE} letters, digits, '.', ':', '_' and '-'")]
pub struct InvalidScope(());

impl KeyScope {
    /// Returns the scope that the platform documents for read access to everything, `api.all.read`.
    pub fn read_only() -> Self {
        Self("api.all.read".to_owned())
    }

    /// Parses the name of a scope. The platform decides whether the scope exists.
    ///
    /// # Errors
    ///
    /// [`InvalidScope`] if it is empty, longer than 128 bytes, or contains a character that no scope has.
    pub fn parse(name: &str) -> Result<Self, InvalidScope> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'_' | b'-');
        let is_name = (1..=LONGEST_SCOPE).contains(&name.len()) && name.bytes().all(allowed);
        if is_name { Ok(Self(name.to_owned())) } else { Err(InvalidScope(())) }
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A created key.
#[derive(Debug)]
#[non_exhaustive]
pub struct CreatedKey {
    /// The key itself. The platform does not show it again.
    pub secret: ApiKey,
    /// The server's description of it.
    pub details: KeyDetails,
    /// The end of the answer.
    pub end: AnswerEnd,
}

impl CreatedKey {
    /// Creates a key without a description.
    pub fn new(secret: ApiKey) -> Self {
        Self { secret, details: KeyDetails::default(), end: AnswerEnd::default() }
    }
}

/// The server's description of a key. Each value is `None` if the server did not send it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyDetails {
    /// The id, which the Admin API uses.
    pub id: Option<KeyId>,
    /// The time of the creation, in seconds since 1970 (UTC).
    pub created_at: Option<u64>,
    /// The time from which the key is no longer valid, in seconds since 1970 (UTC).
    pub expires_at: Option<u64>,
    /// The permissions. They are compared with those of the request, and not shown.
    pub scopes: Option<Vec<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_at_least_a_second_and_at_most_a_year_in_whole_seconds() {
        let lifetime = |duration| KeyLifetime::try_from(duration).map(KeyLifetime::as_secs).ok();
        for (seconds, expected) in [
            (0, None),
            (1, Some(1)),
            (90 * 86_400, Some(7_776_000)),
            (31_536_000, Some(31_536_000)),
            (31_536_001, None),
            (1 << 32, None),
            ((1 << 32) + 1, None),
        ] {
            assert_eq!(lifetime(Duration::from_secs(seconds)), expected, "{seconds}");
        }
        assert_eq!(lifetime(Duration::from_millis(1500)), None);
    }

    #[test]
    fn a_scope_has_only_characters_of_names() {
        for name in ["api.all.read", "model.request", "api.fine_tuning.jobs.read", "x", &"x".repeat(128)] {
            assert_eq!(KeyScope::parse(name).unwrap().as_str(), name);
        }
        for bad in ["", " ", "openid email", "a,b", "a\n", "\u{e9}", "\"", &"x".repeat(129)] {
            assert!(KeyScope::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(KeyScope::parse("api.all.read").unwrap(), KeyScope::read_only());
    }

    #[test]
    fn a_restriction_is_confirmed_only_by_the_server() {
        use Restriction::{Expiry, Scopes};
        let plain = NewKey::named("n");
        let mut restricted = plain.clone();
        restricted.expires_in = KeyLifetime::try_from(Duration::from_secs(1)).ok();
        restricted.scopes = vec![KeyScope::parse("a").unwrap(), KeyScope::parse("b").unwrap()];
        let details = |expires_at, scopes: Option<&[&str]>| KeyDetails {
            created_at: Some(0),
            expires_at,
            scopes: scopes.map(|scopes| scopes.iter().map(ToString::to_string).collect()),
            ..KeyDetails::default()
        };
        for (details, open) in [
            (details(None, None), &[Expiry, Scopes][..]),
            (details(Some(1), None), &[Scopes]),
            (details(None, Some(&["b", "a"])), &[Expiry]),
            (details(Some(1), Some(&["a", "b"])), &[]),
            (details(Some(1), Some(&["a"])), &[Scopes]),
            (details(Some(1), Some(&["a", "b", "c"])), &[Scopes]),
            (details(Some(1), Some(&["a", "a"])), &[Scopes]),
            (details(Some(1), Some(&["b", "a", "b"])), &[]),
            (details(Some(1), Some(&[])), &[Scopes]),
            (details(Some(61), Some(&["a", "b"])), &[]),
            (details(Some(62), Some(&["a", "b"])), &[Expiry]),
            (details(Some(0), Some(&["a", "b"])), &[Expiry]),
            (details(Some(u64::MAX), Some(&["a", "b"])), &[Expiry]),
            (KeyDetails { created_at: None, ..details(Some(1), Some(&["a", "b"])) }, &[Expiry]),
            (KeyDetails { created_at: Some(2), ..details(Some(1), Some(&["a", "b"])) }, &[Expiry]),
        ] {
            assert_eq!(restricted.unconfirmed_by(&details), open, "{details:?}");
            assert!(plain.unconfirmed_by(&details).is_empty(), "{details:?}");
        }
        restricted.scopes.push(KeyScope::parse("b").unwrap());
        assert_eq!(restricted.unconfirmed_by(&details(Some(1), Some(&["a", "b", "c"]))), [Scopes]);
    }
}
