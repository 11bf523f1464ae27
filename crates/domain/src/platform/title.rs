//! Titles, which may contain anything.

use crate::text::sanitize;
use std::fmt;

/// Longest title that is shown, in characters.
const LONGEST: usize = 80;

/// The title of an organization or a project.
///
/// It displays [sanitized](sanitize) and cut at 80 characters, so that no title can steer a terminal.
/// [`raw`](Self::raw) is for comparing it and for JSON.
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Title(String);

impl Title {
    /// Takes a title exactly as the platform has it.
    pub fn new(raw: impl Into<String>) -> Self {
        Self(raw.into())
    }

    /// The title exactly as the platform has it. Do not show it to a user.
    pub fn raw(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&sanitize(&self.0, LONGEST))
    }
}

impl fmt::Debug for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Title({:?})", self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_shown_sanitized_and_short_and_compared_as_it_is() {
        let title = Title::new("Acme\u{1b}[2J\u{202e}");
        assert_eq!(
            (title.to_string().as_str(), title.raw()),
            (r"Acme\u{1b}[2J\u{202e}", "Acme\u{1b}[2J\u{202e}")
        );
        assert_eq!(format!("{title:?}"), r#"Title("Acme\\u{1b}[2J\\u{202e}")"#);
        assert_eq!(Title::new("x".repeat(1000)).to_string().chars().count(), LONGEST);
    }
}
