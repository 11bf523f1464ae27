//! Questions to the user at the terminal.

use crate::ui::message::{Message, Warning};
use crate::ui::reporter::Reporter;
use keymint_terminal::stdin::{Line, StdinLines};
use keymint_terminal::{selected, stderr};
use std::io::{self, IsTerminal};

/// The maximum number of answers that select nothing.
const MOST_TRIES: usize = 5;

/// Asks the user, if there is a terminal and questions are allowed.
#[derive(Clone, Copy)]
pub(crate) struct Prompter<'a> {
    reporter: &'a Reporter,
    may_ask: bool,
}

impl<'a> Prompter<'a> {
    pub(crate) fn new(reporter: &'a Reporter, may_ask: bool) -> Self {
        Self { reporter, may_ask }
    }

    /// Returns whether a user can answer.
    pub(crate) fn is_interactive(self) -> bool {
        self.may_ask
            && self.reporter.is_for_people()
            && io::stdin().is_terminal()
            && io::stderr().is_terminal()
    }

    /// Asks a question to which only an explicit yes agrees. `None` if no user can be asked.
    pub(crate) async fn confirm(self, question: String) -> Option<bool> {
        if !self.is_interactive() {
            return None;
        }
        self.reporter.clear_progress();
        let answer = answer(&format!("{} ", self.reporter.wrapped(&format!("{question} [y/N]"), ""))).await;
        Some(answer.is_some_and(|answer| matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")))
    }

    /// Lets the user select one of these lines, by its number or by a part that no other line has. `None` if no
    /// user can be asked, or none is selected.
    pub(crate) async fn select(self, question: &str, lines: &[String]) -> Option<usize> {
        if !self.is_interactive() {
            return None;
        }
        self.reporter.clear_progress();
        let numbered = (1..)
            .zip(lines)
            .map(|(number, line)| self.reporter.wrapped(&format!("{number:>4}  {line}"), "      ") + "\n");
        stderr::write(format!("{question}\n{}", numbered.collect::<String>()));
        for _ in 0..MOST_TRIES {
            let answer =
                answer(&format!("A number from 1 to {}, or a part of a line: ", lines.len())).await?;
            if let Some(selected) = selected(answer.trim(), lines) {
                return Some(selected);
            }
        }
        None
    }

    /// Shows a warning.
    pub(crate) fn warn(self, text: &str) {
        self.reporter.report(&Message::Warning(Warning::Text(text)));
    }

    /// Shows a line of another program, which is safe to display.
    pub(crate) fn relay(self, line: &str) {
        self.reporter.report(&Message::CommandOutput(line));
    }
}

/// Shows a prompt, and waits for a line. Standard error is not locked meanwhile, so that warnings can be shown.
async fn answer(prompt: &str) -> Option<Line> {
    let mut lines = StdinLines::lines().await;
    lines.forget();
    stderr::write(prompt);
    lines.next().await
}
