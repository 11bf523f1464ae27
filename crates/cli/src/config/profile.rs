//! The name of a profile.

use std::fmt;

/// Longest name, in characters.
const LONGEST: usize = 64;

/// A profile of the configuration file, which also names a key in the keyring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Profile(String);

impl Default for Profile {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl Profile {
    pub(super) fn parse(name: &str) -> Result<Self, &'static str> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if (1..=LONGEST).contains(&name.len()) && name.chars().all(fits) {
            Ok(Self(name.to_owned()))
        } else {
            Err("it must be at most 64 letters, digits, -, _ and .")
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the profile of a run that names none.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The flag that selects this profile, after a space; empty for the default one.
    pub(crate) fn flag(&self) -> String {
        if self.is_default() { String::new() } else { format!(" --profile {self}") }
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
        for bad in ["", "a b", "a/b", "é", "a\n", &"x".repeat(65)] {
            assert!(Profile::parse(bad).is_err(), "{bad}");
        }
    }
}
