//! Line breaks in prose.

use std::io;
use terminal_size::{Height, Width, terminal_size_of};
use textwrap::core::Word;
use textwrap::{Options, WordSeparator, WordSplitter};

/// The maximum width of [`narrow_prose`], in columns.
const WIDEST: usize = 80;

/// Returns the options to wrap prose between words, in lines of at most `width` columns. Text in quotes or backquotes
/// (a path, a name, a command) is never broken, so that it can be copied.
pub fn prose(width: usize) -> Options<'static> {
    let options = Options::new(width).break_words(false).word_splitter(WordSplitter::NoHyphenation);
    options.word_separator(WordSeparator::Custom(words))
}

/// Returns the options to wrap prose in at most 80 columns, or in `columns` if the terminal has fewer.
pub fn narrow_prose(columns: Option<usize>) -> Options<'static> {
    prose(columns.map_or(WIDEST, |columns| columns.min(WIDEST)))
}

/// Returns a text whose lines have at most `columns` columns. A line that is wider is wrapped as prose, with its own
/// indent. Without `columns`, returns the text unchanged.
pub fn narrowed(text: &str, columns: Option<usize>) -> String {
    let Some(columns) = columns else { return text.to_owned() };
    let fit = |line: &str| {
        let (indent, words) = line.split_at(line.len() - line.trim_start_matches(' ').len());
        textwrap::fill(words, prose(columns).initial_indent(indent).subsequent_indent(indent))
    };
    text.split('\n').map(fit).collect::<Vec<_>>().join("\n")
}

/// Returns the number of columns of standard error, if it is a terminal.
pub fn stderr_columns() -> Option<usize> {
    terminal_size_of(io::stderr()).map(columns)
}

/// Returns the number of columns of standard output, if it is a terminal.
pub fn stdout_columns() -> Option<usize> {
    terminal_size_of(io::stdout()).map(columns)
}

fn columns((Width(columns), _): (Width, Height)) -> usize {
    columns.into()
}

/// Splits a line into words, each with the spaces after it. Quoted text is one word, and an ellipsis (…) belongs to
/// the word before it.
fn words(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let (mut words, mut start, mut previous, mut quote) = (Vec::new(), 0, ' ', None);
    for (at, c) in line.char_indices() {
        let rest = &line[at + c.len_utf8()..];
        match quote {
            Some(open) => {
                if c == open && !rest.starts_with(char::is_alphanumeric) {
                    quote = None;
                }
            }
            None => {
                if previous == ' ' && !matches!(c, ' ' | '…') && at > start {
                    words.push(Word::from(&line[start..at]));
                    start = at;
                }
                let opens = matches!(c, '"' | '`') && !previous.is_alphanumeric();
                quote = Some(c).filter(|_| opens && rest.contains(c));
            }
        }
        previous = c;
    }
    words.push(Word::from(&line[start..]));
    Box::new(words.into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_prose_is_as_wide_as_a_narrow_terminal() {
        let width = |columns| narrow_prose(columns).width;
        assert_eq!((width(Some(50)), width(Some(200)), width(None)), (50, 80, 80));
    }

    #[test]
    fn a_line_that_is_too_wide_is_wrapped_with_its_own_indent_and_no_other() {
        let text = "Heading (of something):\n  -f  a flag of it\n\n    averyveryverylongword\n";
        let narrow = "Heading (of\nsomething):\n  -f  a flag of\n  it\n\n    averyveryverylongword\n";
        assert_eq!(narrowed(text, Some(16)), narrow);
        for columns in [None, Some(80)] {
            assert_eq!(narrowed(text, columns), text);
        }
    }

    #[test]
    fn lines_end_between_words_and_never_in_quotes() {
        for (text, expected) in [
            ("Replace its value? [y/N]", "Replace its\nvalue? [y/N]"),
            (
                r#"It is in "/x/My Project Folder/.env" as A."#,
                "It is in\n\"/x/My Project Folder/.env\"\nas A.",
            ),
            (
                "Run `tool --with a-long-argument`, and wait.",
                "Run\n`tool --with a-long-argument`,\nand wait.",
            ),
            (r#"(by "a b c d e f g h", "x")"#, "(by\n\"a b c d e f g h\",\n\"x\")"),
            (r#"a 5" disk and nothing else"#, "a 5\" disk and\nnothing else"),
            ("Reading projects …", "Reading\nprojects …"),
            ("one `is never closed at all", "one `is never\nclosed at all"),
            ("", ""),
            ("  indented   text  here", "  indented\ntext  here"),
        ] {
            assert_eq!(textwrap::fill(text, prose(16)), expected);
        }
    }
}
