//! The end of a value, by rules on which readers agree.

use super::{Head, Lines};
use std::ops::Range;

const UNTERMINATED: &str = "an unclosed quote";
const BACKSLASH: &str = "a backslash before a quote, which some readers treat as the end of the value";
const SUBSTITUTION: &str =
    "a substitution (`$` or a backquote) that some readers do not support: write ${NAME}, or quote it with '";

impl Lines<'_> {
    /// Finds the value, its quote, and the position after the value and the quote.
    pub(super) fn value(&self, head: &Head) -> Result<(Range<usize>, Option<u8>, usize), &'static str> {
        let start = head.start;
        if head.is_empty {
            return Ok((head.equals + 1..head.equals + 1, None, head.equals + 1));
        }
        let quote = self.rest(start).bytes().next().filter(|byte| b"\"'".contains(byte));
        let Some(quote) = quote else {
            let end = self.end_of_word(start, head.is_ours, head.is_exported)?;
            return Ok((start..end, None, end));
        };
        let close = self.closing(quote, start + 1)?;
        if start > head.name.end + 1 && self.text[start..close].contains('\n') {
            return Err("a multi-line value after whitespace, which some readers end at the first newline");
        }
        Ok((start + 1..close, Some(quote), close + 1))
    }

    /// Finds the end of the quoted value that begins here.
    fn closing(&self, quote: u8, start: usize) -> Result<usize, &'static str> {
        let bytes = self.text.as_bytes();
        let (mut at, mut has_escaped_quote) = (start, false);
        while let Some(&byte) = bytes.get(at) {
            let next = bytes.get(at + 1);
            match byte {
                _ if byte == quote => {
                    let has_lines = self.text[start..at].contains('\n');
                    return if has_escaped_quote && has_lines { Err(BACKSLASH) } else { Ok(at) };
                }
                b'\\' if quote == b'\'' && next == Some(&quote) => return Err(BACKSLASH),
                b'\\' if quote == b'"' => match next {
                    Some(b'\\') if bytes.get(at + 2) == Some(&quote) => return Err(BACKSLASH),
                    Some(b'\\' | b'"' | b'$' | b'n') => {
                        has_escaped_quote |= next == Some(&quote);
                        at += 1;
                    }
                    _ => return Err("an escape in \"…\" that some readers do not support: quote it with '"),
                },
                b'$' | b'`' if quote == b'"' => {
                    at = self.end_of_substitution(at, true)?;
                    continue;
                }
                _ => (),
            }
            at += 1;
        }
        Err(UNTERMINATED)
    }

    /// Finds the end of an unquoted value, which may contain quoted parts.
    fn end_of_word(&self, start: usize, is_ours: bool, is_exported: bool) -> Result<usize, &'static str> {
        if is_ours && let Some(end) = self.end_of_placeholder(start) {
            return Ok(end);
        }
        let mut at = start;
        while let Some(c) = self.rest(at).chars().next().filter(|c| !c.is_ascii_whitespace()) {
            let begins_part = at == start || self.text[..at].ends_with(':');
            match c {
                '=' | '~' if begins_part && !self.is_home(at) => {
                    return Err(
                        "a `=` or `~` before a name, which zsh tries to expand: quote the value with '",
                    );
                }
                '$' if is_exported => return Err("an unquoted substitution, which some shells split"),
                '$' | '`' => at = self.end_of_substitution(at, false)?,
                '"' | '\'' => {
                    let is_inside = |other: char| other == ' ' || is_plain(other);
                    let close = self.find(at + 1, |other| !is_inside(other));
                    if self.ends(close) {
                        return Err(UNTERMINATED);
                    } else if !self.rest(close).starts_with(c) {
                        return Err("a quote inside a value, which some readers treat as its end");
                    }
                    at = close + 1;
                }
                '#' if at == start => return Err("a value that begins with `#`, like a comment"),
                '#' => at += 1,
                _ if is_plain(c) => at += c.len_utf8(),
                _ => return Err("a shell metacharacter: quote the value with '"),
            }
        }
        Ok(at)
    }

    /// Returns whether a `~` means the home directory of this user. For another user name, or a `=`, zsh searches for
    /// the user or the program. If it finds none, it ignores the rest of the file.
    fn is_home(&self, at: usize) -> bool {
        self.rest(at)
            .strip_prefix('~')
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ':', ' ', '\t', '\n']))
    }

    /// Finds the end of a placeholder such as `<your key>`, which every reader except a shell takes for a value.
    fn end_of_placeholder(&self, start: usize) -> Option<usize> {
        let inside = self.rest(start).strip_prefix('<')?;
        let close = inside.find(|c: char| c != ' ' && !is_plain(c))?;
        inside[close..].starts_with('>').then_some(start + 1 + close + 1)
    }

    /// Finds the end of `$NAME`, `${NAME}`, `${NAME:-plain}` or `$(plain)`.
    fn end_of_substitution(&self, start: usize, may_have_blanks: bool) -> Result<usize, &'static str> {
        let is_plain =
            |c: char| (c == ' ' && may_have_blanks) || c.is_ascii_alphanumeric() || "_./:-".contains(c);
        let body = start + 2;
        let close = match self.text.as_bytes()[start..] {
            [b'$', b'{', b'A'..=b'Z' | b'a'..=b'z' | b'_', ..] => {
                let name_end = self.find(body, |c| !c.is_ascii_alphanumeric() && c != '_');
                match self.rest(name_end).strip_prefix(":-") {
                    Some(_) => self.find(name_end, |c| !is_plain(c)),
                    None => name_end,
                }
            }
            [b'$', b'(', b'A'..=b'Z' | b'a'..=b'z', ..] => self.find(body, |c| !is_plain(c)),
            [b'$', byte, ..] if byte.is_ascii_alphanumeric() || byte == b'_' => {
                let end = self.find(body, |c| !c.is_ascii_alphanumeric() && c != '_');
                // dotenvy does not recognize an end or an escape there, and zsh recognizes subscripts and modifiers.
                let is_misread = |rest: &str| {
                    rest.starts_with(['"', '\'', '\\', '['])
                        || [":s", ":g", ":&", ":="].iter().any(|modifier| rest.starts_with(modifier))
                };
                return if is_misread(self.rest(end)) { Err(SUBSTITUTION) } else { Ok(end) };
            }
            _ => return Err(SUBSTITUTION),
        };
        let end = if self.text.as_bytes()[start + 1] == b'{' { '}' } else { ')' };
        if self.rest(close).starts_with(end) { Ok(close + 1) } else { Err(SUBSTITUTION) }
    }
}

/// Returns whether a shell takes the character literally in a value without quotes.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_./:@%+,=~^?!*[]{}-".contains(c) || (!c.is_ascii() && !c.is_whitespace())
}
