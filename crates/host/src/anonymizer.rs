//! The removal of private values and paths from a text about this machine.

use crate::environment::variable;
use std::cmp::Reverse;
use url::Url;

/// The environment variables of directories whose path may contain a space.
const DIRECTORIES: [&str; 5] = ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "APPDATA", "LOCALAPPDATA"];

/// The minimum length, in bytes, of a value that is replaced. A shorter value may be a part of any word.
const SHORTEST: usize = 4;

/// Replaces private values and paths in a text that the user will publish.
///
/// ```
/// let mut anonymizer = keymint_host::Anonymizer::default();
/// anonymizer.hide("issuer", "https://auth.example.com");
/// assert_eq!(anonymizer.apply("no auth.example.com in /etc/hosts"), "no [issuer] in [path]");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Anonymizer {
    /// The values with their substitutes. The longest value is first, since it may contain another one.
    values: Vec<(String, String)>,
}

impl Anonymizer {
    /// Creates an anonymizer that hides the directories of this process's user.
    pub fn of_this_user() -> Self {
        Self::of_user(variable)
    }

    fn of_user(get: impl Fn(&str) -> Option<String>) -> Self {
        let mut anonymizer = Self::default();
        for directory in DIRECTORIES.into_iter().filter_map(get) {
            anonymizer.add(directory, "[path]/".to_owned());
        }
        anonymizer
    }

    /// Hides a value and, if the value is a URL, its host. `[name]` replaces them.
    pub fn hide(&mut self, name: &str, value: &str) {
        let host = Url::parse(value).ok().and_then(|url| url.host_str().map(str::to_owned));
        for value in host.into_iter().chain([value.trim_end_matches('/').to_owned()]) {
            self.add(value, format!("[{name}]"));
        }
    }

    fn add(&mut self, value: String, substitute: String) {
        if value.len() >= SHORTEST {
            self.values.push((value, substitute));
            self.values.sort_by_key(|(value, _)| Reverse(value.len()));
        }
    }

    /// Returns the text without the hidden values, and with `[path]` in place of each word that contains a slash or a
    /// backslash. Other URLs stay.
    pub fn apply(&self, text: &str) -> String {
        let text = self
            .values
            .iter()
            .fold(text.to_owned(), |text, (value, substitute)| text.replace(value, substitute));
        let is_path = |word: &str| word.contains(['/', '\\']) && !word.contains("://");
        let words = text.split(' ').map(|word| if is_path(word) { "[path]" } else { word });
        words.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::variables;

    #[test]
    fn a_text_has_no_path_and_no_hidden_value() {
        let directories = [("HOME", "/home/a user"), ("XDG_STATE_HOME", "/home/a user/state")];
        let mut anonymizer = Anonymizer::of_user(variables(&directories));
        anonymizer.hide("issuer", "https://auth.example.com/");
        anonymizer.hide("ca_file", "/etc/a company/ca.pem");
        anonymizer.hide("app", "api");
        for (text, shown) in [
            ("https://auth.example.com can be reached", "[issuer] can be reached"),
            ("could not resolve auth.example.com", "could not resolve [issuer]"),
            ("http://127.0.0.1:8000 can be reached", "http://127.0.0.1:8000 can be reached"),
            (
                "the system's, and /etc/a company/ca.pem (by --ca-file)",
                "the system's, and [ca_file] (by --ca-file)",
            ),
            ("kept in /home/a user/state/keymint", "kept in [path]"),
            ("/home/a user/.config/keymint/config.toml (not there)", "[path] (not there)"),
            ("/srv/keymint: other users can write to it", "[path] other users can write to it"),
        ] {
            assert_eq!(anonymizer.apply(text), shown);
        }
    }
}
