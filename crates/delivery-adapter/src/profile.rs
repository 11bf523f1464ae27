//! The profile of a key in the keyring.

use std::fmt;

/// The maximum length of a name, in characters.
const LONGEST: usize = 64;

/// The name of a key in the [keyring](crate::Keyring), so that a user can store several keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile(String);

/// The error for a text that cannot be the name of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it must be at most 64 letters, digits, -, _ and ., not begin with -, and not be a key")]
pub struct InvalidProfile(());

/// Returns the profile that is used if the user names none.
impl Default for Profile {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl Profile {
    /// Parses the name of a profile.
    ///
    /// # Errors
    ///
    /// [`InvalidProfile`] if the name is empty, is too long, or has characters other than ASCII letters, digits,
    /// `-`, `_` and `.`; if it begins with `-`, as an option does; or if it begins like a key, since names of profiles
    /// are shown and recorded.
    pub fn parse(name: &str) -> Result<Self, InvalidProfile> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_other = name.starts_with('-') || name.starts_with("sk-");
        if (1..=LONGEST).contains(&name.len()) && name.chars().all(fits) && !is_other {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidProfile(()))
        }
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether this is the default profile.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_has_a_plain_name() {
        for good in ["default", "work-2.eu_west"] {
            assert_eq!(Profile::parse(good).map(|profile| profile.0), Ok(good.to_owned()));
        }
        for bad in ["", "a b", "a/b", "é", "a\n", "-x", "sk-proj-0123456789", &"x".repeat(65)] {
            assert!(Profile::parse(bad).is_err(), "{bad}");
        }
    }
}
