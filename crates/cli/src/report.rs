//! Standard error: what a person, or with `--events` a program, is told while it happens.

use crate::args::OutputArgs;
use crate::browser::{Browser, Opening};
use crate::clock::SystemClock;
use crate::failure::{Failure, Kind};
use crate::paste::complaint;
use crate::settings::ProcessEnvironment;
use crate::surroundings::Advice;
use crate::words::{DASHBOARD, of_listener, of_obstacle, place, quoted};
use crate::{events, hyperlink, output};
use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use keymint_callback_adapter as listener;
use keymint_domain::text::{for_people, spoken};
use keymint_domain::{AccountEmail, Clock, Event, Moment, Observation, Stray, Target};
use serde_json::json;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// How often the spinner turns.
const TICK: Duration = Duration::from_millis(100);

/// Longest text of the spinner where the terminal's width is not known, in characters.
const LONGEST_STATUS: usize = 75;

/// How many organizations that are passed over get a line of their own.
const MOST_WARNINGS: usize = 5;

/// Something to tell.
pub(crate) enum Notice<'a> {
    Warning(&'a str),
    #[cfg(feature = "sandbox")]
    Demonstration,
    Listening {
        redirect_uri: &'a str,
    },
    AuthorizeUrl {
        url: &'a str,
        browser: &'a Browser,
    },
    Browser(&'a Opening),
    RunByAgent(&'a str),
    Advice(&'a Advice),
    WaitingForPerson {
        patience: Duration,
        back: WayBack,
    },
    Pasted(Stray),
    PasteAddress,
    Started {
        expires_at: &'a str,
    },
    /// Reading the lists for `list`.
    Reading,
    NothingToList,
    Chosen {
        target: &'a Target,
        account: Option<&'a AccountEmail>,
    },
    Listener(listener::Notice),
    CallbackReceived,
    Looking {
        patience: Duration,
    },
    Flow(&'a Event),
    Creating {
        target: &'a Target,
        name: &'a str,
    },
    StillCreating {
        patience: Duration,
    },
    KeyCreated {
        last_four: &'a str,
        name: &'a str,
        target: &'a Target,
    },
    /// A line that the command of --pipe-to said, fit for a person.
    CommandSaid(&'a str),
    Delivered {
        to: &'a str,
        what_now: &'a str,
    },
    Verified {
        words: &'a str,
    },
    Recovery {
        keys: usize,
    },
    Deleted {
        text: &'a str,
    },
    /// The key is kept, besides where it was wanted.
    Kept {
        text: &'a str,
    },
    Done {
        /// Where programs look for the key, if they do so by themselves.
        variable: Option<&'a str>,
        dashboard: Option<&'static str>,
    },
    Rehearsed {
        target: &'a Target,
    },
    Forgotten {
        profile: &'a str,
        last_four: Option<&'a str>,
    },
    NothingToForget {
        profile: &'a str,
    },
    #[cfg(feature = "sandbox")]
    SandboxUp,
    #[cfg(feature = "sandbox")]
    SandboxDown {
        requests: usize,
        keys: usize,
    },
}

/// How the browser's answer can come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WayBack {
    Listener,
    ListenerOrPaste,
    Paste,
}

/// Tells what happens, in the way that was asked for.
pub(crate) struct Reporter {
    output: OutputArgs,
    spinner: Option<ProgressBar>,
    /// Whether the spinner is shown.
    spins: AtomicBool,
    /// Whether standard error shows links.
    links: bool,
    /// How many columns standard error has, where it is a terminal.
    width: Option<usize>,
    clock: SystemClock,
    last_observation: Mutex<Option<Observation>>,
    /// How many organizations were passed over.
    skipped: AtomicUsize,
}

impl Reporter {
    pub(crate) fn new(output: OutputArgs) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let lively = std::io::stderr().is_terminal() && !dumb && !output.events && !output.quiet;
        Self {
            output,
            spinner: lively.then(spinner),
            spins: AtomicBool::new(false),
            links: std::io::stderr().is_terminal() && hyperlink::is_supported(&ProcessEnvironment),
            width: terminal_size::terminal_size_of(std::io::stderr()).map(|(width, _)| width.0.into()),
            clock: SystemClock::new(),
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

    pub(crate) fn tell(&self, notice: &Notice<'_>) {
        if self.output.events {
            if let Some(event) = events::of_notice(notice) {
                self.line(&output::to_json(&event));
            }
            return;
        }
        match notice {
            Notice::Warning(text) => self.prose(&format!("{WARNING}warning:{WARNING:#} {text}")),
            Notice::AuthorizeUrl { url, browser } => {
                self.line(match browser {
                    #[cfg(feature = "sandbox")]
                    Browser::Sandbox => "The address to sign in at, which the sandbox opens by itself:\n",
                    _ => "Open this address in your browser to sign in:\n",
                });
                self.line(&self.linked(url));
                self.line("");
            }
            #[cfg(feature = "sandbox")]
            Notice::Demonstration => self.prose(
                "A demonstration: a sandbox on this machine plays the servers and the browser, and its key is good for \
                 nothing. The real thing is `keymint create`.\n",
            ),
            Notice::Listening { redirect_uri } => self.detail(&format!("Listening at {redirect_uri}")),
            Notice::Browser(Opening::NotWanted) => {}
            Notice::Browser(Opening::Tried) => self.step("Tried to open it for you."),
            Notice::Browser(Opening::NotTried(obstacle)) => {
                if let Some(why) = of_obstacle(obstacle) {
                    self.step(&format!("{why}: open it yourself."));
                }
            }
            Notice::RunByAgent(agent) => {
                self.step(&format!("{agent} seems to run this: it has to show you the address."));
            }
            Notice::Advice(Advice { text, command }) => {
                self.step(text);
                if let Some(command) = command.as_ref().filter(|_| !self.output.quiet) {
                    self.line(&format!("\n  {command}\n"));
                }
            }
            Notice::WaitingForPerson { patience, back } => {
                let waiting =
                    format!("Waiting for you to sign in, at most {}. Ctrl-C ends it.", spoken(*patience));
                match back {
                    WayBack::Listener => self.status(&waiting),
                    // No spinner, which would write over what is pasted.
                    WayBack::ListenerOrPaste => {
                        self.step(&waiting);
                        self.step("A browser elsewhere ends on a page that does not load: paste its address here.");
                    }
                    WayBack::Paste => {
                        self.step(&waiting);
                        self.prose(
                            "The browser will end on a page that does not load. Paste the address of that page here:",
                        );
                    }
                }
            }
            Notice::PasteAddress => self.prose("Paste the address that the browser ended on:"),
            Notice::Started { expires_at } => self.step(&format!(
                "Open that address in any browser. It ends on a page that does not load: give the address of that page \
                 to `keymint finish`, at the latest at {expires_at}."
            )),
            Notice::Reading => self.status("Signed in. Reading your organizations and projects …"),
            Notice::NothingToList => self.step("The account has no organization yet."),
            Notice::Chosen { target, account } => self.chosen(target, *account),
            Notice::Pasted(stray) => self.prose(complaint(*stray)),
            Notice::Listener(notice) => {
                if let Some(warning) = of_listener(*notice) {
                    self.tell(&Notice::Warning(warning));
                }
            }
            Notice::CallbackReceived => self.status("You are back from the browser. Signing in to the platform …"),
            Notice::Looking { patience } => self.status(&format!(
                "Signed in. Looking for your default project, at most {} …",
                spoken(*patience)
            )),
            Notice::Flow(event) => self.flow(event),
            Notice::Creating { target, name } => self.status(&format!(
                "Creating the key {} in {} …",
                quoted(name),
                place(target)
            )),
            Notice::StillCreating { patience } => self.step(&format!(
                "The key is being created; waiting for it, at most {}. Once more gives it up: it may then exist without you having it.",
                spoken(*patience)
            )),
            Notice::KeyCreated { last_four, name, target } => self.step(&format!(
                "Created the key {}, ending in {last_four}, in {}.",
                quoted(name),
                place(target)
            )),
            Notice::CommandSaid(line) => self.line(line),
            Notice::Delivered { what_now: text, .. }
            | Notice::Kept { text }
            | Notice::Deleted { text }
            | Notice::Verified { words: text } => self.step(text),
            Notice::Recovery { keys: 0 } => self.step("Nothing is kept."),
            Notice::Recovery { .. } => {
                self.step("`keymint recover --print`, or another destination, delivers a key and deletes the file.");
            }
            Notice::Done { variable, dashboard } => {
                let variable = variable.map(|name| format!("Programs look for it in {name}."));
                let dashboard = dashboard.map(|dashboard| format!("To delete it: {dashboard}"));
                let sentences: Vec<_> = variable.into_iter().chain(dashboard).collect();
                if !sentences.is_empty() {
                    self.step(&sentences.join(" "));
                }
            }
            Notice::Rehearsed { target } => {
                self.step(&format!("Everything is ready for a key in {}. Nothing was created.", place(target)));
            }
            Notice::Forgotten { profile, last_four } => {
                let which = last_four.map_or_else(String::new, |last_four| format!(", which ends in {last_four},"));
                self.step(&format!(
                    "Removed the key of the profile {profile}{which} from the keyring. It stays valid on the server until \
                     you delete it: {DASHBOARD}"
                ));
            }
            Notice::NothingToForget { profile } => {
                self.step(&format!("The keyring has nothing for the profile {profile}."));
            }
            #[cfg(feature = "sandbox")]
            Notice::SandboxUp => {
                self.step("The sandbox is up, and Ctrl-C ends it. Put these variables before `keymint create`:");
            }
            #[cfg(feature = "sandbox")]
            Notice::SandboxDown { requests, keys } => {
                self.step(&format!("Requests: {requests}. Keys made: {keys}."));
            }
        }
    }

    /// Where the key will be made, and for whom: a person with two accounts, or several projects,
    /// notices the wrong one.
    fn chosen(&self, target: &Target, account: Option<&AccountEmail>) {
        // An address belongs to a person, and not into a log.
        let account = account.filter(|_| std::io::stderr().is_terminal());
        let account = account.map(|account| format!("Signed in as {}. ", account.for_people()));
        self.step(&format!("{}The key goes to {}.", account.unwrap_or_default(), place(target)));
    }

    fn flow(&self, event: &Event) {
        match event {
            Event::CodeExchanged => self.detail("The authorization server has granted access."),
            Event::SignedIn => self.detail("The platform has opened a session."),
            Event::WaitingForProject { observed, retry_in } => {
                let text = format!(
                    "Your default project is not there yet: {observed}. A new account takes a while; looking again in {}.",
                    spoken(*retry_in)
                );
                // On a terminal each look changes the line; elsewhere only news is a new line.
                let known =
                    self.last_observation.lock().unwrap_or_else(PoisonError::into_inner).replace(*observed);
                if self.spinner.is_some() || self.output.verbose || known != Some(*observed) {
                    self.status(&text);
                }
            }
            Event::OrganizationSkipped { id, reason } if self.may_warn_of_one_more() => {
                self.tell(&Notice::Warning(&format!(
                    "the projects of organization {id} could not be read and are passed over: {reason}"
                )));
            }
            Event::ListIncomplete { step, skipped, cut } => {
                if *skipped > 0 {
                    self.tell(&Notice::Warning(&format!(
                        "{step}: {skipped} without a usable id passed over"
                    )));
                }
                if *cut {
                    self.tell(&Notice::Warning(&format!("{step}: there are more than were read")));
                }
            }
            Event::Retrying { step, reason, after } => {
                self.status(&format!(
                    "There was trouble with {step}: {reason}. Trying again in {}.",
                    spoken(*after)
                ));
            }
            Event::TargetSelected(target) => self.detail(&format!("Found {}.", place(target))),
            _ => {}
        }
    }

    /// Whether one more organization that is passed over is worth a line.
    fn may_warn_of_one_more(&self) -> bool {
        let skipped = self.skipped.fetch_add(1, Ordering::Relaxed);
        if skipped == MOST_WARNINGS {
            self.tell(&Notice::Warning("there are more organizations that are passed over"));
        }
        skipped < MOST_WARNINGS
    }

    /// A lasting line.
    fn step(&self, text: &str) {
        if self.output.quiet {
            return;
        }
        if self.output.verbose {
            let elapsed = self.clock.now().since(Moment::ORIGIN).as_secs_f64();
            self.prose(&format!("[{elapsed:8.3} s] {text}"));
        } else {
            self.prose(text);
        }
    }

    /// A lasting line for those who want to know more.
    fn detail(&self, text: &str) {
        if self.output.verbose {
            self.step(text);
        }
    }

    /// What is going on right now: the spinner's text, or a line where there is no spinner.
    fn status(&self, text: &str) {
        match &self.spinner {
            Some(spinner) if !self.output.verbose => {
                // One line, and room for the ^C that the terminal adds when somebody types it.
                spinner.set_message(for_people(
                    text,
                    self.width.map_or(LONGEST_STATUS, |width| width.saturating_sub(5)),
                ));
                spinner.enable_steady_tick(TICK);
                self.spins.store(true, Ordering::Relaxed);
            }
            _ => self.step(text),
        }
    }

    /// The address as it is, which a terminal that can makes a link of, however many lines it fills.
    fn linked(&self, url: &str) -> String {
        if self.links { hyperlink::around(url) } else { url.to_owned() }
    }

    /// Text for a person: on a terminal its lines end between words.
    fn prose(&self, text: &str) {
        match self.width {
            Some(width) => {
                let whole_words = textwrap::Options::new(width)
                    .break_words(false)
                    .word_splitter(textwrap::WordSplitter::NoHyphenation);
                self.line(&textwrap::fill(text, whole_words));
            }
            None => self.line(text),
        }
    }

    /// One line as it is, however long.
    fn line(&self, text: &str) {
        // Nobody can be told that standard error is broken.
        let write = || drop(writeln!(anstream::stderr().lock(), "{text}"));
        match &self.spinner {
            Some(spinner) if self.spins.load(Ordering::Relaxed) => spinner.suspend(write),
            _ => write(),
        }
    }

    /// Takes the spinner away, before something else writes to the terminal.
    pub(crate) fn settle(&self) {
        if let Some(spinner) = &self.spinner {
            self.spins.store(false, Ordering::Relaxed);
            spinner.finish_and_clear();
        }
    }

    /// The last word, on both streams, and the exit code.
    pub(crate) fn end(&self, outcome: Result<(), Failure>) -> ExitCode {
        self.settle();
        let Err(failure) = outcome else { return ExitCode::SUCCESS };
        if self.output.events {
            let event = json!({"event": "error", "kind": failure.kind.name(), "message": failure.message, "hint": failure.hint});
            self.line(&output::to_json(&event));
        } else {
            // Whoever ends a program need not be told that it is an error.
            let by_signal = matches!(failure.kind, Kind::Interrupted(_));
            let label = if by_signal { String::new() } else { format!("{ERROR}error:{ERROR:#} ") };
            self.prose(&format!("{label}{}", failure.message));
            if let Some(hint) = &failure.hint {
                self.prose(hint);
            }
            for (choice, _) in &failure.choices {
                self.line(&format!("  {choice}"));
            }
        }
        if self.output.json && !failure.has_printed {
            output::print_at_the_end(failure.json());
        }
        failure.kind.exit_code()
    }
}

fn spinner() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg}").expect("the template is right");
    ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style)
}

/// Writes to standard error whatever else goes on.
pub(crate) fn complain(text: &str) {
    let _ = write!(anstream::stderr(), "{text}");
}
