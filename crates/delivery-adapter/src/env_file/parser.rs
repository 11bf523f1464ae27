//! Finds the lines of a dotenv file that set a variable.

use std::ops::Range;

pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

const UNTERMINATED: &str = "a quote that does not end";

/// The reason why a file is not edited. It repeats no content, which may be secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct SyntaxError {
    line: usize,
    what: &'static str,
}

/// The value that a line sets the variable to.
pub(super) struct Value {
    pub(super) line: usize,
    /// Between the quotes, if it has any.
    pub(super) span: Range<usize>,
}

/// Finds each place where the text sets this variable.
pub(super) fn values_of(variable: &str, text: &[u8]) -> Result<Vec<Value>, SyntaxError> {
    check_encoding(text)?;
    let mut values = Vec::new();
    let at = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let mut lines = Lines { text, at, number: 1 };
    while lines.at < text.len() {
        match lines.next(variable) {
            Ok(value) => values.extend(value),
            // Readers disagree on what comes after, and nothing there is changed.
            Err(SyntaxError { what: UNTERMINATED, .. }) if !values.is_empty() => break,
            Err(problem) => return Err(problem),
        }
    }
    Ok(values)
}

fn check_encoding(text: &[u8]) -> Result<(), SyntaxError> {
    if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
        return Err(SyntaxError { line: 1, what: "UTF-16, which readers of such files do not expect" });
    }
    let mut line = 1;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'\n' => line += 1,
            0 => return Err(SyntaxError { line, what: "a NUL byte" }),
            b'\r' if text.get(at + 1) != Some(&b'\n') => {
                return Err(SyntaxError { line, what: "a carriage return that ends no line" });
            }
            _ => (),
        }
    }
    Ok(())
}

/// Reads a text line by line, where a quoted value may make one line of several.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    number: usize,
}

impl Lines<'_> {
    /// Skips a line. Returns the value, if the line sets this variable.
    fn next(&mut self, variable: &str) -> Result<Option<Value>, SyntaxError> {
        let line = self.number;
        let problem = |what| SyntaxError { line, what };
        let end = self.end_of_line(self.at);
        let start = self.after_blanks(self.at);
        if start == end || self.text[start] == b'#' {
            self.go_past(end);
            return Ok(None);
        }

        let start = self.after_export(start);
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
        let name_end = self.find(start, |byte| !is_name(byte));
        let is_ours = &self.text[start..name_end] == variable.as_bytes();
        let separator = self.after_blanks(name_end);
        match self.text.get(separator) {
            Some(b'=') if name_end > start => (),
            _ if is_ours => return Err(problem("the variable without `=`")),
            Some(b':') if name_end > start => (),
            _ if ends_inside_a_quote(&self.text[start..end]) => return Err(problem(UNTERMINATED)),
            _ => {
                self.go_past(end);
                return Ok(None);
            }
        }

        let start = self.after_blanks(separator + 1);
        let quote = self.text.get(start).filter(|byte| b"\"'`".contains(byte));
        let Some(quote) = quote else {
            let span = unquoted(self.text, separator + 1..end);
            self.go_past(end);
            if is_ours && ends_inside_a_quote(&self.text[span.clone()]) {
                return Err(problem(UNTERMINATED));
            }
            return Ok(is_ours.then_some(Value { line, span }));
        };

        let close = self.closing(*quote, start + 1).map_err(problem)?;
        let end = self.end_of_line(close);
        let rest = self.after_blanks(close + 1);
        if is_ours && rest < end && self.text[rest] != b'#' {
            return Err(problem("something after the quoted value"));
        } else if ends_inside_a_quote(&self.text[close + 1..end]) {
            return Err(problem(UNTERMINATED));
        }
        self.go_past(end);
        Ok(is_ours.then_some(Value { line, span: start + 1..close }))
    }

    fn go_past(&mut self, end_of_line: usize) {
        let next = self.find(end_of_line, |byte| *byte == b'\n') + 1;
        let next = next.min(self.text.len());
        self.number += self.text[self.at..next].iter().filter(|byte| **byte == b'\n').count();
        self.at = next;
    }

    /// Finds the first such byte from there on, or the end of the text.
    fn find(&self, from: usize, like: impl Fn(&u8) -> bool) -> usize {
        self.text[from..].iter().position(like).map_or(self.text.len(), |found| from + found)
    }

    fn end_of_line(&self, from: usize) -> usize {
        self.find(from, |byte| matches!(byte, b'\r' | b'\n'))
    }

    fn after_blanks(&self, from: usize) -> usize {
        self.find(from, |byte| !is_blank(*byte))
    }

    /// Skips an `export ` before a name.
    fn after_export(&self, from: usize) -> usize {
        match self.text[from..].strip_prefix(b"export") {
            Some([byte, ..]) if is_blank(*byte) => self.after_blanks(from + "export".len()),
            _ => from,
        }
    }

    /// Finds the end of the quoted value that begins here.
    fn closing(&self, quote: u8, start: usize) -> Result<usize, &'static str> {
        let mut at = start;
        while let Some(byte) = self.text.get(at) {
            if *byte == quote {
                return Ok(at);
            }
            if *byte == b'\\' && quote == b'"' {
                at += 1;
            } else if *byte == b'\\' && self.text.get(at + 1) == Some(&quote) {
                return Err("a backslash before a quote, which some readers take for its end");
            }
            at += 1;
        }
        Err(UNTERMINATED)
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// A value without the blanks around it and the comment after it. An empty one follows the `=`
/// directly.
fn unquoted(text: &[u8], whole: Range<usize>) -> Range<usize> {
    let value = &text[whole.clone()];
    let comment = value.windows(2).position(|pair| is_blank(pair[0]) && pair[1] == b'#');
    let value = &value[..comment.unwrap_or(value.len())];
    let is_inside = |byte: &u8| !is_blank(*byte);
    let start = value.iter().position(is_inside).unwrap_or(0);
    let end = value.iter().rposition(is_inside).map_or(0, |last| last + 1);
    whole.start + start..whole.start + end
}

/// Returns whether a shell would continue in the next line.
fn ends_inside_a_quote(line: &[u8]) -> bool {
    let mut quote = None;
    let mut before = b' ';
    let mut bytes = line.iter();
    while let Some(&byte) = bytes.next() {
        match (quote, byte) {
            (None | Some(b'"'), b'\\') => drop(bytes.next()),
            (None, b'#') if is_blank(before) => return false,
            (None, b'"' | b'\'' | b'`') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => (),
        }
        before = byte;
    }
    quote.is_some()
}
