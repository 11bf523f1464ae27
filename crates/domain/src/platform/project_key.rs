//! The keys of a project on the server, as the Admin API describes them.

use crate::platform::id::{KeyId, ServiceAccountId};
use crate::platform::new_key::{KeyLifetime, KeyScope, NewKey};
use crate::platform::title::Title;
use crate::secret::ApiKey;
use std::fmt;

/// A key of a project, without the key itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProjectKey {
    /// The id.
    pub id: KeyId,
    /// The name. Several keys may have the same one.
    pub name: Option<Title>,
    /// The last four characters. `None` if the server does not show them.
    pub last_four: Option<LastFour>,
    /// The time of the creation, in seconds since 1970 (UTC).
    pub created_at: Option<u64>,
    /// The time of the last use, in seconds since 1970 (UTC). `None` if the key was never used, or if it is unknown.
    pub last_used_at: Option<u64>,
    /// The time from which the key is no longer valid, in seconds since 1970 (UTC). `None` if the server did not
    /// send it.
    pub expires_at: Option<u64>,
    /// The owner. `None` if unknown.
    pub owner: Option<KeyOwner>,
}

impl ProjectKey {
    /// Creates a key with this id. Everything else is unknown.
    pub fn new(id: KeyId) -> Self {
        Self {
            id,
            name: None,
            last_four: None,
            created_at: None,
            last_used_at: None,
            expires_at: None,
            owner: None,
        }
    }

    /// Returns whether the key belongs to a service account. The platform deletes such a key only together with
    /// the account.
    pub fn is_of_service_account(&self) -> bool {
        matches!(self.owner, Some(KeyOwner::ServiceAccount { .. }))
    }
}

impl AsRef<Self> for ProjectKey {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// The owner of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyOwner {
    /// A user.
    User {
        /// The name of the user.
        name: Option<Title>,
    },
    /// A service account of the project.
    ServiceAccount {
        /// The id of the account.
        id: Option<ServiceAccountId>,
        /// The name of the account.
        name: Option<Title>,
    },
}

/// The last four characters of a key: letters, digits, `_` and `-`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LastFour([u8; 4]);

impl LastFour {
    /// Parses the four characters. Returns `None` if the text has another length, or a character that no key has.
    pub fn parse(text: &str) -> Option<Self> {
        let four: [u8; 4] = text.as_bytes().try_into().ok()?;
        four.iter().all(|byte| is_key_byte(*byte)).then_some(Self(four))
    }

    /// Returns the last four characters of a key. `None` if the key is so short that they would reveal too much.
    pub fn of(key: &ApiKey) -> Option<Self> {
        Self::parse(key.last_four())
    }

    /// Returns the last four characters of a value that the server masks in part, such as `sk-proj-****9f3A`. `None`
    /// if nothing is masked, or if fewer than four characters follow the last mask.
    pub fn of_redacted(value: &str) -> Option<Self> {
        let is_mask = |c: char| matches!(c, '*' | '.' | '\u{2026}' | '\u{2022}');
        let (_, end) = value.rsplit_once(is_mask)?;
        let four = end.len().checked_sub(4).and_then(|start| end.get(start..))?;
        if end.bytes().all(is_key_byte) { Self::parse(four) } else { None }
    }

    /// Returns the four characters.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("they are ASCII")
    }
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

impl fmt::Display for LastFour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A change of a key on the server. A field that is not set is not sent, and stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyChange {
    /// The new lifetime.
    pub expires_in: Option<KeyLifetime>,
    /// The new permissions.
    pub scopes: Vec<KeyScope>,
}

impl From<&NewKey> for KeyChange {
    /// Changes a key to the lifetime and the permissions of a new one.
    fn from(key: &NewKey) -> Self {
        Self { expires_in: key.expires_in, scopes: key.scopes.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_four_characters_are_those_after_a_mask() {
        for (redacted, four) in [
            ("sk-proj-****9f3A", Some("9f3A")),
            ("sk-...-_-_", Some("-_-_")),
            ("sk-proj-\u{2026}abcdefgh", Some("efgh")),
            ("\u{2022}\u{2022}0000", Some("0000")),
            ("sk-abc...def", None),
            ("sk-proj-9f3A", None),
            ("sk-proj-****9f 3A", None),
            ("sk-proj-****9f3\u{e9}", None),
            ("sk-proj-****\u{e9}9f3A", None),
            ("****", None),
            ("", None),
        ] {
            assert_eq!(LastFour::of_redacted(redacted).as_ref().map(LastFour::as_str), four, "{redacted}");
        }
        for bad in ["", "abc", "abcde", "ab*d", "\u{e9}\u{e9}"] {
            assert_eq!(LastFour::parse(bad), None, "{bad}");
        }
    }
}
