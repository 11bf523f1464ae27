//! Titles, which may contain any text.

use crate::text::{escape_quotes, sanitize};
use std::fmt;
use std::sync::Arc;

/// The maximum length of a title for display, in characters.
const LONGEST: usize = 80;

/// The maximum length of a title in memory, in characters.
const LONGEST_KEPT: usize = 128;

/// The title of an organization or a project. Clones share its text.
///
/// It displays [sanitized](sanitize), cut at 80 characters and with escaped quotes, so that a title can neither
/// control a terminal nor end the quotes around it. [`raw`](Self::raw) is for JSON. A title of more than 128
/// characters is cut when it is created, since a platform may list many. A cut title equals no name.
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(from = "String", into = "String")
)]
pub struct Title(Arc<str>);

impl Title {
    /// Creates a title from the platform's text, of which it keeps 128 characters and an ellipsis.
    pub fn new(raw: impl AsRef<str>) -> Self {
        let raw = raw.as_ref();
        match raw.char_indices().nth(LONGEST_KEPT) {
            Some((end, _)) => Self(format!("{}\u{2026}", &raw[..end]).into()),
            None => Self(raw.into()),
        }
    }

    /// Returns the platform's text, or its beginning. Do not show it to a user.
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// Returns whether the title is exactly this name. A cut title never is.
    pub(crate) fn is(&self, name: &str) -> bool {
        *self.0 == *name && name.chars().count() <= LONGEST_KEPT
    }
}

impl From<String> for Title {
    fn from(raw: String) -> Self {
        Self::new(raw)
    }
}

impl From<Title> for String {
    fn from(title: Title) -> Self {
        title.raw().to_owned()
    }
}

impl fmt::Display for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&sanitize(&escape_quotes(&self.0), LONGEST))
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

    #[test]
    fn a_title_does_not_end_the_quotes_around_it() {
        for (raw, shown) in [
            (r#"a" (org-1). "#, r#"a\" (org-1). "#),
            (r#"a\" b"#, r#"a\\\" b"#),
            (r"a\", r"a\\"),
            ("a\u{201d}", "a\\\u{201d}"),
        ] {
            assert_eq!(Title::new(raw).to_string(), shown);
        }
    }

    #[test]
    fn a_long_title_is_cut_and_is_then_the_title_of_nothing() {
        let whole = "\u{1f600}".repeat(LONGEST_KEPT);
        assert!(Title::new(&whole).is(&whole) && Title::new(&whole).raw() == whole);
        let long = format!("{whole}{}", "x".repeat(16_000));
        let title = Title::new(&long);
        assert_eq!(title.raw(), format!("{whole}\u{2026}"));
        for name in [&whole, &long, title.raw()] {
            assert!(!title.is(name), "{name}");
        }
        assert!(!Title::new(title.raw()).is(&long));
    }
}
