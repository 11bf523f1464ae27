//! Questions to the user at the terminal.

use crate::ui::message::{Message, Warning};
use crate::ui::reporter::Reporter;
use keymint_domain::text::sanitize;
use keymint_terminal::stdin::{Line, StdinLines};
use keymint_terminal::{pick, selected, stderr};
use std::io::{self, IsTerminal};

/// The maximum number of invalid answers.
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

    /// Returns whether there is a user who can answer.
    pub(crate) fn is_interactive(self) -> bool {
        self.may_ask
            && self.reporter.is_for_people()
            && io::stdin().is_terminal()
            && io::stderr().is_terminal()
    }

    /// Asks a question. Only an explicit yes counts as agreement. `None` if no user can be asked.
    pub(crate) async fn confirm(self, question: String) -> Option<bool> {
        if !self.is_interactive() {
            return None;
        }
        self.reporter.clear_progress();
        let answer = answer(&format!("{} ", self.reporter.wrapped(&format!("{question} [y/N]"), ""))).await;
        Some(answer.is_some_and(|answer| matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")))
    }

    /// Lets the user select one of these lines, of which one may be the default, with its name. `noun` names one of
    /// them. The user moves through a menu with the arrow keys, or types an answer if the terminal supports no menu.
    /// `None` if no user can be asked, or nothing is selected.
    pub(crate) async fn select(
        self,
        question: &str,
        noun: &str,
        lines: &[String],
        default: Option<(usize, &str)>,
    ) -> Option<usize> {
        if !self.is_interactive() {
            return None;
        }
        self.reporter.clear_progress();
        let selected = match pick(question, lines, default.map(|(line, _)| line), shown).await {
            Ok(selected) => selected?,
            Err(_) => return self.select_by_answer(question, noun, lines, default).await,
        };
        let wrapped = self.reporter.wrapped(&format!("{question} {}", lines[selected]), "  ");
        stderr::write(wrapped + "\n");
        Some(selected)
    }

    /// Lets the user select a line by its number or by a part that is unique to it.
    async fn select_by_answer(
        self,
        question: &str,
        noun: &str,
        lines: &[String],
        default: Option<(usize, &str)>,
    ) -> Option<usize> {
        let default_line = default.map(|(line, _)| line);
        let numbered = (0..).zip(lines).map(|(index, line)| {
            let mark = if default_line == Some(index) { " [default]" } else { "" };
            self.reporter.wrapped(&format!("{:>4}  {line}{mark}", index + 1), "      ") + "\n"
        });
        stderr::write(format!("{question}\n{}", numbered.collect::<String>()));
        // The list may have scrolled away.
        let default = default.map_or_else(String::new, |(line, name)| format!(" [{}: {name}]", line + 1));
        let prompt = format!("{noun} number (1-{}) or part of its name{default}:", lines.len());
        let prompt = self.reporter.wrapped(&prompt, "") + " ";
        for _ in 0..MOST_TRIES {
            match selected(answer(&prompt).await?.trim(), lines, default_line) {
                Ok(selected) => return Some(selected),
                Err(reason) => stderr::write(format!("{reason}\n")),
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

/// Returns a typed text as the lines show it.
fn shown(text: &str) -> String {
    sanitize(text, usize::MAX)
}

/// Shows a prompt and waits for a line. Standard error stays unlocked, so that warnings can be shown meanwhile.
async fn answer(prompt: &str) -> Option<Line> {
    let mut lines = StdinLines::lines().await;
    lines.forget().await;
    stderr::write(prompt);
    let line = lines.next().await;
    // What is typed after it answers no later question.
    lines.forget().await;
    line
}
