//! The finding of a check, as text and as JSON.

use crate::ui::json::{Finding, Health};
use anstyle::{AnsiColor, Style};
use keymint_domain::text::sanitize;
use keymint_host::Advice;
use keymint_terminal::prose;

/// The maximum length of a message, in characters.
const LONGEST: usize = 500;

/// The column of messages, after the mark and the longest name of a check.
const INDENT: &str = "                ";

impl Finding {
    pub(super) fn ok(check: &'static str, message: &str) -> Self {
        Self { check, status: Health::Ok, message: sanitize(message, LONGEST), public: None, fix: None }
    }

    pub(super) fn warning(check: &'static str, message: &str, fix: impl Into<Advice>) -> Self {
        Self { status: Health::Warning, fix: Some(fix.into()), ..Self::ok(check, message) }
    }

    pub(super) fn problem(check: &'static str, message: &str, fix: impl Into<Advice>) -> Self {
        Self { status: Health::Problem, ..Self::warning(check, message, fix) }
    }

    /// Sets the message for a public report, if the ordinary message contains private values.
    pub(super) fn in_public(self, message: &str) -> Self {
        Self { public: Some(message.to_owned()), ..self }
    }

    /// Returns a line with a mark, and the advice below it unless it was shown already, for a terminal with this number
    /// of columns.
    pub(super) fn text(&self, columns: Option<usize>, is_shown: bool) -> String {
        let (mark, colour) = match self.status {
            Health::Ok => ("✓", AnsiColor::Green),
            Health::Warning => ("!", AnsiColor::Yellow),
            Health::Problem => ("✗", AnsiColor::Red),
        };
        let style = Style::new().fg_color(Some(colour.into()));
        let columns = columns.unwrap_or(80);
        // Narrower terminals have no space for a path beside the names.
        let indent = if columns < 72 { "    " } else { INDENT };
        let below = prose(columns).subsequent_indent(indent);
        let check = self.check;
        let first = textwrap::fill(&format!("  {check:<14}{}", self.message), &below);
        let mut text = format!("{style}{mark}{style:#} {}", first.trim_start_matches("  "));
        if let Some(Advice { text: fix, command }) = self.fix.as_ref().filter(|_| !is_shown) {
            text += &format!("\n{}", textwrap::fill(fix, below.initial_indent(indent)));
            // A command is never wrapped, since the user will copy it.
            if let Some(command) = command {
                text += &format!("\n{indent}  {command}");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_fits_the_terminal_and_its_command_stays_whole() {
        let command = format!("ssh -L 5000:localhost:5000 {}", "x".repeat(60));
        let fix = Advice { text: "do this ".repeat(20), command: Some(command.clone()) };
        let finding = Finding::problem("certificates", &"long words ".repeat(20), fix);
        for (columns, widest) in [(None, 80), (Some(50), 50), (Some(120), 120)] {
            let text = finding.text(columns, false);
            let plain = anstream::adapter::strip_str(&text).to_string();
            assert!(plain.starts_with("✗ certificates  long words"), "{plain}");
            assert!(plain.lines().any(|line| line.trim() == command), "{plain}");
            let lengths = plain.lines().filter(|line| !line.contains("ssh")).map(|line| line.chars().count());
            let longest = lengths.max().unwrap();
            let shown = anstream::adapter::strip_str(&finding.text(columns, true)).to_string();
            assert!(plain.starts_with(&shown) && !shown.contains("do this"), "{shown}");
            assert!((widest - 10..=widest).contains(&longest), "{columns:?}: {longest}\n{plain}");
        }
    }
}
