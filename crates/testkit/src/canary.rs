//! Finds secrets in outputs and files, in each form in which a program may leak one.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use url::form_urlencoded::byte_serialize;

/// The length from which a piece of a secret counts as found, in characters. A shorter piece may occur by chance, such
/// as the prefix of a key.
const ENOUGH: usize = 12;

/// The secrets to look for: every piece of every secret, in every form.
#[derive(Default)]
pub struct Canaries {
    /// The pieces with their forms, by length, so that a text is searched once for each length.
    pieces: BTreeMap<usize, HashMap<Vec<u8>, &'static str>>,
}

impl Canaries {
    /// Creates a search for these secrets.
    pub fn of(secrets: impl IntoIterator<Item = String>) -> Self {
        let mut canaries = Self::default();
        for secret in secrets {
            canaries.add(&secret);
        }
        canaries
    }

    fn add(&mut self, secret: &str) {
        let bytes = secret.as_bytes();
        let in_hex = |before: &str| {
            bytes.iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{before}{byte:02x}").unwrap();
                hex
            })
        };
        let json = serde_json::Value::from(secret).to_string();
        for (form, length, text) in [
            ("as it is", ENOUGH, secret.to_owned()),
            ("in small letters", ENOUGH, secret.to_lowercase()),
            ("in capital letters", ENOUGH, secret.to_uppercase()),
            ("form-encoded", ENOUGH, byte_serialize(bytes).collect()),
            ("in JSON", ENOUGH, json[1..json.len() - 1].to_owned()),
            ("percent-encoded", 3 * ENOUGH, in_hex("%")),
            ("percent-encoded", 3 * ENOUGH, in_hex("%").to_uppercase()),
            ("in hexadecimal", 2 * ENOUGH, in_hex("")),
            ("in hexadecimal", 2 * ENOUGH, in_hex("").to_uppercase()),
            ("escaped in JSON", 6 * ENOUGH, in_hex("\\u00")),
            ("escaped in JSON", 6 * ENOUGH, in_hex("\\u00").to_uppercase().replace('U', "u")),
        ] {
            self.add_pieces(form, length, &text);
        }
        // The preceding bytes decide between three encodings. The first and last characters also depend on the
        // surrounding bytes, so they are left out.
        for shift in 0..3 {
            let shifted = [&[0; 2][..shift], bytes].concat();
            let inside = [0, 2, 3][shift]..shifted.len() * 8 / 6;
            for engine in [BASE64_STANDARD, BASE64_URL_SAFE] {
                self.add_pieces("in base64", ENOUGH * 8 / 6, &engine.encode(&shifted)[inside.clone()]);
            }
        }
    }

    fn add_pieces(&mut self, form: &'static str, length: usize, text: &str) {
        let pieces = self.pieces.entry(length).or_default();
        for piece in text.as_bytes().windows(length) {
            pieces.entry(piece.to_vec()).or_insert(form);
        }
    }

    /// Returns the first piece of a secret in this text, and its form.
    pub fn find(&self, text: impl AsRef<[u8]>) -> Option<String> {
        self.pieces.iter().find_map(|(length, pieces)| {
            text.as_ref().windows(*length).find_map(|piece| {
                let form = pieces.get(piece)?;
                Some(format!("a secret {form}: {}", String::from_utf8_lossy(piece)))
            })
        })
    }

    /// Returns the files below this directory whose name or content has a secret, each with that secret. Symbolic links
    /// are skipped.
    pub fn files_below(&self, directory: &Path) -> Vec<(PathBuf, String)> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_symlink() {
                continue;
            }
            let content = if path.is_dir() {
                found.extend(self.files_below(&path));
                Vec::new()
            } else if path.is_file() {
                std::fs::read(&path).unwrap()
            } else {
                Vec::new()
            };
            let name = path.file_name().unwrap().as_encoded_bytes();
            found.extend([name, &content].iter().find_map(|text| Some((path.clone(), self.find(text)?))));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_each_form_wherever_it_is() {
        const SECRET: &str = "sk-proj-A1b2/C3+d4\"E5_f6 g7~H8\\i9";
        let canaries = Canaries::of([SECRET.to_owned()]);
        let hex = |before: &str| SECRET.bytes().map(|byte| format!("{before}{byte:02x}")).collect::<String>();
        let form: String = byte_serialize(SECRET.as_bytes()).collect();
        let mut texts = vec![
            SECRET.to_owned(),
            SECRET[8..20].to_owned(),
            SECRET.to_lowercase(),
            SECRET.to_uppercase(),
            form.clone(),
            form.replace('+', "%20"),
            hex("%"),
            hex("%").to_uppercase(),
            hex(""),
            hex("").to_uppercase(),
            hex("\\u00"),
            hex("\\u00").to_uppercase().replace('U', "u"),
            serde_json::Value::from(SECRET).to_string(),
        ];
        for before in ["", "a", "ab", "abc"] {
            for engine in [BASE64_STANDARD, BASE64_URL_SAFE] {
                texts.push(engine.encode(format!("{before}{SECRET}and more")));
            }
        }
        for text in texts {
            for surrounded in [text.clone(), format!("error: \u{1b}[1m{text}\u{1b}[0m, é\n")] {
                assert!(canaries.find(&surrounded).is_some(), "{surrounded}");
            }
        }
        for harmless in
            ["", "sk-proj-", &SECRET[..ENOUGH - 1], "a key ending in \\i9", &SECRET.replace('2', "3")[..15]]
        {
            assert_eq!(canaries.find(harmless), None, "{harmless}");
        }
    }

    #[test]
    fn a_secret_is_found_in_files_and_in_their_names() {
        let directory = tempfile::tempdir().unwrap();
        let canaries = Canaries::of(["sk-proj-0123456789".to_owned()]);
        std::fs::create_dir_all(directory.path().join("a/b")).unwrap();
        for (name, content) in
            [("a/b/c", "KEY=sk-proj-0123456789"), ("a/sk-proj-0123456789", ""), ("d", "sk-proj-")]
        {
            std::fs::write(directory.path().join(name), content).unwrap();
        }
        let mut found: Vec<_> =
            canaries.files_below(directory.path()).into_iter().map(|(path, _)| path).collect();
        found.sort();
        assert_eq!(found, [directory.path().join("a/b/c"), directory.path().join("a/sk-proj-0123456789")]);
    }
}
