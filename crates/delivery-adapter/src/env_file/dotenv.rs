//! A dotenv file, changed in one value and nowhere else.
//!
//! There is no standard. This module reads what common readers (node's, Python's, Rust's, Docker
//! Compose's, a shell) agree on. If they would see different values in a line that matters, the file is
//! refused. Nothing is expanded, and nothing is run.

use super::parser::{BYTE_ORDER_MARK, SyntaxError, Value, values_of};
use crate::variable::VariableName;
use zeroize::Zeroizing;

/// A value that needs no quotes and that every reader takes literally.
pub(super) struct PlainValue<'a>(&'a str);

impl<'a> PlainValue<'a> {
    /// Returns `None` if a reader might expand, cut or run a part of it.
    pub(super) fn parse(value: &'a str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+/=".contains(&byte);
        (!value.is_empty() && value.bytes().all(plain)).then_some(Self(value))
    }
}

/// The text of a file, and the places where it sets one variable.
pub(super) struct Dotenv<'a> {
    text: &'a [u8],
    name: &'a str,
    values: Vec<Value>,
}

impl<'a> Dotenv<'a> {
    pub(super) fn parse(text: &'a [u8], variable: &'a VariableName) -> Result<Self, SyntaxError> {
        let name = variable.as_str();
        Ok(Self { text, name, values: values_of(name, text)? })
    }

    /// The numbers of the lines that set the variable.
    pub(super) fn lines(&self) -> impl Iterator<Item = usize> {
        self.values.iter().map(|value| value.line)
    }

    /// The value of the variable in each of those lines.
    pub(super) fn values(&self) -> impl Iterator<Item = &'a [u8]> {
        self.values.iter().map(|value| &self.text[value.span.clone()])
    }

    /// Returns the text with the variable set to this value, in each line that sets it, or else in a new last
    /// line.
    pub(super) fn set(&self, PlainValue(value): &PlainValue<'_>) -> Zeroizing<Vec<u8>> {
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

    /// The line ending of the last line that has one.
    fn line_ending(&self) -> &'static [u8] {
        let end = self.text.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
        if self.text[..end].ends_with(b"\r") { b"\r\n" } else { b"\n" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    const KEY: &str = "sk-proj-New_0123456789";

    fn edit(text: &[u8]) -> Result<Vec<u8>, String> {
        let variable = VariableName::default();
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
        let variable = VariableName::default();
        let text = b"A=\"1\n2\"\nOPENAI_API_KEY=one\n\nexport OPENAI_API_KEY=\"two\"\n";
        let dotenv = Dotenv::parse(text, &variable).unwrap();
        assert_eq!(dotenv.lines().collect::<Vec<_>>(), [3, 5]);
        assert_eq!(dotenv.values().collect::<Vec<_>>(), [b"one", b"two"]);
    }

    #[test]
    fn a_value_that_a_shell_would_run_or_a_reader_would_cut_is_not_plain() {
        for value in
            ["", "$(id)", "`id`", "a#b", "a'b", "a\"b", "a b", "a\\n", "~", "${A}", "a;b", "é", "a\nb"]
        {
            assert!(PlainValue::parse(value).is_none(), "{value}");
        }
    }

    /// Lines that such files have, and some that they should not have.
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
        let variable = VariableName::default();
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
