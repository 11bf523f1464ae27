//! The edit of a dotenv file, which changes a single value.
//!
//! There is no standard for dotenv files. This module follows the common readers (those of Node, npm, Python, Rust
//! and Docker, and shells) where they agree, and refuses a file in which any of them would not see the key. It
//! expands nothing and runs nothing. The crate's test `readers` compares it with those readers.

use super::parser::{Assignment, Assignments, SyntaxError, assignments_to};
use crate::variable::VariableName;
use zeroize::Zeroizing;

/// A value that needs no quotes and that every reader takes literally.
pub(crate) struct PlainValue<'a>(&'a str);

impl<'a> PlainValue<'a> {
    /// Returns `None` if a reader might expand, cut or run a part of the value.
    pub(crate) fn parse(value: &'a str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+/=".contains(&byte);
        // zsh expands a word after `==` to the path of a program.
        let is_plain = !value.is_empty() && !value.starts_with('=') && value.bytes().all(plain);
        is_plain.then_some(Self(value))
    }
}

/// The text of a file, and the positions where it sets one variable.
pub(super) struct Dotenv<'a> {
    text: &'a [u8],
    name: &'a str,
    assignments: Assignments,
}

impl<'a> Dotenv<'a> {
    pub(super) fn parse(text: &'a [u8], variable: &'a VariableName) -> Result<Self, SyntaxError> {
        let name = variable.as_str();
        Ok(Self { text, name, assignments: assignments_to(name, text)? })
    }

    /// Returns the numbers of the lines that set the variable.
    pub(super) fn lines(&self) -> impl Iterator<Item = usize> {
        self.assignments.ours.iter().map(|assignment| assignment.line)
    }

    /// Returns the value of the variable in each of those lines.
    pub(super) fn values(&self) -> impl Iterator<Item = &'a [u8]> {
        self.assignments.ours.iter().map(|assignment| &self.text[assignment.value.clone()])
    }

    /// Returns whether at least one line sets the variable, and each such line sets it to this value.
    pub(super) fn is_set_to(&self, value: &str) -> bool {
        !self.assignments.ours.is_empty() && self.values().all(|found| found == value.as_bytes())
    }

    /// Returns the numbers of the lines among them that have quotes or a comment. Some readers take these for a part
    /// of the value.
    pub(super) fn decorated_lines(&self) -> impl Iterator<Item = usize> {
        let ours = self.assignments.ours.iter();
        ours.filter(|found| found.quote.is_some() || found.has_comment).map(|found| found.line)
    }

    /// Returns the text with the variable set to this value in each line that sets it, or else in a new last line.
    /// Blanks around the `=`, tabs and the line ending are normalized so that every reader understands them.
    pub(super) fn set(&self, PlainValue(value): &PlainValue<'_>) -> Zeroizing<Vec<u8>> {
        let Assignments { ours, others_are_exported } = &self.assignments;
        // Allocated once, since growing the buffer would leave a copy of the key behind.
        let most = self.text.len() + (value.len() + 6) * ours.len().max(1) + self.name.len() + 12;
        let mut new = Zeroizing::new(Vec::with_capacity(most));
        let mut copied = 0;
        for Assignment { quote, whole, has_comment, .. } in ours {
            let end = if *has_comment { b" " } else { b"\n" };
            let quote = quote.as_slice();
            for part in [&self.text[copied..whole.start], b"=", quote, value.as_bytes(), quote, end] {
                new.extend_from_slice(part);
            }
            copied = whole.end;
        }
        let rest = &self.text[copied..];
        new.extend_from_slice(rest);
        let ends_amid_line = match ours.last() {
            None => !matches!(rest, [] | [.., b'\n']),
            Some(last) => last.has_comment && !rest.contains(&b'\n'),
        };
        // A shell takes the carriage return of a foreign line ending for a part of the value.
        if ends_amid_line {
            new.push(b'\n');
        }
        if ours.is_empty() {
            let export = if *others_are_exported { "export " } else { "" };
            for part in [export, self.name, "=", value, "\n"] {
                new.extend_from_slice(part.as_bytes());
            }
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const KEY: &str = "sk-proj-New_0123456789";

    fn edit(text: &[u8]) -> Result<Vec<u8>, String> {
        let variable = VariableName::default();
        let dotenv = Dotenv::parse(text, &variable).map_err(|problem| problem.to_string())?;
        Ok(dotenv.set(&PlainValue::parse(KEY).unwrap()).to_vec())
    }

    /// Checks an edit, in which `old` is replaced with a value and `NEW` with the key.
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
            ("A=1\r\nB=2\r\n", "A=1\r\nB=2\r\nOPENAI_API_KEY=NEW\n"),
            ("A=1\r\nB=2", "A=1\r\nB=2\nOPENAI_API_KEY=NEW\n"),
            ("\u{feff}A=1\n", "\u{feff}A=1\nOPENAI_API_KEY=NEW\n"),
            ("\u{feff}# note\nA=1\n", "\u{feff}# note\nA=1\nOPENAI_API_KEY=NEW\n"),
            ("#OPENAI_API_KEY=old\n", "#OPENAI_API_KEY=old\nOPENAI_API_KEY=NEW\n"),
            ("A=$(id) # `id` ${B}\n", "A=$(id) # `id` ${B}\nOPENAI_API_KEY=NEW\n"),
            ("A=\"it's ${B:-x}\"\n", "A=\"it's ${B:-x}\"\nOPENAI_API_KEY=NEW\n"),
            ("A={\"a\":1}\nB=a#b\n", "A={\"a\":1}\nB=a#b\nOPENAI_API_KEY=NEW\n"),
            ("A='$x \\y `z`'\n", "A='$x \\y `z`'\nOPENAI_API_KEY=NEW\n"),
            ("A = 1\n", "A = 1\nOPENAI_API_KEY=NEW\n"),
        ] {
            becomes(old, new);
        }
    }

    #[test]
    fn a_variable_is_exported_where_all_others_are() {
        for (old, new) in [
            ("# a\n\nexport A=1\nexport B=2\n", "# a\n\nexport A=1\nexport B=2\nexport OPENAI_API_KEY=NEW\n"),
            ("export A=1\nB=2\n", "export A=1\nB=2\nOPENAI_API_KEY=NEW\n"),
            ("export A=1\nOPENAI_API_KEY=\n", "export A=1\nOPENAI_API_KEY=NEW\n"),
        ] {
            becomes(old, new);
        }
    }

    #[test]
    fn other_names_are_other_variables() {
        for name in ["OPENAI_API_KEY_2", "MY_OPENAI_API_KEY", "openai_api_key", "OPENAI_API_KEY.x"] {
            becomes(&format!("{name}=old\n"), &format!("{name}=old\nOPENAI_API_KEY=NEW\n"));
        }
    }

    #[test]
    fn in_a_replaced_line_the_value_changes_and_what_readers_disagree_on() {
        for (old, new) in [
            ("A=1\nOPENAI_API_KEY=old\nB=2\n", "A=1\nOPENAI_API_KEY=NEW\nB=2\n"),
            ("export OPENAI_API_KEY=old # note\n", "export OPENAI_API_KEY=NEW # note\n"),
            ("  export OPENAI_API_KEY\t=  old\t\n", "  export OPENAI_API_KEY=NEW\n"),
            ("OPENAI_API_KEY=old\t# note\n", "OPENAI_API_KEY=NEW # note\n"),
            ("OPENAI_API_KEY=\"old\" # 'it\n", "OPENAI_API_KEY=\"NEW\" # 'it\n"),
            ("OPENAI_API_KEY='old'   # it's\r\n", "OPENAI_API_KEY='NEW' # it's\r\n"),
            ("OPENAI_API_KEY=\n", "OPENAI_API_KEY=NEW\n"),
            ("OPENAI_API_KEY=   \n", "OPENAI_API_KEY=NEW\n"),
            ("OPENAI_API_KEY=\t# note\n", "OPENAI_API_KEY=NEW # note\n"),
            ("OPENAI_API_KEY= # note", "OPENAI_API_KEY=NEW # note\n"),
            ("OPENAI_API_KEY=\"\"\n", "OPENAI_API_KEY=\"NEW\"\n"),
            ("OPENAI_API_KEY=<your key>\n", "OPENAI_API_KEY=NEW\n"),
            ("OPENAI_API_KEY=o#l\n", "OPENAI_API_KEY=NEW\n"),
            ("OPENAI_API_KEY=old\nB=2", "OPENAI_API_KEY=NEW\nB=2"),
            ("OPENAI_API_KEY=\"o\nl d\" # note\nB=1\n", "OPENAI_API_KEY=\"NEW\" # note\nB=1\n"),
            ("OPENAI_API_KEY=old\r\nA=1\r\n", "OPENAI_API_KEY=NEW\nA=1\r\n"),
            ("A=1\r\nOPENAI_API_KEY=old", "A=1\r\nOPENAI_API_KEY=NEW\n"),
            ("openai_api_key=x\nOPENAI_API_KEY=old\n", "openai_api_key=x\nOPENAI_API_KEY=NEW\n"),
            ("OPENAI_API_KEY=a\nOPENAI_API_KEY='b'\n", "OPENAI_API_KEY=NEW\nOPENAI_API_KEY='NEW'\n"),
        ] {
            becomes(old, new);
        }
    }

    #[test]
    fn a_value_of_several_lines_is_left_alone_whatever_it_contains() {
        for value in
            ["\"a\nOPENAI_API_KEY=x\nb\"", "'\nOPENAI_API_KEY=x'", "\"\n  export OPENAI_API_KEY=x\n\""]
        {
            becomes(&format!("A={value}\n"), &format!("A={value}\nOPENAI_API_KEY=NEW\n"));
            becomes(&format!("A={value} # '\n"), &format!("A={value} # '\nOPENAI_API_KEY=NEW\n"));
            let ours_first = format!("OPENAI_API_KEY=old\nA={value}\n");
            assert!(edit(ours_first.as_bytes()).unwrap_err().starts_with("line 3: "), "{ours_first:?}");
        }
    }

    #[test]
    fn a_line_on_which_readers_disagree_is_refused_by_its_number() {
        for (text, problem) in [
            (&b"A=1\nB=\"secret\nOPENAI_API_KEY=old\n"[..], "line 2: an unclosed quote"),
            (b"A='secret", "line 1: an unclosed quote"),
            (b"OPENAI_API_KEY=old\nA=\"open\nOPENAI_API_KEY=x", "line 2: an unclosed quote"),
            (b"A=it's\n", "line 1: an unclosed quote"),
            (b"OPENAI_API_KEY=old\"secret\n\"\n", "line 1: an unclosed quote"),
            (b"A=x\"$B\"\n", "line 1: a quote inside a value"),
            (b"A='a'\"secret\nOPENAI_API_KEY=old\n\"\n", "line 1: text after the quoted value"),
            (b"OPENAI_API_KEY=\"secret\"more\n", "line 1: text after the quoted value"),
            (b"OPENAI_API_KEY='old'# note\n", "line 1: text after the quoted value"),
            (b"A='secret\\'\n", "line 1: a backslash before a quote"),
            (b"A=\"\\\"\nOPENAI_API_KEY=x\"\n", "line 1: a backslash before a quote"),
            (b"A=\"C:\\\\\"\n", "line 1: a backslash before a quote"),
            (b"A=\"C:\\data\"\n", "line 1: an escape in"),
            (b"A=C:\\data\\\nOPENAI_API_KEY=old\n", "line 1: a shell metacharacter"),
            (b"OPENAI_API_KEY=old; B=2\n", "line 1: a shell metacharacter"),
            (b"A=1&\n", "line 1: a shell metacharacter"),
            (b"A=1\nUID=1000\n", "line 2: a variable that a shell reserves"),
            (b"functions=x\n", "line 1: a variable that a shell reserves"),
            (b"A=1\nSECONDS=1s\n", "line 2: a variable that a shell treats as a number"),
            (b"COLUMNS=\"wide\"\n", "line 1: a variable that a shell treats as a number"),
            (b"TMOUT=1s\n", "line 1: a variable that a shell treats as a number"),
            (b"export JOBMAX=old\n", "line 1: a variable that a shell treats as a number"),
            (b"MAILCHECK=08\n", "line 1: a variable that a shell treats as a number"),
            (b"A==x\n", "line 1: a `=` or `~` before a name"),
            (b"A=x:~y\n", "line 1: a `=` or `~` before a name"),
            (b"A =x\n", "line 1: whitespace before `=`"),
            (b"A.B=x*\n", "line 1: a glob pattern"),
            (b"A=$B[x\n", "line 1: a substitution"),
            (b"A=<x>\n", "line 1: a shell metacharacter"),
            (b"OPENAI_API_KEY=`old`\n", "line 1: a substitution"),
            (b"A=\"`old`\"\n", "line 1: a substitution"),
            (b"A=${B:?}\n", "line 1: a substitution"),
            (b"A=\"$B\"\n", "line 1: a substitution"),
            (b"A=\"$(exit; id)\"\n", "line 1: a substitution"),
            (b"export A=$B\n", "line 1: an unquoted substitution"),
            (b"A=two exit\n", "line 1: whitespace in an unquoted value"),
            (b"export OPENAI_API_KEY=old B=2\n", "line 1: whitespace in an unquoted value"),
            (b"A= exit\n", "line 1: whitespace around `=`"),
            (b"exit = 1\n", "line 1: whitespace around `=`"),
            (b"export A = 1\n", "line 1: whitespace around `=`"),
            (b"A = \"x\ny\"\n", "line 1: a multi-line value after whitespace"),
            (b"A=1\nexport A-B=1\n", "line 2: a variable name"),
            (b"1A=1\n", "line 1: a variable name"),
            (b"export A=1 \r\n", "line 1: whitespace before a carriage return"),
            (b"A: 1\n", "line 1: neither an assignment"),
            (b"cat <<END\n", "line 1: neither an assignment"),
            (b"declare \"secret\nOPENAI_API_KEY=old\n\"\n", "line 1: neither an assignment"),
            (b"A=\"\n\n\"\nOPENAI_API_KEY\n", "line 4: the variable without `=`"),
            (b"export OPENAI_API_KEY\n", "line 1: the variable without `=`"),
            (b"OPENAI_API_KEY: secret\n", "line 1: the variable without `=`"),
            (b"OPENAI_API_KEY+=secret\n", "line 1: the variable without `=`"),
            (b"OPENAI_API_KEY=old\nopenai_api_key=x\n", "line 2: the variable in another case"),
            (b"OPENAI_API_KEY=\nexport OpenAI_API_Key=x\nA=1\n", "line 2: the variable in another case"),
            (b"\tOPENAI_API_KEY=old\n", "line 1: whitespace before the variable"),
            (b"export  OPENAI_API_KEY=old\n", "line 1: whitespace before the variable"),
            (b"A=1\n  # x\n\nOPENAI_API_KEY=old\n", "line 2: a whitespace-only line"),
            (b"A=1\n\t\n", "line 2: a whitespace-only line"),
            (b"OPENAI_API_KEY=old\n  ", "line 2: whitespace at the end of the file"),
            (b"OPENAI_API_KEY=old\nA=1 ", "line 2: whitespace at the end of the file"),
            (b"A=1\n # B='x\nC=1\n", "line 2: a quoted value in a comment"),
            (b"A=1  # don't\n", "line 1: a quote or backslash in a comment"),
            (b"  # don't\nA=1\n", "line 1: a quote or backslash in a comment"),
            ("\u{feff}".as_bytes(), "line 1: a byte order mark"),
            ("\u{feff}OPENAI_API_KEY=old\n".as_bytes(), "line 1: a byte order mark"),
            ("\u{feff}# don't\n".as_bytes(), "line 1: a byte order mark"),
            ("\u{feff}# x\n\nOPENAI_API_KEY=old\n".as_bytes(), "line 1: a whitespace-only line"),
            (b"\xff\xfeA\0=\0", "line 1: UTF-16, which dotenv readers do not support"),
            (b"A=1\n# \x80\n", "line 2: invalid UTF-8"),
            ("A=1\n#\u{2028}x\n".as_bytes(), "line 2: a control character"),
            (b"A=1\nB=\0\n", "line 2: a NUL byte"),
            (b"A=1\nB=1\rOPENAI_API_KEY=old\n", "line 2: a carriage return without a newline"),
        ] {
            let refusal = edit(text).map(|new| String::from_utf8_lossy(&new).into_owned()).unwrap_err();
            assert!(refusal.starts_with(problem), "{}: {refusal}", String::from_utf8_lossy(text));
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
            ["", "=a", "$(id)", "`id`", "a#b", "a'b", "a\"b", "a b", "a\\n", "~", "${A}", "a;b", "é", "a\nb"]
        {
            assert!(PlainValue::parse(value).is_none(), "{value}");
        }
    }

    /// Checks that only the value and the blanks around it have changed, and that a second edit changes nothing.
    fn hold_to_the_promise(old: &[u8], new: &[u8]) {
        let variable = VariableName::default();
        let before = Dotenv::parse(old, &variable).unwrap();
        let after = Dotenv::parse(new, &variable).unwrap();
        assert!(after.values().all(|value| value == KEY.as_bytes()));
        assert_eq!(after.assignments.ours.len(), before.assignments.ours.len().max(1));
        let mut rest = new;
        let mut copied = 0;
        for (old_line, new_line) in before.assignments.ours.iter().zip(&after.assignments.ours) {
            rest = rest.strip_prefix(&old[copied..old_line.whole.start]).unwrap();
            rest = &rest[new_line.whole.len()..];
            copied = old_line.whole.end;
        }
        let added = rest.strip_prefix(&old[copied..]).unwrap();
        if before.assignments.ours.is_empty() {
            let line = String::from_utf8_lossy(added);
            let line = line.trim_start_matches('\n').trim_start_matches("export ");
            assert_eq!(line, format!("OPENAI_API_KEY={KEY}\n"));
        } else {
            assert!(matches!(added, b"" | b"\n"));
        }
        assert_eq!(edit(new).unwrap(), new);
    }

    proptest! {
        #[test]
        fn any_text_is_edited_in_the_value_alone_or_refused(old in "((export )?(OPENAI_API_KEY|A)=|:|\"|'|\\\\|#| |\t|\n|\r\n|old)*") {
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
