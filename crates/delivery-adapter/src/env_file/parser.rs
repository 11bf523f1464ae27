//! A parser that finds the lines of a dotenv file that set a variable, if readers agree on the file.
//!
//! A line is accepted only if the readers of Node, npm, Python, Rust and Docker, a POSIX shell and zsh all read the
//! following lines in the same way, and if a shell runs nothing of it except the substitutions of a value.

mod value;

use crate::variable::{NUMBERS, OF_A_SHELL};
use std::ops::Range;

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The reason why a file is not edited. It repeats no content of the file, which may be secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct SyntaxError {
    line: usize,
    what: &'static str,
}

/// The lines of a file that set a variable, and the style of the others.
#[derive(Default)]
pub(super) struct Assignments {
    pub(super) ours: Vec<Assignment>,
    /// True if there are other assignments and each of them is exported.
    pub(super) others_are_exported: bool,
}

/// A line that sets the variable.
pub(super) struct Assignment {
    pub(super) line: usize,
    /// The value between the quotes, if it has any.
    pub(super) value: Range<usize>,
    pub(super) quote: Option<u8>,
    /// The range from the end of the name to the comment, or past the line ending.
    pub(super) whole: Range<usize>,
    pub(super) has_comment: bool,
}

/// Finds each assignment to this variable in the text.
pub(super) fn assignments_to(variable: &str, text: &[u8]) -> Result<Assignments, SyntaxError> {
    let text = check_encoding(text)?;
    let mut lines = Lines { text, at: 0, number: 1, variable, rival: None, pending: None, blank_end: None };
    if text.starts_with(BYTE_ORDER_MARK) {
        lines.check_marked_line()?;
        lines.at = BYTE_ORDER_MARK.len();
        // Node treats the byte order mark as a blank.
        lines.pending = lines.rest(lines.at).starts_with('#').then_some(1);
    }
    let (mut found, mut exported, mut others) = (Assignments::default(), 0, 0);
    while lines.at < text.len() {
        match lines.next()? {
            Line::Skipped => (),
            Line::Ours(assignment) => {
                lines.check_nothing_is_pending()?;
                found.ours.push(assignment);
            }
            Line::Assignment { is_exported } => {
                lines.pending = None;
                others += 1;
                exported += usize::from(is_exported);
            }
        }
    }
    if found.ours.is_empty() {
        lines.check_nothing_is_pending()?;
    } else if let Some(line) = lines.blank_end {
        return Err(SyntaxError {
            line,
            what: "whitespace at the end of the file, which some readers reject",
        });
    }
    if let (Some((line, what)), Some(last)) = (lines.rival, found.ours.last())
        && line > last.line
    {
        return Err(SyntaxError { line, what });
    }
    found.others_are_exported = others > 0 && exported == others;
    Ok(found)
}

/// Returns the text if every reader decodes it into the same characters and lines.
fn check_encoding(text: &[u8]) -> Result<&str, SyntaxError> {
    if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
        return Err(SyntaxError { line: 1, what: "UTF-16, which dotenv readers do not support" });
    }
    let line_of = |at: usize| 1 + text[..at].iter().filter(|byte| **byte == b'\n').count();
    let problem = |at, what| SyntaxError { line: line_of(at), what };
    if let Some(at) = text.iter().position(|byte| *byte == 0) {
        return Err(problem(at, "a NUL byte"));
    }
    let text = str::from_utf8(text)
        .map_err(|error| problem(error.valid_up_to(), "invalid UTF-8, which some readers reject"))?;
    for (at, char) in text.char_indices() {
        if char == '\r' && text.as_bytes().get(at + 1) != Some(&b'\n') {
            return Err(problem(at, "a carriage return without a newline"));
        } else if char.is_control() && !matches!(char, '\t' | '\n' | '\r')
            || matches!(char, '\u{2028}' | '\u{2029}')
        {
            return Err(problem(at, "a control character, which some readers treat as a newline"));
        }
    }
    Ok(text)
}

enum Line {
    Ours(Assignment),
    /// An assignment to another variable.
    Assignment {
        is_exported: bool,
    },
    Skipped,
}

/// An assignment up to its value.
struct Head {
    name: Range<usize>,
    equals: usize,
    /// The position after the blanks that follow `=`.
    start: usize,
    is_empty: bool,
    is_exported: bool,
    is_ours: bool,
}

/// Reads a text line by line. A quoted value may join several lines into one.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    number: usize,
    variable: &'a str,
    /// The last line that only some readers take for an assignment to this variable, with the reason.
    rival: Option<(usize, &'static str)>,
    /// The last line without an assignment that begins with a blank. Node takes this line for a part of the next
    /// name.
    pending: Option<usize>,
    /// The last line, if it ends with blanks and has no line ending.
    blank_end: Option<usize>,
}

impl Lines<'_> {
    /// Checks a line after a byte order mark. Some readers take the mark for a part of the first word, which a shell
    /// would run.
    fn check_marked_line(&self) -> Result<(), SyntaxError> {
        let line = self.text.lines().next().unwrap_or_default().trim_start_matches(BYTE_ORDER_MARK);
        let is_plain = |c: char| c.is_ascii_alphanumeric() || " _.,:/-".contains(c);
        let is_harmless = match line.strip_prefix('#') {
            Some(comment) => comment.chars().all(is_plain),
            None => {
                let name = line.trim_start().trim_start_matches("export ").trim_start();
                !name.is_empty() && !name.starts_with([' ', '\t', '#']) && !self.is_ours(name)
            }
        };
        let what = "a byte order mark, which some readers treat as part of the line";
        if is_harmless { Ok(()) } else { Err(SyntaxError { line: 1, what }) }
    }

    fn is_ours(&self, text: &str) -> bool {
        let rest = text.strip_prefix(self.variable);
        rest.is_some_and(|rest| !rest.starts_with(is_name))
    }

    /// Reads the next line.
    fn next(&mut self) -> Result<Line, SyntaxError> {
        let line = self.number;
        self.parse().map_err(|what| SyntaxError { line, what })
    }

    fn parse(&mut self) -> Result<Line, &'static str> {
        let first = self.after_blanks(self.at);
        if self.ends(first) || self.rest(first).starts_with('#') {
            self.skip(first)?;
            return Ok(Line::Skipped);
        }

        let head = self.head(first)?;
        self.check_blanks(first, &head)?;
        let (value, quote, end) = self.value(&head)?;
        let Head { name, equals, start, is_exported, is_ours, .. } = head;
        let digits = &self.text[value.clone()];
        // bash takes a number with a leading zero for an octal one.
        let is_number =
            digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
        if NUMBERS.contains(&&self.text[name.clone()]) && !is_number {
            return Err(
                "a variable that a shell treats as a number: with any other value, it skips the following lines",
            );
        }
        if !is_ours {
            let unquoted = if quote.is_some() { start..start } else { value.clone() };
            self.check_words(name.end, equals, unquoted)?;
        }
        let after = self.after_blanks(end);
        let has_comment = after > end && self.rest(after).starts_with('#');
        if !has_comment && !self.ends(after) {
            return Err(match quote {
                Some(_) => "text after the quoted value",
                None => "whitespace in an unquoted value: a shell would run the rest",
            });
        }
        if is_ours {
            let line = self.number;
            self.go_past(after);
            let whole = name.end..if has_comment { after } else { self.at };
            return Ok(Line::Ours(Assignment { line, value, quote, whole, has_comment }));
        }
        if is_exported && !has_comment && after > end && self.rest(after).starts_with('\r') {
            return Err("whitespace before a carriage return, which a shell treats as another name");
        }
        self.check_comment(end, after)?;
        self.look_inside(value);
        if self.text[name].eq_ignore_ascii_case(self.variable) {
            let what = "the variable in another case, which pydantic-settings treats as the same variable";
            self.rival = Some((self.number, what));
        }
        if after > end {
            self.note_blank_end(after);
        }
        self.go_past(after);
        Ok(Line::Assignment { is_exported })
    }

    /// Reads an assignment up to the blanks before its value.
    fn head(&self, first: usize) -> Result<Head, &'static str> {
        let name = match self.rest(first).strip_prefix("export") {
            Some(rest) if rest.starts_with([' ', '\t']) => self.after_blanks(first + "export".len()),
            _ => first,
        };
        let is_exported = name > first;
        let is_ours = self.is_ours(self.rest(name));
        let name = name..self.find(name, |c| !is_name(c));
        let equals = self.after_blanks(name.end);
        if !self.rest(equals).starts_with('=') {
            return Err(if is_ours {
                "the variable without `=`"
            } else {
                "neither an assignment nor a comment: a shell would run it"
            });
        }
        self.check_name(name.clone(), is_exported)?;
        let start = self.after_blanks(equals + 1);
        let is_empty = self.ends(start) || (start > equals + 1 && self.rest(start).starts_with('#'));
        Ok(Head { name, equals, start, is_empty, is_exported, is_ours })
    }

    /// Checks the blanks before a name and around `=`.
    fn check_blanks(&self, first: usize, head: &Head) -> Result<(), &'static str> {
        let &Head { ref name, equals, start, is_empty, is_exported, is_ours } = head;
        if is_ours {
            let export = if is_exported { "export " } else { "" };
            if self.text[self.at..first].contains('\t') || self.text[first..name.start] != *export {
                return Err("whitespace before the variable, which some readers treat as part of its name");
            }
        } else if equals > name.end || (start > equals + 1 && !is_empty) {
            // A shell takes the first word for a command. No command has a name of capital letters alone.
            let is_command = self.text[name.clone()].contains(|c: char| c.is_ascii_lowercase());
            if is_exported || is_command || equals == name.end {
                return Err("whitespace around `=`: a shell would run part of the line");
            }
        }
        Ok(())
    }

    /// Skips an empty line or a comment.
    fn skip(&mut self, first: usize) -> Result<(), &'static str> {
        if first > self.at {
            self.pending = Some(self.number);
            self.note_blank_end(first);
        }
        self.check_comment(self.at, first)?;
        let line = self.line_from(first);
        if self.pending.is_some() && ["=\"", "='", "=`"].iter().any(|value| line.contains(value)) {
            return Err(
                "a quoted value in a comment, which Node reads after a line that begins with whitespace",
            );
        }
        self.go_past(first);
        Ok(())
    }

    fn note_blank_end(&mut self, after_blanks: usize) {
        if after_blanks == self.text.len() {
            self.blank_end = Some(self.number);
        }
    }

    fn check_nothing_is_pending(&self) -> Result<(), SyntaxError> {
        let what =
            "a whitespace-only line or an indented comment, which Node treats as part of the next name";
        self.pending.map_or(Ok(()), |line| Err(SyntaxError { line, what }))
    }

    fn check_name(&self, name: Range<usize>, is_exported: bool) -> Result<(), &'static str> {
        let name = &self.text[name];
        let is_valid = !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit() || c == '.');
        // Only shells reject a name with a dot. A shell exits if such a name is to be exported.
        if !is_valid || name.contains('-') || (is_exported && name.contains('.')) {
            return Err("a variable name that some readers reject");
        } else if OF_A_SHELL.contains(&name) {
            return Err("a variable that a shell reserves: it would stop there, or skip the following lines");
        }
        Ok(())
    }

    /// Checks a line that a shell takes for a command with arguments. zsh searches for the files of a pattern, and
    /// for the program of a word that begins with `=`. If it finds none, it ignores the rest of the file.
    fn check_words(
        &self,
        name_end: usize,
        equals: usize,
        unquoted: Range<usize>,
    ) -> Result<(), &'static str> {
        let is_marked =
            self.at > 0 && self.at == BYTE_ORDER_MARK.len() && self.text.starts_with(BYTE_ORDER_MARK);
        let has_blank = equals > name_end || unquoted.start > equals + 1;
        let has_dot = self.text[self.at..name_end].contains('.');
        if (is_marked || has_blank || has_dot) && self.text[unquoted].contains(['*', '?', '[']) {
            return Err("a glob pattern in a line that a shell treats as a command: quote the value with '");
        }
        let rest = self.rest(equals + 1);
        if equals > name_end && !rest.is_empty() && !rest.starts_with([' ', '\t', '\n']) {
            return Err("whitespace before `=` only, which zsh treats as the name of a program");
        }
        Ok(())
    }

    /// Finds lines in a value that would assign the variable for readers that do not support multi-line values.
    fn look_inside(&mut self, value: Range<usize>) {
        let inner = self.text[value].split('\n').enumerate().skip(1);
        let ours = inner.filter(|(_, line)| {
            let line = line.trim_start();
            self.is_ours(line) || self.is_ours(line.trim_start_matches("export").trim_start())
        });
        let what = "the variable inside another variable's value, which some readers treat as an assignment";
        let last = ours.last().map(|(lines, _)| (self.number + lines, what));
        self.rival = last.or(self.rival);
    }

    /// Moves to the line after the end of the value.
    fn go_past(&mut self, end_of_value: usize) {
        let next = self.find(end_of_value, |c| c == '\n') + 1;
        let next = next.min(self.text.len());
        self.number += self.text[self.at..next].matches('\n').count();
        self.at = next;
    }

    /// Checks a comment. dotenvy recognizes a comment only after an odd number of blanks.
    fn check_comment(&self, blanks: usize, comment: usize) -> Result<(), &'static str> {
        if comment > blanks + 1 && self.line_from(comment).contains(['"', '\'', '\\']) {
            return Err(
                "a quote or backslash in a comment after several spaces or tabs, which some readers treat as a value",
            );
        }
        Ok(())
    }

    fn line_from(&self, at: usize) -> &str {
        self.rest(at).lines().next().unwrap_or_default()
    }

    fn rest(&self, from: usize) -> &str {
        &self.text[from..]
    }

    /// Returns whether the line ends here.
    fn ends(&self, at: usize) -> bool {
        matches!(self.text.as_bytes().get(at), None | Some(b'\r' | b'\n'))
    }

    /// Returns the position of the first matching character from `from` on, or the end of the text.
    fn find(&self, from: usize, like: impl Fn(char) -> bool) -> usize {
        self.rest(from).find(like).map_or(self.text.len(), |found| from + found)
    }

    fn after_blanks(&self, from: usize) -> usize {
        self.find(from, |c| !matches!(c, ' ' | '\t'))
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_.-".contains(c)
}
