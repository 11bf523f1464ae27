//! The ids of organizations, projects, keys and service accounts.

use std::fmt;
use std::sync::Arc;

/// The maximum length of an id in a URL or a header, in characters.
const LONGEST_ID: usize = 128;

/// The error for a text that is not an id: empty, longer than 128 characters, or with a character other than
/// `A`-`Z`, `a`-`z`, `0`-`9`, `_` and `-`.
///
/// URL libraries silently drop `.` and `..` segments, so an id is checked before it is put into a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of 1 to {LONGEST_ID} letters, digits, '_' and '-'")]
pub struct InvalidId(());

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(try_from = "String", into = "String"))]
        pub struct $name(Arc<str>);

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(id: String) -> Result<Self, InvalidId> {
                Self::parse(&id)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.as_str().to_owned()
            }
        }

        impl $name {
            /// Parses an id that the platform sent.
            ///
            /// # Errors
            ///
            /// [`InvalidId`] if the text cannot be a URL segment without encoding.
            pub fn parse(id: &str) -> Result<Self, InvalidId> {
                let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
                if (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(allowed) {
                    Ok(Self(id.into()))
                } else {
                    Err(InvalidId(()))
                }
            }

            /// Returns the id as the platform spells it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// The id of an organization: `org-…`.
    OrganizationId
}
id! {
    /// The id of a project: `proj_…`.
    ProjectId
}
id! {
    /// The id of a key: `key_…`. It is no secret.
    KeyId
}
id! {
    /// The id of a service account of a project.
    ServiceAccountId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_text_that_can_be_part_of_a_url() {
        for good in ["org-1", "proj_A9", "-", &"x".repeat(LONGEST_ID)] {
            assert!(OrganizationId::parse(good).is_ok(), "{good:?}");
        }
        let long = "x".repeat(LONGEST_ID + 1);
        for bad in
            ["", ".", "..", "a/b", "a\\b", "%2e%2e", "org?x", "org#x", "o\r\nX: y", "é", "a\0", " a", &long]
        {
            assert_eq!(ProjectId::parse(bad), Err(InvalidId(())), "{bad:?}");
        }
    }
}
