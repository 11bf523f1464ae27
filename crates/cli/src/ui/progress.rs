//! Lines on standard error at the requested verbosity, and a spinner if standard error is a terminal.

use crate::os::env::{Environment, ProcessEnvironment};
use crate::ui::output::{OutputFormat, Verbosity};
use keymint_domain::text::sanitize;
use keymint_domain::{Clock, Moment};
use keymint_terminal::{passes_links, prose, stderr, stderr_columns};
use keymint_tokio_clock::TokioClock;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};

/// The maximum length of the spinner's text if the terminal's width is unknown, in characters.
const LONGEST_STATUS: usize = 75;

pub(crate) struct Lines {
    verbosity: Verbosity,
    /// True if a spinner shows the current state.
    spins: bool,
    /// True if standard error shows links.
    links: bool,
    /// The number of columns of standard error, if it is a terminal.
    width: Option<usize>,
    clock: TokioClock,
    /// True if an empty line precedes the next line.
    has_gap: AtomicBool,
}

impl Lines {
    pub(crate) fn new(OutputFormat { events, verbosity, .. }: OutputFormat) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let spins = std::io::stderr().is_terminal() && !dumb && !events && verbosity != Verbosity::Quiet;
        Self {
            verbosity,
            spins,
            links: std::io::stderr().is_terminal()
                && passes_links(|name| ProcessEnvironment.get(name).ok().flatten())
                && supports_hyperlinks::supports_hyperlinks(),
            width: stderr_columns(),
            clock: TokioClock::new(),
            has_gap: AtomicBool::new(false),
        }
    }

    /// Returns whether the lines go to a terminal instead of a log.
    pub(crate) fn are_on_a_terminal(&self) -> bool {
        std::io::stderr().is_terminal()
    }

    /// Returns whether repeated reports are shown, either because they only change the spinner's text or because the
    /// user requested all of them.
    pub(crate) fn shows_repeats(&self) -> bool {
        self.spins || self.is_verbose()
    }

    fn is_verbose(&self) -> bool {
        self.verbosity == Verbosity::Verbose
    }

    /// Shows a line that stays.
    pub(crate) fn step(&self, text: &str) {
        if self.verbosity == Verbosity::Quiet {
            return;
        }
        if self.is_verbose() {
            let elapsed = self.clock.now().since(Moment::ORIGIN).as_secs_f64();
            self.prose(&format!("[{elapsed:8.3} s] {text}"));
        } else {
            self.prose(text);
        }
    }

    /// Shows a line that stays, only with --verbose.
    pub(crate) fn detail(&self, text: &str) {
        if self.is_verbose() {
            self.step(text);
        }
    }

    /// Shows the current state: as the spinner's text, or as a line without a spinner.
    pub(crate) fn status(&self, text: &str) {
        if self.spins && !self.is_verbose() {
            // Limited to one line, with room for the `^C` that the terminal echoes.
            let width = self.width.map_or(LONGEST_STATUS, |width| width.saturating_sub(5));
            stderr::show_status(sanitize(text, width));
        } else {
            self.step(text);
        }
    }

    /// Returns the URL, as a link if the terminal supports links, on as many lines as it needs.
    pub(crate) fn linked(&self, url: &str) -> String {
        if self.links { format!("\u{1b}]8;;{url}\u{1b}\\{url}\u{1b}]8;;\u{1b}\\") } else { url.to_owned() }
    }

    /// Shows text for a user, wrapped between words on a terminal.
    pub(crate) fn prose(&self, text: &str) {
        self.line(&self.wrapped(text, ""));
    }

    /// Returns the text wrapped in the same way, with this indent of all lines but the first.
    pub(crate) fn wrapped(&self, text: &str, indent: &str) -> String {
        let fill = |width| textwrap::fill(text, prose(width).subsequent_indent(indent));
        self.width.map_or_else(|| text.to_owned(), fill)
    }

    /// Shows an empty line before the next line.
    pub(crate) fn gap(&self) {
        self.has_gap.store(true, Ordering::Relaxed);
    }

    /// Shows one line without wrapping.
    pub(crate) fn line(&self, text: &str) {
        if self.has_gap.swap(false, Ordering::Relaxed) {
            stderr::write_line("");
        }
        stderr::write_line(text);
    }

    /// Removes the spinner, so that other code can write to the terminal.
    pub(crate) fn clear_progress(&self) {
        stderr::clear_status();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_between_words_where_the_width_is_known() {
        let lines = |width| Lines { width, ..Lines::new(OutputFormat::default()) };
        let text = "Replace its value? [y/N]";
        assert_eq!(lines(Some(16)).wrapped(text, "  "), "Replace its\n  value? [y/N]");
        assert_eq!(lines(None).wrapped(text, "  "), text);
    }
}
