//! Keeping the key out of the output of a program that has it.

use keymint_domain::text::{redact_pieces, sanitize};
use std::collections::HashSet;

/// This many bytes of the key in a row are taken for the key. Fewer may occur anywhere by chance, as its
/// prefix does.
const ENOUGH: usize = 12;

/// Returns the line, safe to display, without the key or a longer piece of it. An encoding of the key is
/// not recognized.
pub(crate) fn mask(line: &str, key: &str) -> String {
    let enough = ENOUGH.min(key.len());
    let pieces: HashSet<_> = key.as_bytes().windows(enough).collect();
    let masked = redact_pieces(line, [enough], |piece| pieces.contains(piece));
    sanitize(&masked.replace('\t', " "), usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk-proj-A1b2C3d4E5f6G7h8";

    #[test]
    fn no_longer_piece_of_the_key_is_left_and_nothing_else_is_lost() {
        for (line, shown) in [
            (KEY.to_owned(), "[redacted]"),
            (format!("stored \"{KEY}\" at\té/🙂"), "stored \"[redacted]\" at é/🙂"),
            (format!("{KEY}{KEY}, {KEY}"), "[redacted], [redacted]"),
            (format!("first half {}", &KEY[..12]), "first half [redacted]"),
            (format!("middle {}…", &KEY[6..20]), "middle [redacted]…"),
            (format!("ends in {}", &KEY[13..]), "ends in 3d4E5f6G7h8"),
            ("see sk-proj-… or \u{1b}[31mred".to_owned(), r"see sk-[redacted]… or \u{1b}[31mred"),
            (String::new(), ""),
        ] {
            assert_eq!(mask(&line, KEY), shown);
        }
        assert_eq!(mask("it is k!, or k", "k!"), "it is [redacted], or k");
    }
}
