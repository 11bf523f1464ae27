//! Standard error: what a person, or with `--events` a program, is told while it happens.

#[cfg(feature = "sandbox")]
use crate::browser::Browser;
use crate::browser::Opening;
use crate::error::{CliError, ErrorKind};
use crate::host::environment::Advice;
use crate::ui::events;
use crate::ui::format;
use crate::ui::format::{DASHBOARD, describe_target, of_listener, of_obstacle, of_stray, quoted};
use crate::ui::json;
use crate::ui::message::{Message, ResponseChannel};
use crate::ui::output::{OutputFormat, Verbosity};
use crate::ui::progress::Lines;
use crate::ui::stdout;
use anstyle::{AnsiColor, Style};
use keymint_domain::text::human_duration;
use keymint_domain::{AccountEmail, Event, Observation, Target};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// How many organizations that are passed over get a line of their own.
const MOST_WARNINGS: usize = 5;

/// Tells what happens, in the way that was asked for.
pub(crate) struct Reporter {
    output: OutputFormat,
    lines: Lines,
    last_observation: Mutex<Option<Observation>>,
    /// How many organizations were passed over.
    skipped: AtomicUsize,
}

impl Reporter {
    pub(crate) fn new(output: impl Into<OutputFormat>) -> Self {
        let output = output.into();
        Self {
            output,
            lines: Lines::new(output),
            last_observation: Mutex::default(),
            skipped: AtomicUsize::new(0),
        }
    }

    /// Whether a person reads what is told.
    pub(crate) fn is_for_people(&self) -> bool {
        !self.output.events
    }

    pub(crate) fn wants_json(&self) -> bool {
        self.output.json
    }

    pub(crate) fn report(&self, message: &Message<'_>) {
        if self.output.events {
            if let Some(event) = events::of_message(message) {
                self.lines.line(&json::to_json(&event));
            }
            return;
        }
        match message {
            Message::Warning(text) => self.lines.prose(&format!("{WARNING}warning:{WARNING:#} {text}")),
            Message::AuthorizeUrl { url, browser } => {
                self.lines.line(match browser {
                    #[cfg(feature = "sandbox")]
                    Browser::Sandbox => "The address to sign in at, which the sandbox opens by itself:\n",
                    _ => "Open this address in your browser to sign in:\n",
                });
                self.lines.line(&self.lines.linked(url));
                self.lines.line("");
            }
            #[cfg(feature = "sandbox")]
            Message::Demonstration => self.lines.prose(
                "A demonstration: a sandbox on this machine plays the servers and the browser, and its key is good for \
                 nothing. The real thing is `keymint create`.\n",
            ),
            Message::Listening { redirect_uri } => self.lines.detail(&format!("Listening at {redirect_uri}")),
            Message::Browser(Opening::NotWanted) => {}
            Message::Browser(Opening::Tried) => self.lines.step("Tried to open it for you."),
            Message::Browser(Opening::NotTried(obstacle)) => {
                if let Some(why) = of_obstacle(obstacle) {
                    self.lines.step(&format!("{why}: open it yourself."));
                }
            }
            Message::RunByAgent(agent) => {
                self.lines.step(&format!("{agent} seems to run this: it has to show you the address."));
            }
            Message::Advice(Advice { text, command }) => {
                self.lines.step(text);
                if let Some(command) = command.as_ref().filter(|_| self.output.verbosity != Verbosity::Quiet) {
                    self.lines.line(&format!("\n  {command}\n"));
                }
            }
            Message::WaitingForPerson { patience, channel } => {
                let waiting =
                    format!("Waiting for you to sign in, at most {}. Ctrl-C ends it.", human_duration(*patience));
                match channel {
                    ResponseChannel::Listener => self.lines.status(&waiting),
                    // No spinner, which would write over what is pasted.
                    ResponseChannel::ListenerOrPaste => {
                        self.lines.step(&waiting);
                        self.lines.step("A browser elsewhere ends on a page that does not load: paste its address here.");
                    }
                    ResponseChannel::Paste => {
                        self.lines.step(&waiting);
                        self.lines.prose(
                            "The browser will end on a page that does not load. Paste the address of that page here:",
                        );
                    }
                }
            }
            Message::PasteAddress => self.lines.prose("Paste the address that the browser ended on:"),
            Message::Started { expires_at } => self.lines.step(&format!(
                "Open that address in any browser. It ends on a page that does not load: give the address of that page \
                 to `keymint finish`, at the latest at {expires_at}."
            )),
            Message::Reading => self.lines.status("Signed in. Reading your organizations and projects …"),
            Message::NothingToList => self.lines.step("The account has no organization yet."),
            Message::Chosen { target, account } => self.chosen(target, *account),
            Message::Pasted(stray) => self.lines.prose(of_stray(*stray)),
            Message::Listener(notice) => {
                if let Some(warning) = of_listener(*notice) {
                    self.report(&Message::Warning(warning));
                }
            }
            Message::CallbackReceived => self.lines.status("You are back from the browser. Signing in to the platform …"),
            Message::Looking { patience } => self.lines.status(&format!(
                "Signed in. Looking for your default project, at most {} …",
                human_duration(*patience)
            )),
            Message::Flow(event) => self.flow(event),
            Message::Creating { target, name } => self.lines.status(&format!(
                "Creating the key {} in {} …",
                quoted(name),
                describe_target(target)
            )),
            Message::StillCreating { patience } => self.lines.step(&format!(
                "The key is being created; waiting for it, at most {}. Ctrl-C once more gives it up: it may then exist without you having it.",
                human_duration(*patience)
            )),
            Message::KeyCreated { last_four, name, target } => self.lines.step(&format!(
                "Created the key {}, ending in {last_four}, in {}.",
                quoted(name),
                describe_target(target)
            )),
            Message::CommandOutput(line) => self.lines.line(line),
            Message::Delivered { what_now: text, .. }
            | Message::Kept { text }
            | Message::Deleted { text }
            | Message::Verified { words: text } => self.lines.step(text),
            Message::Recovery { keys: 0 } => self.lines.step("Nothing is kept."),
            Message::Recovery { .. } => {
                self.lines.step("`keymint recover --print`, or another destination, delivers a key and deletes the file.");
            }
            Message::Done { variable, dashboard } => {
                let variable = variable.map(|name| format!("Programs look for it in {name}."));
                let dashboard = dashboard.map(|dashboard| format!("To delete it: {dashboard}"));
                let sentences: Vec<_> = variable.into_iter().chain(dashboard).collect();
                if !sentences.is_empty() {
                    self.lines.step(&sentences.join(" "));
                }
            }
            Message::DryRun { target } => {
                self.lines.step(&format!("Everything is ready for a key in {}. Nothing was created.", describe_target(target)));
            }
            Message::Forgotten { profile, last_four } => {
                let which = last_four.map_or_else(String::new, |last_four| format!(", which ends in {last_four},"));
                self.lines.step(&format!(
                    "Removed the key of the profile {profile}{which} from the keyring. It stays valid on the server until \
                     you delete it: {DASHBOARD}"
                ));
            }
            Message::NothingToForget { profile } => {
                self.lines.step(&format!("The keyring has nothing for the profile {profile}."));
            }
            #[cfg(feature = "sandbox")]
            Message::SandboxUp => {
                self.lines.step("The sandbox is up, and Ctrl-C ends it. Put these variables before `keymint create`:");
            }
            #[cfg(feature = "sandbox")]
            Message::SandboxDown { requests, keys } => {
                self.lines.step(&format!("Requests: {requests}. Keys made: {keys}."));
            }
        }
    }

    /// Where the key will be made, and for whom: a person with two accounts, or several projects,
    /// notices the wrong one.
    fn chosen(&self, target: &Target, account: Option<&AccountEmail>) {
        // An address belongs to a person, and not into a log.
        let account = account.filter(|_| self.lines.are_on_a_terminal());
        let account = account.map(|account| format!("Signed in as {}. ", account.as_str()));
        self.lines.step(&format!(
            "{}The key goes to {}.",
            account.unwrap_or_default(),
            describe_target(target)
        ));
    }

    fn flow(&self, event: &Event) {
        match event {
            Event::CodeExchanged => self.lines.detail("The authorization server has granted access."),
            Event::SignedIn => self.lines.detail("The platform has opened a session."),
            Event::WaitingForProject { observed, retry_in } => {
                let text = format!(
                    "Your default project is not there yet: {observed}. A new account takes a while; looking again in {}.",
                    human_duration(*retry_in)
                );
                let known =
                    self.last_observation.lock().unwrap_or_else(PoisonError::into_inner).replace(*observed);
                if self.lines.shows_repeats() || known != Some(*observed) {
                    self.lines.status(&text);
                }
            }
            Event::OrganizationSkipped { id, reason } if self.may_warn_of_one_more() => {
                self.report(&Message::Warning(&format!(
                    "the projects of organization {id} could not be read and are passed over: {reason}"
                )));
            }
            Event::ListIncomplete { step, skipped, cut } => {
                if *skipped > 0 {
                    self.report(&Message::Warning(&format!(
                        "{step}: {skipped} without a usable id passed over"
                    )));
                }
                if *cut {
                    self.report(&Message::Warning(&format!("{step}: there are more than were read")));
                }
            }
            Event::Retrying { step, reason, after } => {
                self.lines.status(&format!(
                    "There was trouble with {step}: {reason}. Trying again in {}.",
                    human_duration(*after)
                ));
            }
            Event::TargetSelected(target) => {
                self.lines.detail(&format!("Found {}.", describe_target(target)))
            }
            _ => {}
        }
    }

    /// Whether one more organization that is passed over is worth a line.
    fn may_warn_of_one_more(&self) -> bool {
        let skipped = self.skipped.fetch_add(1, Ordering::Relaxed);
        if skipped == MOST_WARNINGS {
            self.report(&Message::Warning("there are more organizations that are passed over"));
        }
        skipped < MOST_WARNINGS
    }

    /// Takes the spinner away, before something else writes to the terminal.
    pub(crate) fn clear_progress(&self) {
        self.lines.clear_progress();
    }

    /// A text with the line ends that prose has.
    pub(crate) fn wrapped(&self, text: &str) -> String {
        self.lines.wrapped(text)
    }

    /// The last word, on both streams, and the exit code.
    pub(crate) fn end(&self, outcome: Result<(), CliError>) -> ExitCode {
        self.clear_progress();
        let Err(error) = outcome else { return ExitCode::SUCCESS };
        if self.output.events {
            self.lines.line(&json::error_event(&error));
        } else {
            // Whoever ends a program need not be told that it is an error.
            let by_signal = matches!(error.kind, ErrorKind::Interrupted(_));
            let label = if by_signal { String::new() } else { format!("{ERROR}error:{ERROR:#} ") };
            if self.output.verbosity == Verbosity::Verbose {
                let mut chain = error.chain().into_iter();
                self.lines.prose(&format!("{label}{}", chain.next().unwrap_or_default()));
                chain.for_each(|cause| self.lines.prose(&format!("  caused by: {cause}")));
            } else {
                self.lines.prose(&format!("{label}{}", error.message()));
            }
            if let Some(advice) = error.advice() {
                self.lines.prose(&advice);
            }
            for candidate in &error.candidates {
                self.lines.line(&format!("  {}", format::candidate(candidate)));
            }
        }
        if self.output.json && !stdout::has_printed() {
            stdout::print_at_the_end(json::error(&error));
        }
        error.kind.exit_code()
    }
}
