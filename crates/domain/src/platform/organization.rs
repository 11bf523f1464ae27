//! Organizations, projects, the target that they make together, and the lists of them.

use crate::platform::title::Title;
use std::fmt;

/// Longest id that is put into a URL or a header, in characters.
const LONGEST_ID: usize = 128;

/// A text that is not an id: empty, longer than 128 characters, or with a character other than
/// `A`-`Z`, `a`-`z`, `0`-`9`, `_` and `-`.
///
/// URL libraries drop `.` and `..` segments without a word, so an id is checked before it gets
/// near one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of 1 to {LONGEST_ID} letters, digits, '_' and '-'")]
pub struct InvalidId(());

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(try_from = "String"))]
        pub struct $name(String);

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(id: String) -> Result<Self, InvalidId> {
                Self::parse(&id)
            }
        }

        impl $name {
            /// Takes an id as the platform sent it.
            ///
            /// # Errors
            ///
            /// [`InvalidId`] where it could not stand in a URL as it is.
            pub fn parse(id: &str) -> Result<Self, InvalidId> {
                let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
                if (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(allowed) {
                    Ok(Self(id.to_owned()))
                } else {
                    Err(InvalidId(()))
                }
            }

            /// The id as the platform spells it.
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
    /// Names an organization: `org-…`.
    OrganizationId
}
id! {
    /// Names a project: `proj_…`.
    ProjectId
}

/// An organization that the signed-in person belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// Its title.
    pub title: Option<Title>,
    /// Whether it is the person's default organization.
    pub is_default: bool,
    /// Whether it is the person's own, rather than a company's.
    pub personal: bool,
}

impl Organization {
    /// One without a title that is neither default nor personal.
    pub fn new(id: OrganizationId) -> Self {
        Self { id, title: None, is_default: false, personal: false }
    }
}

/// A project of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Its title.
    pub title: Option<Title>,
    /// Whether the platform made it together with the organization: the default project.
    pub is_initial: bool,
}

impl Project {
    /// One without a title that is not initial.
    pub fn new(id: ProjectId) -> Self {
        Self { id, title: None, is_initial: false }
    }
}

/// Where a key is made: one project of one organization.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Target {
    /// The organization's id.
    pub organization_id: OrganizationId,
    /// The organization's title.
    pub organization_title: Option<Title>,
    /// The project's id.
    pub project_id: ProjectId,
    /// The project's title.
    pub project_title: Option<Title>,
}

impl Target {
    /// This project of this organization.
    pub fn new(organization: &Organization, project: &Project) -> Self {
        Self {
            organization_id: organization.id.clone(),
            organization_title: organization.title.clone(),
            project_id: project.id.clone(),
            project_title: project.title.clone(),
        }
    }
}

/// What a list gave.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listing<T> {
    /// The usable entries, in the server's order.
    pub items: Vec<T>,
    /// How many entries were passed over, since they had no usable id.
    pub skipped: usize,
    /// Whether the list was read to its end.
    pub complete: bool,
}

impl<T> Listing<T> {
    /// What a list gave that may have more to it.
    pub fn new(items: Vec<T>, skipped: usize, complete: bool) -> Self {
        Self { items, skipped, complete }
    }
}

impl<T> From<Vec<T>> for Listing<T> {
    /// The whole list, with every entry usable.
    fn from(items: Vec<T>) -> Self {
        Self::new(items, 0, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_what_can_stand_in_a_url() {
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
