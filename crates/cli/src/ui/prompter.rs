//! The person at the terminal.

use crate::ui::ask;
use crate::ui::reporter::{Message, Reporter};

/// The person at the terminal, as far as there is one.
#[derive(Clone, Copy)]
pub(crate) struct Prompter<'a> {
    reporter: &'a Reporter,
    may_ask: bool,
}

impl<'a> Prompter<'a> {
    /// Whoever reads what is reported, and may be asked unless they forbade it.
    pub(crate) fn new(reporter: &'a Reporter, may_ask: bool) -> Self {
        Self { reporter, may_ask }
    }

    /// Whether somebody is there to answer.
    pub(crate) fn is_interactive(self) -> bool {
        self.may_ask && self.reporter.is_for_people() && ask::is_possible()
    }

    /// Asks a question that only a clear yes answers; `None` where nobody can be asked.
    pub(crate) async fn confirm(self, question: String) -> Option<bool> {
        if !self.is_interactive() {
            return None;
        }
        self.reporter.clear_progress();
        Some(ask::yes(&self.reporter.wrapped(&format!("{question} [y/N]"))).await)
    }

    /// Has the person pick one of these lines; `None` where nobody can be asked, or will not say.
    pub(crate) async fn select(self, question: &str, lines: &[String]) -> Option<usize> {
        if !self.is_interactive() {
            return None;
        }
        self.reporter.clear_progress();
        ask::pick(question, lines).await
    }

    /// Tells what the person should know, and what stops nothing.
    pub(crate) fn warn(self, text: &str) {
        self.reporter.report(&Message::Warning(text));
    }

    /// Repeats a line of another program, which is fit for a person.
    pub(crate) fn relay(self, line: &str) {
        self.reporter.report(&Message::CommandOutput(line));
    }
}
