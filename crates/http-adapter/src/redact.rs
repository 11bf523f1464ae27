//! Keeps the secrets of a run out of error texts.

use keymint_domain::text::sanitize;
use std::sync::{Mutex, PoisonError};
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

/// The secrets that were sent or received, to remove from texts.
#[derive(Default)]
pub(crate) struct Redactor {
    /// Every spelling of every secret.
    secrets: Mutex<Vec<Zeroizing<String>>>,
}

impl Redactor {
    /// Adds a secret, in plain and in percent-encoded form.
    pub(crate) fn learn(&self, secret: &str) {
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        for spelling in spellings(secret) {
            if !spelling.is_empty() && !secrets.contains(&spelling) {
                // Longest first: a secret may be the beginning of a longer one, whose end would remain.
                let place = secrets.partition_point(|longer| longer.len() >= spelling.len());
                secrets.insert(place, spelling);
            }
        }
    }

    /// Returns the text without any secret, sanitized for display, at most `longest` characters long.
    pub(crate) fn clean(&self, text: &str, longest: usize) -> String {
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut clean = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if let Some(secret) = secrets.iter().find(|secret| rest.starts_with(secret.as_str())) {
                clean.push_str("[redacted]");
                rest = &rest[secret.len()..];
            } else {
                clean.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
        sanitize(&clean, longest)
    }
}

/// The secret in plain, form-encoded (a space is `+`), percent-encoded (a space is `%20`), and
/// percent-encoded with lowercase digits.
fn spellings(secret: &str) -> [Zeroizing<String>; 4] {
    let form: String = byte_serialize(secret.as_bytes()).collect();
    let percent = form.replace('+', "%20");
    let lowercase = with_lowercase_digits(&percent);
    [secret.to_owned(), form, percent, lowercase].map(Zeroizing::new)
}

fn with_lowercase_digits(encoded: &str) -> String {
    let mut parts = encoded.split('%');
    let mut lowercase = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        lowercase.extend(["%", &digits.to_ascii_lowercase(), rest]);
    }
    lowercase
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_secret_is_taken_out_and_the_longest_first() {
        let redactor = Redactor::default();
        redactor.learn("C/o d~e");
        redactor.learn("C/o d~e-and-more");
        redactor.learn("");
        for (text, clean) in [
            ("code C/o d~e, is spent", "code [redacted], is spent"),
            ("code=C%2Fo+d%7Ee&x", "code=[redacted]&x"),
            ("code=C%2Fo%20d%7Ee&x", "code=[redacted]&x"),
            ("code=C%2fo%20d%7ee&x", "code=[redacted]&x"),
            ("C/o d~e-and-more", "[redacted]"),
            ("C/o d~eC/o d~e", "[redacted][redacted]"),
            ("nothing secret: c/o D", "nothing secret: c/o D"),
            ("\u{1b}[2J sk-proj-unknown", r"\u{1b}[2J sk-[redacted]"),
        ] {
            assert_eq!(redactor.clean(text, 300), clean);
        }
    }

    #[test]
    fn the_limit_cuts_what_is_clean_already() {
        let redactor = Redactor::default();
        redactor.learn("canary-canary");
        for longest in 0..40 {
            let clean = redactor.clean("the code canary-canary is spent", longest);
            assert!(clean.chars().count() <= longest.max(1) && !clean.contains("canary"), "{clean}");
        }
    }

    #[test]
    fn a_short_secret_does_not_blow_a_text_up() {
        let redactor = Redactor::default();
        for secret in ["r", "e", "d", "a", "c"] {
            redactor.learn(secret);
        }
        assert_eq!(redactor.clean("red", 300), "[redacted]".repeat(3));
    }
}
