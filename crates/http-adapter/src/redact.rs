//! The redaction of a run's secrets in error texts and titles.

use keymint_domain::text::{redact_pieces, sanitize};
use keymint_domain::{Listing, LoginOrganization, Organization, Project, Title};
use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashSet};
use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

/// The length, in bytes, from which a piece of a secret is redacted, since a server may cut or wrap a secret that it
/// quotes. A shorter piece may occur by chance.
const SHORTEST_PIECE: usize = 12;

/// The maximum length of a text, in bytes. The rest is never displayed.
const LONGEST_TEXT: usize = 16 * 1024;

/// The maximum number of pieces. A server may send any number of long secrets.
const MOST_PIECES: usize = 250_000;

/// Recognizes sent or received secrets and their pieces, and removes them from texts.
///
/// It holds hashes under a random key instead of the secrets, which must not outlive their use.
#[derive(Default)]
pub(crate) struct Redactor {
    /// The hashes of the pieces of every secret in every spelling, by the length of the piece.
    pieces: Mutex<Pieces>,
    hashing: RandomState,
}

#[derive(Default)]
struct Pieces {
    by_length: BTreeMap<usize, HashSet<u64>>,
    /// The hashes of whole secrets.
    whole: HashSet<u64>,
    /// The bytes that occur in any spelling, one bit for each. Most titles have no long run of these bytes, and need
    /// no hashes.
    bytes: [u64; 4],
    /// True if a secret did not fit, so that no text is known to be free of secrets.
    is_full: bool,
}

impl Pieces {
    /// Returns whether a piece may be in the text.
    fn may_be_in(&self, text: &str) -> bool {
        let occurs = |byte: &u8| self.bytes[usize::from(byte >> 6)] & (1 << (byte & 63)) != 0;
        let shortest = self.by_length.keys().next();
        let mut runs = text.as_bytes().split(|byte| !occurs(byte));
        shortest.is_some_and(|&shortest| runs.any(|run| run.len() >= shortest))
    }
}

impl Redactor {
    /// Adds a secret in all its spellings.
    pub(crate) fn learn(&self, secret: &str) {
        let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        if pieces.is_full || secret.len() > MOST_PIECES {
            pieces.is_full = true;
            return;
        }
        let spellings = spellings(secret);
        let known: usize = pieces.by_length.values().map(HashSet::len).sum();
        if known + spellings.iter().map(|spelling| spelling.len()).sum::<usize>() > MOST_PIECES {
            *pieces = Pieces { is_full: true, ..Pieces::default() };
            return;
        }
        pieces.whole.insert(self.hashing.hash_one(secret));
        for (index, spelling) in spellings.iter().enumerate() {
            if !spelling.is_empty() && !spellings[..index].contains(spelling) {
                spelling.bytes().for_each(|byte| pieces.bytes[usize::from(byte >> 6)] |= 1 << (byte & 63));
                let length = spelling.len().min(SHORTEST_PIECE);
                let windows = spelling.as_bytes().windows(length);
                pieces
                    .by_length
                    .entry(length)
                    .or_default()
                    .extend(windows.map(|piece| self.hashing.hash_one(piece)));
            }
        }
    }

    /// Returns the text with secrets and long pieces of them redacted, sanitized for display, and cut at `longest`
    /// characters.
    pub(crate) fn clean(&self, text: &str, longest: usize) -> String {
        sanitize(&self.redact(text), longest)
    }

    /// Redacts the titles of a list. Skips an entry whose id is a secret, since ids are displayed and stored.
    pub(crate) fn clean_list<T: Shown>(&self, list: &mut Listing<T>) {
        let entries = list.items.len();
        list.items.retain_mut(|entry| {
            self.clean_entry(entry);
            !self.is_secret(entry.id())
        });
        list.skipped += entries - list.items.len();
    }

    /// Redacts the titles of an entry.
    pub(crate) fn clean_entry(&self, entry: &mut impl Shown) {
        for title in entry.titles().into_iter().flatten() {
            let clean = self.redact(title.raw());
            if clean != title.raw() {
                *title = Title::new(clean);
            }
        }
    }

    /// Returns whether the text is a whole secret.
    fn is_secret(&self, text: &str) -> bool {
        let pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        pieces.whole.contains(&self.hashing.hash_one(text))
    }

    /// Returns the text with secrets and long pieces of them redacted. If there were too many secrets to recognize,
    /// all of the text is redacted.
    pub(crate) fn redact(&self, text: &str) -> String {
        let pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        if pieces.is_full {
            return "[redacted]".to_owned();
        }
        let text = match text.char_indices().find(|(at, _)| *at >= LONGEST_TEXT) {
            Some((end, _)) => &text[..end],
            None => text,
        };
        if !pieces.may_be_in(text) {
            return text.to_owned();
        }
        redact_pieces(text, pieces.by_length.keys().copied(), |piece| {
            pieces.by_length[&piece.len()].contains(&self.hashing.hash_one(piece))
        })
    }
}

/// An entry of a list that is displayed.
pub(crate) trait Shown {
    fn id(&self) -> &str;
    fn titles(&mut self) -> [Option<&mut Title>; 2];
}

impl Shown for Organization {
    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn titles(&mut self) -> [Option<&mut Title>; 2] {
        [self.title.as_mut(), None]
    }
}

impl Shown for LoginOrganization {
    fn id(&self) -> &str {
        self.organization.id()
    }

    fn titles(&mut self) -> [Option<&mut Title>; 2] {
        self.organization.titles()
    }
}

impl Shown for Project {
    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn titles(&mut self) -> [Option<&mut Title>; 2] {
        [self.title.as_mut(), None]
    }
}

/// Returns the spellings of a secret: plain, form-encoded (a space is `+`), percent-encoded (a space is `%20`), and
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
    fn every_spelling_of_a_secret_is_redacted() {
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
            ("C/o d~eC/o d~e", "[redacted]"),
            ("nothing secret: c/o D", "nothing secret: c/o D"),
            ("\u{1b}[2J sk-proj-unknown", r"\u{1b}[2J sk-[redacted]"),
        ] {
            assert_eq!(redactor.clean(text, 300), clean);
        }
    }

    /// A server may cut, wrap or mask a secret that it quotes.
    #[test]
    fn a_piece_of_a_secret_is_redacted() {
        const SECRET: &str = "A1b2C3d4E5f6G7h8+i9";
        let redactor = Redactor::default();
        redactor.learn(SECRET);
        for (text, clean) in [
            (format!("token {} expired", &SECRET[..15]), "token [redacted] expired"),
            (format!("token {}… expired", &SECRET[4..]), "token [redacted]… expired"),
            (format!("token {}***", &SECRET[..12]), "token [redacted]***"),
            (format!("token {}\n{}", &SECRET[..13], &SECRET[13..]), r"token [redacted]\u{a}7h8+i9"),
            ("token G7h8%2bi9 and E5f6G7h8%2Bi".to_owned(), "token G7h8%2bi9 and [redacted]"),
            (format!("é{}é", &SECRET[1..13]), "é[redacted]é"),
            (format!("begins with {}", &SECRET[..11]), "begins with A1b2C3d4E5f"),
        ] {
            assert_eq!(redactor.clean(&text, 300), clean, "{text}");
        }
        redactor.learn("Schlüssel");
        assert_eq!(redactor.clean("der Schlüssel", 300), "der [redacted]");
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
    fn any_number_of_secrets_of_any_length_take_little_memory_and_are_not_shown() {
        let redactor = Redactor::default();
        for number in 0..100 {
            redactor.learn(&format!("secret-number-{number}").repeat(100));
        }
        assert_eq!(redactor.clean("the secret-number-7 is spent", 300), "the [redacted] is spent");
        for long in ["canary".repeat(50_000), "%".repeat(MOST_PIECES), "x".repeat(10 * MOST_PIECES)] {
            let redactor = Redactor::default();
            redactor.learn(&long);
            assert_eq!(redactor.clean("a canary", 300), "[redacted]");
        }
        for number in 0..20_000_u64 {
            let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            redactor.learn(&format!("{mixed:016x}{:016x}", mixed.rotate_left(7)));
        }
        assert!(redactor.pieces.lock().unwrap().by_length.is_empty());
        assert_eq!(redactor.clean("another canary", 300), "[redacted]");
        assert_eq!(redactor.clean("another canary", 3), "[r\u{2026}");
    }

    #[test]
    fn a_short_secret_does_not_blow_a_text_up() {
        let redactor = Redactor::default();
        for secret in ["r", "e", "d", "a", "c"] {
            redactor.learn(secret);
        }
        assert_eq!(redactor.clean("red", 300), "[redacted]");
    }
}
