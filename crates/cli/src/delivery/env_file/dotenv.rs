//! A dotenv file, changed in one value and nowhere else.
//!
//! There is no standard. What is read here is what the readers in use (node's, Python's, Rust's,
//! Docker Compose's, a shell) agree on. Where they would see other values in a line that matters,
//! the file is refused. Nothing is expanded, and nothing is run.

use std::fmt;
use std::ops::Range;
use zeroize::Zeroizing;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Names of variables that decide which programs, libraries or start-up files are loaded. A key there
/// is a mistake that breaks whoever reads the file.
const LOADING: [&str; 14] = [
    "PATH",
    "HOME",
    "SHELL",
    "IFS",
    "ENV",
    "BASH_ENV",
    "PROMPT_COMMAND",
    "NODE_OPTIONS",
    "PYTHONPATH",
    "PYTHONHOME",
    "PERL5OPT",
    "PERL5LIB",
    "RUBYOPT",
    "JAVA_TOOL_OPTIONS",
];

/// The name of an environment variable that may hold a key.
#[derive(Debug, Clone)]
pub(crate) struct Variable(String);

impl Default for Variable {
    fn default() -> Self {
        Self(Self::OF_LIBRARIES.to_owned())
    }
}

impl Variable {
    /// The one that OpenAI's libraries read.
    pub(crate) const OF_LIBRARIES: &str = "OPENAI_API_KEY";

    pub(crate) fn parse(name: &str) -> Result<Self, &'static str> {
        let well_formed = !name.starts_with(|c: char| c.is_ascii_digit())
            && !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let upper = name.to_ascii_uppercase();
        if !well_formed {
            Err("it must be the name of a variable: letters, digits and _, and no digit first")
        } else if LOADING.contains(&&*upper) || upper.starts_with("LD_") || upper.starts_with("DYLD_") {
            Err("it must not be a variable that decides what programs load")
        } else {
            Ok(Self(name.to_owned()))
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A value that needs no quotes and means itself, whatever reads the file.
pub(crate) struct PlainValue<'a>(&'a str);

impl<'a> PlainValue<'a> {
    /// `None` where a reader might expand, cut or run some of it.
    pub(crate) fn parse(value: &'a str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+/=".contains(&byte);
        (!value.is_empty() && value.bytes().all(plain)).then_some(Self(value))
    }
}

/// Why a file is not edited. It repeats no content, since that may be secret.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    line: usize,
    what: &'static str,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// The text of a file, and where it sets one variable.
pub(crate) struct Dotenv<'a> {
    text: &'a [u8],
    name: &'a str,
    values: Vec<Value>,
}

struct Value {
    line: usize,
    /// Between the quotes, if it has any.
    span: Range<usize>,
}

impl<'a> Dotenv<'a> {
    pub(crate) fn parse(text: &'a [u8], variable: &'a Variable) -> Result<Self, Problem> {
        refuse_what_is_no_text(text)?;
        let name = variable.as_str();
        let mut values = Vec::new();
        let mut lines = Lines { text, at: 0, number: 1 };
        if text.starts_with(BYTE_ORDER_MARK) {
            lines.at = BYTE_ORDER_MARK.len();
        }
        while lines.at < text.len() {
            match lines.next(name) {
                Ok(value) => values.extend(value),
                // Readers disagree on what comes after, and nothing there is changed.
                Err(Problem { what: UNTERMINATED, .. }) if !values.is_empty() => break,
                Err(problem) => return Err(problem),
            }
        }
        Ok(Self { text, name, values })
    }

    /// The numbers of the lines that set the variable.
    pub(crate) fn lines(&self) -> impl Iterator<Item = usize> {
        self.values.iter().map(|value| value.line)
    }

    /// What the variable is set to, in each of those lines.
    pub(crate) fn values(&self) -> impl Iterator<Item = &'a [u8]> {
        self.values.iter().map(|value| &self.text[value.span.clone()])
    }

    /// The text with the variable set to this: in each line that sets it, or else in a new last line.
    pub(crate) fn set(&self, PlainValue(value): &PlainValue<'_>) -> Zeroizing<Vec<u8>> {
        // Never moved while it grows, which would leave a copy behind.
        let most = self.text.len() + value.len() * self.values.len().max(1) + self.name.len() + 5;
        let mut new = Zeroizing::new(Vec::with_capacity(most));
        let mut copied = 0;
        for Value { span, .. } in &self.values {
            new.extend_from_slice(&self.text[copied..span.start]);
            new.extend_from_slice(value.as_bytes());
            copied = span.end;
        }
        let rest = &self.text[copied..];
        new.extend_from_slice(rest);
        if self.values.is_empty() {
            if !matches!(rest, [] | [.., b'\n']) && rest != BYTE_ORDER_MARK {
                new.extend_from_slice(self.line_ending());
            }
            for part in [self.name.as_bytes(), b"=", value.as_bytes(), self.line_ending()] {
                new.extend_from_slice(part);
            }
        } else if !rest.contains(&b'\n') {
            new.extend_from_slice(self.line_ending());
        }
        new
    }

    /// As the last line that has one ends.
    fn line_ending(&self) -> &'static [u8] {
        let end = self.text.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
        if self.text[..end].ends_with(b"\r") { b"\r\n" } else { b"\n" }
    }
}

const UNTERMINATED: &str = "a quote that does not end";

fn refuse_what_is_no_text(text: &[u8]) -> Result<(), Problem> {
    if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
        return Err(Problem { line: 1, what: "UTF-16, which readers of such files do not expect" });
    }
    let mut line = 1;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'\n' => line += 1,
            0 => return Err(Problem { line, what: "a NUL byte" }),
            b'\r' if text.get(at + 1) != Some(&b'\n') => {
                return Err(Problem { line, what: "a carriage return that ends no line" });
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
    /// Goes past a line. Returns the value, if this is the variable that it sets.
    fn next(&mut self, variable: &str) -> Result<Option<Value>, Problem> {
        let line = self.number;
        let problem = |what| Problem { line, what };
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

    /// The first byte from there on that is like this, or the end of the text.
    fn find(&self, from: usize, like: impl Fn(&u8) -> bool) -> usize {
        self.text[from..].iter().position(like).map_or(self.text.len(), |found| from + found)
    }

    fn end_of_line(&self, from: usize) -> usize {
        self.find(from, |byte| matches!(byte, b'\r' | b'\n'))
    }

    fn after_blanks(&self, from: usize) -> usize {
        self.find(from, |byte| !is_blank(*byte))
    }

    /// Past an `export ` that stands before a name.
    fn after_export(&self, from: usize) -> usize {
        match self.text[from..].strip_prefix(b"export") {
            Some([byte, ..]) if is_blank(*byte) => self.after_blanks(from + "export".len()),
            _ => from,
        }
    }

    /// Where the quoted value that begins here ends.
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

/// A value without the blanks around it and the comment after it. An empty one stands right after
/// the `=`.
fn unquoted(text: &[u8], whole: Range<usize>) -> Range<usize> {
    let value = &text[whole.clone()];
    let comment = value.windows(2).position(|pair| is_blank(pair[0]) && pair[1] == b'#');
    let value = &value[..comment.unwrap_or(value.len())];
    let is_inside = |byte: &u8| !is_blank(*byte);
    let start = value.iter().position(is_inside).unwrap_or(0);
    let end = value.iter().rposition(is_inside).map_or(0, |last| last + 1);
    whole.start + start..whole.start + end
}

/// Whether a shell would read on in the next line.
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    const KEY: &str = "sk-proj-New_0123456789";

    fn edit(text: &[u8]) -> Result<Vec<u8>, String> {
        let variable = Variable::default();
        let dotenv = Dotenv::parse(text, &variable).map_err(|problem| problem.to_string())?;
        Ok(dotenv.set(&PlainValue::parse(KEY).unwrap()).to_vec())
    }

    /// `old` stands for a value, and `NEW` for the key.
    fn becomes(old: &str, new: &str) {
        let edited = edit(old.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(edited).unwrap(), new.replace("NEW", KEY), "from {old:?}");
    }

    #[test]
    fn a_variable_is_added_in_a_line_of_its_own() {
        for (old, new) in [
            ("", "OPENAI_API_KEY=NEW\n"),
            ("\n", "\nOPENAI_API_KEY=NEW\n"),
            ("A=1\n", "A=1\nOPENAI_API_KEY=NEW\n"),
            ("A=1", "A=1\nOPENAI_API_KEY=NEW\n"),
            ("# only a comment", "# only a comment\nOPENAI_API_KEY=NEW\n"),
            ("A=1\r\nB=2\r\n", "A=1\r\nB=2\r\nOPENAI_API_KEY=NEW\r\n"),
            ("A=1\r\nB=2", "A=1\r\nB=2\r\nOPENAI_API_KEY=NEW\r\n"),
            ("A=1\r\nB=2\n", "A=1\r\nB=2\nOPENAI_API_KEY=NEW\n"),
            ("\u{feff}", "\u{feff}OPENAI_API_KEY=NEW\n"),
            ("\u{feff}A=1\n", "\u{feff}A=1\nOPENAI_API_KEY=NEW\n"),
            ("#OPENAI_API_KEY=old\n", "#OPENAI_API_KEY=old\nOPENAI_API_KEY=NEW\n"),
            ("A=$(id) `id` ${B}\n", "A=$(id) `id` ${B}\nOPENAI_API_KEY=NEW\n"),
            ("A=it's\n", "A=it's\nOPENAI_API_KEY=NEW\n"),
            ("source_env \"x y\"\n", "source_env \"x y\"\nOPENAI_API_KEY=NEW\n"),
        ] {
            becomes(old, new);
        }
    }

    #[test]
    fn other_names_are_other_variables() {
        for name in [
            "OPENAI_API_KEY_2",
            "MY_OPENAI_API_KEY",
            "openai_api_key",
            "OPENAI_API_KEY.x",
            "X-OPENAI_API_KEY",
        ] {
            becomes(&format!("{name}=old\n"), &format!("{name}=old\nOPENAI_API_KEY=NEW\n"));
        }
    }

    #[test]
    fn in_a_replaced_line_only_the_value_changes() {
        for (old, new) in [
            ("A=1\nOPENAI_API_KEY=old\nB=2\n", "A=1\nOPENAI_API_KEY=NEW\nB=2\n"),
            ("\u{feff}OPENAI_API_KEY=old\n", "\u{feff}OPENAI_API_KEY=NEW\n"),
            ("export OPENAI_API_KEY=old # note\n", "export OPENAI_API_KEY=NEW # note\n"),
            ("  export\tOPENAI_API_KEY\t=  old\t\n", "  export\tOPENAI_API_KEY\t=  NEW\t\n"),
            ("OPENAI_API_KEY=\"old\" # 'it\n", "OPENAI_API_KEY=\"NEW\" # 'it\n"),
            ("OPENAI_API_KEY='old'# note\n", "OPENAI_API_KEY='NEW'# note\n"),
            ("OPENAI_API_KEY=`old`\n", "OPENAI_API_KEY=`NEW`\n"),
            ("OPENAI_API_KEY=\n", "OPENAI_API_KEY=NEW\n"),
            ("OPENAI_API_KEY=   \n", "OPENAI_API_KEY=NEW   \n"),
            ("OPENAI_API_KEY= # note\n", "OPENAI_API_KEY=NEW # note\n"),
            ("OPENAI_API_KEY=\"\"\n", "OPENAI_API_KEY=\"NEW\"\n"),
            ("OPENAI_API_KEY=o#l d\n", "OPENAI_API_KEY=NEW\n"),
            ("OPENAI_API_KEY=\"o\\\"l\nd\" # note\nB=1\n", "OPENAI_API_KEY=\"NEW\" # note\nB=1\n"),
            ("OPENAI_API_KEY=old\r\nA=1\n", "OPENAI_API_KEY=NEW\r\nA=1\n"),
            ("A=1\nOPENAI_API_KEY=old", "A=1\nOPENAI_API_KEY=NEW\n"),
            ("A=1\r\nOPENAI_API_KEY=old", "A=1\r\nOPENAI_API_KEY=NEW\r\n"),
            (
                "OPENAI_API_KEY=old\nA=\"open\nOPENAI_API_KEY=x",
                "OPENAI_API_KEY=NEW\nA=\"open\nOPENAI_API_KEY=x",
            ),
            ("OPENAI_API_KEY=a\nOPENAI_API_KEY='b'\n", "OPENAI_API_KEY=NEW\nOPENAI_API_KEY='NEW'\n"),
        ] {
            becomes(old, new);
        }
    }

    #[test]
    fn a_value_of_several_lines_is_left_alone_whatever_stands_in_it() {
        for value in [
            "\"a\nOPENAI_API_KEY=x\nb\"",
            "'\nOPENAI_API_KEY=x'",
            "`\nOPENAI_API_KEY=x\n`",
            "\"\\\"\nOPENAI_API_KEY=x\"",
        ] {
            becomes(&format!("A={value}\n"), &format!("A={value}\nOPENAI_API_KEY=NEW\n"));
            becomes(&format!("A: {value} # '\n"), &format!("A: {value} # '\nOPENAI_API_KEY=NEW\n"));
        }
    }

    #[test]
    fn bytes_that_are_no_utf_8_stay() {
        let edited = edit(b"A=\xff\xfe\nOPENAI_API_KEY=\xc3\n# \x80\n").unwrap();
        assert_eq!(edited, [b"A=\xff\xfe\nOPENAI_API_KEY=", KEY.as_bytes(), b"\n# \x80\n"].concat());
    }

    #[test]
    fn what_readers_disagree_on_is_refused_by_the_number_of_its_line() {
        for (text, problem) in [
            (&b"A=1\nB=\"secret\nOPENAI_API_KEY=old\n"[..], "line 2: a quote that does not end"),
            (b"A='secret", "line 1: a quote that does not end"),
            (b"A='a'\"secret\nOPENAI_API_KEY=old\n\"\n", "line 1: a quote that does not end"),
            (b"declare \"secret\nOPENAI_API_KEY=old\n\"\n", "line 1: a quote that does not end"),
            (b"OPENAI_API_KEY=old\"secret\n\"\n", "line 1: a quote that does not end"),
            (b"A='secret\\'\n", "line 1: a backslash before a quote, which some readers take for its end"),
            (b"A=\"\n\n\"\nOPENAI_API_KEY\n", "line 4: the variable without `=`"),
            (b"export OPENAI_API_KEY\n", "line 1: the variable without `=`"),
            (b"OPENAI_API_KEY: secret\n", "line 1: the variable without `=`"),
            (b"OPENAI_API_KEY+=secret\n", "line 1: the variable without `=`"),
            (b"OPENAI_API_KEY=\"secret\"more\n", "line 1: something after the quoted value"),
            (b"\xff\xfeA\0=\0", "line 1: UTF-16, which readers of such files do not expect"),
            (b"A=1\nB=\0\n", "line 2: a NUL byte"),
            (b"A=1\nB=1\rOPENAI_API_KEY=old\n", "line 2: a carriage return that ends no line"),
        ] {
            assert_eq!(edit(text), Err(problem.to_owned()));
        }
    }

    #[test]
    fn each_line_that_sets_the_variable_is_known() {
        let variable = Variable::default();
        let text = b"A=\"1\n2\"\nOPENAI_API_KEY=one\n\nexport OPENAI_API_KEY=\"two\"\n";
        let dotenv = Dotenv::parse(text, &variable).unwrap();
        assert_eq!(dotenv.lines().collect::<Vec<_>>(), [3, 5]);
        assert_eq!(dotenv.values().collect::<Vec<_>>(), [b"one", b"two"]);
    }

    #[test]
    fn a_variable_has_a_name_that_every_shell_takes_and_no_program_is_loaded_by() {
        for name in ["OPENAI_API_KEY", "_", "a1", "OPENAI_KEY_LD_"] {
            assert!(Variable::parse(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "A B",
            "1X",
            "x=y",
            "A-B",
            "É",
            "A\n",
            "PATH",
            "Path",
            "LD_PRELOAD",
            "DYLD_INSERT_LIBRARIES",
            "BASH_ENV",
        ] {
            assert!(Variable::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_value_that_a_shell_would_run_or_a_reader_would_cut_is_not_plain() {
        for value in
            ["", "$(id)", "`id`", "a#b", "a'b", "a\"b", "a b", "a\\n", "~", "${A}", "a;b", "é", "a\nb"]
        {
            assert!(PlainValue::parse(value).is_none(), "{value}");
        }
    }

    /// Lines as they stand in such files, and some that should not.
    fn line() -> impl Strategy<Value = String> {
        let ours = select(vec![
            "OPENAI_API_KEY=old",
            "OPENAI_API_KEY=",
            "export OPENAI_API_KEY=\"old\"",
            "  OPENAI_API_KEY='old' # note",
            "OPENAI_API_KEY= old # note",
        ]);
        let others = select(vec![
            "",
            "# a comment with \"quotes'",
            "#OPENAI_API_KEY=old",
            "A=1",
            "export B='two words' # note",
            "C=\"several\nOPENAI_API_KEY=x\nlines\"",
            "D='several\r\nOPENAI_API_KEY=x'",
            "E=\"an \\\" escape\"",
            "OPENAI_API_KEY_2=x",
            "  F = spaced  ",
            "G=a#b",
            "H=",
        ]);
        prop_oneof![
            1 => ours.prop_map(str::to_owned),
            6 => others.prop_map(str::to_owned),
            2 => "[A-Z][A-Z0-9_]{0,8}=[a-z0-9:/@.-]{0,12}",
        ]
    }

    fn file() -> impl Strategy<Value = String> {
        let ending = select(vec!["\n", "\n", "\r\n"]);
        (any::<bool>(), vec((line(), ending), 0..12), any::<bool>()).prop_map(|(mark, lines, ends)| {
            let mut text: String = lines.iter().flat_map(|(line, ending)| [line.as_str(), ending]).collect();
            if !ends {
                text.truncate(text.trim_end_matches(['\r', '\n']).len());
            }
            if mark { format!("\u{feff}{text}") } else { text }
        })
    }

    /// As an independent reader sees it.
    fn read(text: &[u8]) -> Option<Vec<(String, String)>> {
        dotenvy::from_read_iter(text).collect::<Result<_, _>>().ok()
    }

    /// Nothing but the values has changed, and a second time nothing at all does.
    fn hold_to_the_promise(old: &[u8], new: &[u8]) {
        let variable = Variable::default();
        let before = Dotenv::parse(old, &variable).unwrap();
        let after = Dotenv::parse(new, &variable).unwrap();
        assert!(after.values().all(|value| value == KEY.as_bytes()));
        assert_eq!(after.values.len(), before.values.len().max(1));
        let mut rest = new;
        let mut copied = 0;
        for Value { span, .. } in &before.values {
            rest = rest.strip_prefix(&old[copied..span.start]).unwrap();
            rest = rest.strip_prefix(KEY.as_bytes()).unwrap();
            copied = span.end;
        }
        let added = rest.strip_prefix(&old[copied..]).unwrap();
        if before.values.is_empty() {
            let line = format!("OPENAI_API_KEY={KEY}");
            assert_eq!(String::from_utf8_lossy(added).trim_matches(['\r', '\n']), line);
        } else {
            assert!(matches!(added, b"" | b"\n" | b"\r\n"));
        }
        assert_eq!(edit(new).unwrap(), new);
    }

    proptest! {
        #[test]
        fn other_readers_see_the_old_variables_and_ours(old in file()) {
            let new = edit(old.as_bytes()).unwrap();
            hold_to_the_promise(old.as_bytes(), &new);
            if let Some(mut expected) = read(old.as_bytes()) {
                let ours = expected.iter_mut().filter(|(name, _)| name == "OPENAI_API_KEY");
                if ours.map(|(_, value)| KEY.clone_into(value)).count() == 0 {
                    expected.push(("OPENAI_API_KEY".to_owned(), KEY.to_owned()));
                }
                prop_assert_eq!(read(&new), Some(expected));
            }
        }

        #[test]
        fn any_text_is_edited_in_the_value_alone_or_refused(old in "(OPENAI_API_KEY|export |=|:|\"|'|`|\\\\|#| |\t|\n|\r\n|A|old)*") {
            if let Ok(new) = edit(old.as_bytes()) {
                hold_to_the_promise(old.as_bytes(), &new);
            }
        }

        #[test]
        fn any_bytes_are_edited_in_the_value_alone_or_refused(old in vec(any::<u8>(), 0..200)) {
            if let Ok(new) = edit(&old) {
                hold_to_the_promise(&old, &new);
            }
        }
    }
}
