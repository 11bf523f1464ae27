//! A menu of lines. The user filters the lines and moves through them with keys.

use crate::keys::Key;
use anstyle::Style;
use std::mem;
use textwrap::{Options, WordSeparator, WordSplitter};

/// The maximum number of rows for entries, whatever the height of the terminal.
const MOST_ROWS: usize = 12;

/// The maximum number of rows for one entry.
const MOST_ROWS_OF_ENTRY: usize = 3;

/// The rows of a menu in addition to the question and the entries: the number of hidden entries, and the filter.
const OTHER_ROWS: usize = 2;

/// The maximum number of characters of a filter. A longer text is pasted by mistake.
const LONGEST_FILTER: usize = 200;

const PROMPT: &str = "Arrow keys and Enter, or text to filter: ";

/// The style of the entry that Enter selects.
const CURRENT: Style = Style::new().bold();

/// The effect of a key on a menu.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pressed {
    /// The menu may have changed.
    Shown,
    /// The line with this index was selected.
    Taken(usize),
    /// The input has ended.
    Ended,
    /// The program should stop, as for Ctrl-Z.
    Suspended,
}

/// A menu of lines with one current line. Only lines that contain each word of the filter are shown.
pub(crate) struct Menu<'a> {
    question: &'a str,
    lines: &'a [String],
    default: Option<usize>,
    /// Makes a filter safe to display. The lines are already safe.
    sanitize: &'a dyn Fn(&str) -> String,
    filter: String,
    /// The filter of `fitting`, sanitized.
    shown_filter: String,
    /// True if `filter` has changed since `fitting` was computed.
    is_changed: bool,
    /// The indices of the lines that match the filter.
    fitting: Vec<usize>,
    /// The index of the current line in `fitting`.
    current: usize,
    /// The indices in `fitting` of the first shown line and of the first hidden line after it.
    first: usize,
    end: usize,
}

impl<'a> Menu<'a> {
    pub(crate) fn new(
        question: &'a str,
        lines: &'a [String],
        default: Option<usize>,
        sanitize: &'a dyn Fn(&str) -> String,
    ) -> Self {
        Self {
            question,
            lines,
            default,
            sanitize,
            filter: String::new(),
            shown_filter: String::new(),
            is_changed: false,
            fitting: (0..lines.len()).collect(),
            current: default.unwrap_or_default(),
            first: 0,
            end: 0,
        }
    }

    pub(crate) fn press(&mut self, key: Key) -> Pressed {
        if matches!(key, Key::Character(_) | Key::Erase | Key::EraseAll) {
            self.is_changed = true;
        } else {
            self.find();
        }
        let page = (self.end - self.first).max(1);
        let last = self.fitting.len().saturating_sub(1);
        match key {
            Key::Up => self.current = self.current.checked_sub(1).unwrap_or(last),
            Key::Down => self.current = if self.current == last { 0 } else { self.current + 1 },
            Key::PageUp => self.current = self.current.saturating_sub(page),
            Key::PageDown => self.current = (self.current + page).min(last),
            Key::First => self.current = 0,
            Key::Last => self.current = last,
            Key::Character(_) if self.filter.chars().count() >= LONGEST_FILTER => {}
            Key::Character(character) => self.filter.push(character),
            Key::Erase => drop(self.filter.pop()),
            Key::EraseAll => self.filter.clear(),
            Key::Enter => {
                if let Some(line) = self.fitting.get(self.current) {
                    return Pressed::Taken(*line);
                }
            }
            Key::End => return Pressed::Ended,
            Key::Suspend => return Pressed::Suspended,
        }
        Pressed::Shown
    }

    /// Updates the lines that match the filter, if the filter has changed. The current line stays current if it
    /// matches. Otherwise, the default becomes current.
    fn find(&mut self) {
        if !mem::take(&mut self.is_changed) {
            return;
        }
        let current = self.fitting.get(self.current).copied();
        self.shown_filter = (self.sanitize)(&self.filter);
        let filter = self.shown_filter.to_lowercase();
        let words: Vec<_> = filter.split_whitespace().collect();
        let fits = |line: &usize| {
            let line = self.lines[*line].to_lowercase();
            words.iter().all(|word| line.contains(word))
        };
        self.fitting = (0..self.lines.len()).filter(fits).collect();
        let place = |line: Option<usize>| self.fitting.binary_search(&line?).ok();
        self.current = place(current).or_else(|| place(self.default)).unwrap_or_default();
    }

    /// Returns the rows of the menu in a terminal of this size. The last row is the filter.
    pub(crate) fn rows(&mut self, columns: usize, rows: usize) -> Vec<String> {
        self.find();
        // A full row would move the cursor to the next row.
        let width = columns.saturating_sub(1);
        let mut shown = wrapped(self.question, width, "");
        let available = rows.saturating_sub(shown.len() + OTHER_ROWS + 1).clamp(1, MOST_ROWS);
        self.first = self.first.min(self.current);
        let mut entries = self.entries(width, available);
        while self.end <= self.current && self.first < self.current {
            self.first += 1;
            entries = self.entries(width, available);
        }
        shown.extend(entries);
        match self.fitting.len() - (self.end - self.first) {
            0 if self.fitting.is_empty() => shown.push("  no match".to_owned()),
            0 => {}
            hidden => shown.push(format!("  … {hidden} more")),
        }
        let most = width.saturating_sub(PROMPT.len() + 1);
        let filter = &self.shown_filter;
        let start = filter.char_indices().rev().take(most / 2).last().map_or(0, |(start, _)| start);
        let is_long = textwrap::core::display_width(filter) > most;
        shown.push(format!("{PROMPT}{}", if is_long { &filter[start..] } else { filter }));
        shown
    }

    /// Returns the rows of the entries from the first shown one, up to the available number, and records the last
    /// one.
    fn entries(&mut self, width: usize, available: usize) -> Vec<String> {
        let mut rows: Vec<String> = Vec::new();
        self.end = self.first;
        while let Some(line) = self.fitting.get(self.end) {
            let is_current = self.end == self.current;
            let (mark, style) = if is_current { ("> ", CURRENT) } else { ("  ", Style::new()) };
            let default = if self.default == Some(*line) { " [default]" } else { "" };
            let mut entry = wrapped(&format!("{mark}{}{default}", self.lines[*line]), width, "    ");
            if entry.len() > MOST_ROWS_OF_ENTRY {
                entry.truncate(MOST_ROWS_OF_ENTRY);
                entry[MOST_ROWS_OF_ENTRY - 1] = "    …".to_owned();
            }
            if !rows.is_empty() && rows.len() + entry.len() > available {
                break;
            }
            rows.extend(entry.iter().take(available).map(|row| format!("{style}{row}{style:#}")));
            self.end += 1;
        }
        rows
    }
}

/// Returns the rows of a text. Breaks a word that is longer than a row, so that the number of rows is exact.
fn wrapped(text: &str, width: usize, indent: &str) -> Vec<String> {
    let layout = Options::new(width).word_separator(WordSeparator::AsciiSpace);
    let layout = layout.word_splitter(WordSplitter::NoHyphenation).subsequent_indent(indent);
    textwrap::wrap(text, layout).into_iter().map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn lines(titles: &[&str]) -> Vec<String> {
        titles.iter().map(|title| format!("\"{title}\"")).collect()
    }

    fn menu_of(lines: &[String], default: Option<usize>) -> Menu<'_> {
        Menu::new("Which?", lines, default, &str::to_owned)
    }

    /// Types a text, and returns the line that Enter takes then.
    fn taken(menu: &mut Menu<'_>, text: &str) -> Option<usize> {
        for character in text.chars() {
            menu.press(Key::Character(character));
        }
        match menu.press(Key::Enter) {
            Pressed::Taken(line) => Some(line),
            _ => None,
        }
    }

    #[test]
    fn enter_takes_the_default_and_the_arrows_go_round() {
        let lines = lines(&["a", "b", "c"]);
        let menu = |default| menu_of(&lines, default);
        assert_eq!((taken(&mut menu(Some(1)), ""), taken(&mut menu(None), "")), (Some(1), Some(0)));
        for (keys, expected) in [
            (&[Key::Down][..], 2),
            (&[Key::Down, Key::Down], 0),
            (&[Key::Up, Key::Up], 2),
            (&[Key::First], 0),
            (&[Key::Last], 2),
            (&[Key::PageDown, Key::PageDown, Key::PageDown], 2),
            (&[Key::PageUp, Key::PageUp], 0),
        ] {
            let mut menu = menu(Some(1));
            assert!(keys.iter().all(|key| menu.press(*key) == Pressed::Shown));
            assert_eq!(taken(&mut menu, ""), Some(expected), "{keys:?}");
        }
    }

    #[test]
    fn a_filter_keeps_the_lines_with_each_of_its_words() {
        let lines = lines(&["Acme Web", "Acme Shop", "Initech WEB", "Änderung"]);
        for (typed, expected) in
            [("web", Some(0)), ("WEB ini", Some(2)), ("shop", Some(1)), ("änd", Some(3)), ("nothing", None)]
        {
            assert_eq!(taken(&mut menu_of(&lines, None), typed), expected, "{typed}");
        }
        let mut menu = menu_of(&lines, Some(1));
        assert_eq!(taken(&mut menu, "webx"), None);
        menu.press(Key::Erase);
        menu.press(Key::Down);
        assert_eq!(taken(&mut menu, ""), Some(2));
        menu.press(Key::EraseAll);
        assert_eq!(taken(&mut menu, ""), Some(2), "the current line stays");
        assert_eq!(taken(&mut menu, "shop"), Some(1));
    }

    #[test]
    fn an_empty_menu_and_one_without_a_fitting_line_take_no_key_amiss() {
        let lines = lines(&["a"]);
        for (lines, typed) in [(&lines[..0], ""), (&lines[..], "x")] {
            let mut menu = menu_of(lines, None);
            assert_eq!(taken(&mut menu, typed), None);
            for key in [Key::Up, Key::Down, Key::PageUp, Key::PageDown, Key::Last, Key::First, Key::Enter] {
                assert_eq!(menu.press(key), Pressed::Shown);
                assert!(menu.rows(80, 24).contains(&"  no match".to_owned()));
            }
        }
    }

    #[test]
    fn the_rows_fit_every_terminal_and_have_the_current_line() {
        let titles = ["a".repeat(16_000), "\u{6f22}".repeat(90), "short".to_owned(), "two words ".repeat(20)];
        let lines: Vec<_> = (0..200).map(|number| format!("\"{}\" {number}", titles[number % 4])).collect();
        for (columns, rows) in [(45, 8), (50, 24), (80, 10), (300, 100)] {
            let mut menu = menu_of(&lines, Some(2));
            for key in [Key::Down; 210].into_iter().chain([Key::PageUp, Key::Last, Key::First]) {
                menu.press(key);
                let shown = menu.rows(columns, rows);
                assert!(shown.len() < rows, "{columns} {rows} {shown:?}");
                let width = |row: &String| textwrap::core::display_width(row);
                assert!(shown.iter().all(|row| width(row) < columns), "{columns} {rows} {shown:?}");
                let current = shown.iter().filter(|row| row.contains("> \"")).count();
                assert_eq!(current, 1, "{columns} {rows} {shown:?}");
            }
        }
    }

    #[test]
    fn a_filter_that_is_pasted_is_short_safe_to_display_and_compared_once() {
        let lines = lines(&["a", r"b\u{202e}"]);
        let calls = Cell::new(0);
        let sanitize = |filter: &str| {
            calls.set(calls.get() + 1);
            filter.replace('\u{202e}', r"\u{202e}")
        };
        let mut menu = Menu::new("Which?", &lines, None, &sanitize);
        assert_eq!(taken(&mut menu, "B\u{202e}"), Some(1));
        assert_eq!(menu.rows(80, 24).last(), Some(&format!(r"{PROMPT}B\u{{202e}}")));
        for _ in 0..1000 {
            menu.press(Key::Character('x'));
        }
        menu.rows(80, 24);
        assert_eq!((menu.filter.chars().count(), calls.get()), (LONGEST_FILTER, 2));
        menu.press(Key::EraseAll);
        assert_eq!(taken(&mut menu, "a"), Some(0));
    }

    #[test]
    fn a_menu_has_the_question_the_entries_and_the_filter() {
        let lines = lines(&["Default project", "Web"]);
        let mut menu = menu_of(&lines, Some(0));
        menu.press(Key::Character('e'));
        let shown = menu.rows(80, 24).join("\n").replace("\u{1b}[1m", "").replace("\u{1b}[0m", "");
        let expected = "Which?\n> \"Default project\" [default]\n  \"Web\"\n";
        assert_eq!(shown, format!("{expected}{PROMPT}e"));
    }
}
