//! Reports on standard error while the command runs: text for a user, or JSON for a program with `--events`.

use crate::error::{Choice, CliError, ErrorKind};
use crate::ui::events;
use crate::ui::format;
use crate::ui::json;
use crate::ui::message::Message;
use crate::ui::output::{OutputFormat, Verbosity};
use crate::ui::progress::Lines;
use crate::ui::stdout;
use crate::ui::text::{self, Text};
use anstyle::{AnsiColor, Style};
use keymint_domain::{Event, Observation};
use keymint_terminal::stderr;
use std::cmp::Ordering;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const SUCCESS: Style = AnsiColor::Green.on_default();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// The maximum number of skipped organizations with their own line.
const MOST_WARNINGS: usize = 5;

/// The maximum number of organizations or projects that are listed after an error. A longer list would hide the
/// error.
const MOST_CANDIDATES: usize = 50;

/// Reports events in the requested format.
pub(crate) struct Reporter {
    output: OutputFormat,
    lines: Lines,
    seen: Mutex<Seen>,
}

/// The earlier reports, to avoid repeating them.
#[derive(Default)]
struct Seen {
    last_observation: Option<Observation>,
    skipped_organizations: usize,
    /// True in a demonstration, which shows the details as its steps.
    is_demonstration: bool,
}

impl Seen {
    /// Returns whether the message has the same findings as the previous search.
    fn has(&self, message: &Message<'_>) -> bool {
        matches!(message, Message::Flow(Event::WaitingForProject { observed, .. })
            if self.last_observation == Some(*observed))
    }

    /// Returns the message to show. `None` if it reports nothing new.
    fn filter<'a>(&mut self, message: &'a Message<'a>, shows_repeats: bool) -> Option<&'a Message<'a>> {
        match message {
            Message::Flow(Event::WaitingForProject { observed, .. }) => {
                let is_repeated = self.has(message);
                self.last_observation = Some(*observed);
                (shows_repeats || !is_repeated).then_some(message)
            }
            Message::Flow(Event::OrganizationSkipped { .. }) => {
                self.skipped_organizations += 1;
                match self.skipped_organizations.cmp(&(MOST_WARNINGS + 1)) {
                    Ordering::Less => Some(message),
                    Ordering::Equal => Some(&Message::MoreOrganizationsSkipped),
                    Ordering::Greater => None,
                }
            }
            #[cfg(feature = "sandbox")]
            Message::Demonstration => {
                self.is_demonstration = true;
                Some(message)
            }
            _ => Some(message),
        }
    }
}

impl Reporter {
    pub(crate) fn new(output: impl Into<OutputFormat>) -> Self {
        let output = output.into();
        Self { output, lines: Lines::new(output), seen: Mutex::default() }
    }

    /// Returns whether a user reads the reports.
    pub(crate) fn is_for_people(&self) -> bool {
        !self.output.events
    }

    pub(crate) fn wants_json(&self) -> bool {
        self.output.json
    }

    /// Reports a fact, as text or as an event.
    pub(crate) fn report(&self, message: &Message<'_>) {
        if self.output.events {
            if let Some(event) = events::of_message(message) {
                self.lines.line(&event);
            }
            return;
        }
        // A log must not contain the user's e-mail address.
        let anonymous = match message {
            Message::Chosen { target, .. } if !self.lines.are_on_a_terminal() => {
                Some(Message::Chosen { target, account: None })
            }
            _ => None,
        };
        let message = anonymous.as_ref().unwrap_or(message);
        let seen = || self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_repeated = seen().has(message);
        let Some(message) = seen().filter(message, self.lines.shows_repeats()) else { return };
        let is_demonstration = seen().is_demonstration;
        for text in text::of_message(message) {
            match text {
                Text::Detail(text) if is_demonstration => self.success(&text),
                Text::Warning(_) if is_repeated => {}
                Text::Warning(text) => self.lines.prose(&format!("{WARNING}warning:{WARNING:#} {text}")),
                Text::Success(text) => self.success(&text),
                Text::Step(text) => self.lines.step(&text),
                Text::Blank | Text::Gap | Text::Command(_) if self.output.verbosity == Verbosity::Quiet => {}
                Text::Blank => self.lines.line(""),
                Text::Gap => self.lines.gap(),
                Text::Detail(text) => self.lines.detail(&text),
                Text::Status(text) => self.lines.status(&text),
                Text::Prose(text) => self.lines.prose(&text),
                Text::Line(line) => self.lines.line(&line),
                Text::Url(url) => {
                    self.lines.line(&self.lines.linked(&url));
                    // The user reads the message while certificates are loaded and servers are contacted.
                    stderr::flush_briefly();
                }
                Text::Command(command) => self.lines.line(&format!("\n  {command}\n")),
            }
        }
    }

    /// Shows a line about a completed step, with a mark on a terminal.
    fn success(&self, text: &str) {
        if self.lines.are_on_a_terminal() {
            self.lines.step(&format!("{SUCCESS}✓{SUCCESS:#} {text}"));
        } else {
            self.lines.step(text);
        }
    }

    /// Removes the spinner, so that other code can write to the terminal.
    pub(crate) fn clear_progress(&self) {
        self.lines.clear_progress();
    }

    /// Returns the text wrapped as prose, with this indent of all lines but the first.
    pub(crate) fn wrapped(&self, text: &str, indent: &str) -> String {
        self.lines.wrapped(text, indent)
    }

    /// Reports the outcome on both streams, and returns the exit code.
    pub(crate) fn end(&self, outcome: Result<(), CliError>) -> ExitCode {
        self.clear_progress();
        stderr::begin_last_words();
        let Err(error) = outcome else { return ExitCode::SUCCESS };
        if self.output.events {
            self.lines.line(&events::of_error(&error));
        } else {
            let label = match error.kind {
                // A user who interrupts a program or answers no knows that this is not an error.
                ErrorKind::Interrupted(_) | ErrorKind::Declined => String::new(),
                _ => format!("{ERROR}error:{ERROR:#} "),
            };
            if self.output.verbosity == Verbosity::Verbose {
                let mut messages = error.with_causes().into_iter();
                self.lines.prose(&format!("{label}{}", messages.next().unwrap_or_default()));
                messages.for_each(|cause| self.lines.prose(&format!("  caused by: {cause}")));
            } else {
                self.lines.prose(&format!("{label}{}", error.message()));
            }
            error.lines_of_hints().iter().for_each(|hints| self.lines.prose(hints));
            for choice in error.choices.iter().take(MOST_CANDIDATES) {
                let choice = format!("  {}", format::choice(choice));
                self.lines.line(&self.lines.wrapped(&choice, "    "));
            }
            let more = error.choices.len().saturating_sub(MOST_CANDIDATES);
            if more > 0 {
                let command = match error.choices[0] {
                    Choice::Target(_) => "list",
                    Choice::Project(_) | Choice::Key(_) => "admin list",
                };
                self.lines.line(&format!("  and {more} more: `keymint {command}` shows them"));
            }
        }
        if self.output.json && !stdout::has_printed() {
            stdout::print_at_the_end(json::error(&error));
        }
        error.kind.exit_code()
    }
}
