//! Texts that are kept in part.

use crate::json::text;
use keymint_domain::Title;
use serde_json::value::RawValue;

/// The maximum length of a text that is parsed, in bytes of JSON. It is more than enough for 128 characters of 12
/// bytes.
const LONGEST_TEXT: usize = 2048;

/// Parses a string, unless it is too long for an id or a role.
///
/// Even a short-lived long text leaves a gap between the texts that are kept. Thousands of gaps take more memory than
/// the texts.
pub(crate) fn short_text(json: Option<&RawValue>) -> Option<String> {
    text(json.filter(|json| json.get().len() <= LONGEST_TEXT))
}

/// Parses a title, or its beginning if only that is kept.
pub(crate) fn title(json: Option<&RawValue>) -> Option<Title> {
    let json = json?.get();
    let title: String = match beginning(json) {
        Some(beginning) => serde_json::from_str(&format!("{beginning}\"")),
        None => serde_json::from_str(json),
    }
    .ok()?;
    Some(Title::new(title))
}

/// Returns the beginning of a long JSON string, cut between characters and escape sequences, without the closing
/// quote.
fn beginning(json: &str) -> Option<&str> {
    let bytes = json.strip_prefix('"').filter(|_| json.len() > 2 * LONGEST_TEXT)?.as_bytes();
    let mut end = 0;
    while end < LONGEST_TEXT {
        end += match bytes[end..] {
            // The first half of a surrogate pair.
            [b'\\', b'u', b'd' | b'D', b'8'..=b'9' | b'a'..=b'b' | b'A'..=b'B', ..] => 12,
            [b'\\', b'u', ..] => 6,
            [b'\\', ..] => 2,
            _ => 1,
        };
    }
    (end..).find_map(|end| json.get(..=end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_title_is_cut_between_characters_however_they_are_written() {
        for (written, character) in [
            ("x", "x"),
            ("\u{1f600}", "\u{1f600}"),
            (r"\ud83d\ude00", "\u{1f600}"),
            (r"\n", "\n"),
            (r"\u0000", "\0"),
        ] {
            for shift in ["", "a", "ab", "abc", "abcdef"] {
                let json = format!("\"{shift}{}\"", written.repeat(16_000));
                let whole = Title::new(format!("{shift}{}", character.repeat(16_000)));
                let json = RawValue::from_string(json).unwrap();
                assert_eq!(title(Some(&json)), Some(whole), "{shift}{written}");
            }
        }
    }
}
