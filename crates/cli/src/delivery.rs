//! Where the key goes.

mod clipboard;
mod env_file;
mod feed;
mod keyring;
mod mask;
mod osc52;
mod pipe;
mod terminal;

use crate::blocking;
use crate::config::Destinations;
use crate::error::{CliError, ErrorKind};
use crate::os::signals::Interrupt;
use crate::record::Entry;
use crate::ui::prompter::Prompter;
use crate::ui::reporter::{Message, Reporter};
use crate::ui::stdout::{self, STDOUT};
use async_trait::async_trait;
use clipboard::Clipboard;
use env_file::EnvFile;
pub(crate) use env_file::{Variable, value_in_file};
use keymint_domain::{ApiKey, Clock};
use keymint_tokio_clock::TokioClock;
use keyring::Keyring;
pub(crate) use keyring::NAME as KEYRING;
use pipe::Pipe;
use std::io;
use std::time::Duration;

/// How long standard output may take to take a line.
const PRINTING: Duration = Duration::from_secs(30);

/// A place that was checked: nothing that can be known without the key stands in its way.
#[async_trait]
pub(crate) trait Destination: Send {
    /// Its stable name, for scripts: `keyring`, `pipe`, `clipboard`, `env-file:/absolute/path`.
    fn name(&self) -> String;

    /// Takes the key. The error says what failed, in words for a person, and repeats no secret.
    async fn deliver(&mut self, key: &ApiKey) -> io::Result<()>;

    /// What a person can do now: one sentence.
    fn what_now(&self) -> String;

    /// Whether the key is still there tomorrow.
    fn keeps(&self) -> bool {
        true
    }
}

/// The places that were asked for, each checked.
pub(crate) struct Delivery<'a> {
    places: Vec<Box<dyn Destination + 'a>>,
    /// Standard output comes last: its JSON tells of the others.
    to_stdout: bool,
}

/// What became of a key that was to be delivered.
#[derive(Default)]
pub(crate) struct Delivered {
    /// The names of the places that have it.
    pub(crate) to: Vec<String>,
    /// Whether one of them keeps it.
    pub(crate) is_kept: bool,
    /// The places that failed, each with the reason.
    pub(crate) failed: Vec<String>,
    /// Whether standard output has a line.
    pub(crate) has_printed: bool,
}

impl<'a> Delivery<'a> {
    /// Does all that can fail without the key.
    ///
    /// Standard output is not looked at before a dry run, in which it need not take anything.
    pub(crate) async fn check(
        wanted: &Destinations,
        is_dry_run: bool,
        prompter: Prompter<'a>,
    ) -> Result<Self, CliError> {
        let mut places: Vec<Box<dyn Destination + 'a>> = Vec::new();
        if let Some(wanted) = &wanted.env_file {
            places.push(Box::new(EnvFile::check(wanted, prompter).await?));
        }
        if let Some(wanted) = &wanted.keyring {
            places.push(Box::new(Keyring::check(wanted, prompter).await?));
        }
        if let Some(command) = &wanted.pipe_to {
            places.push(Box::new(Pipe::check(command, prompter)?));
        }
        if wanted.copy {
            places.push(Box::new(Clipboard::check()?));
        }
        let to_stdout = wanted.stdout();
        if to_stdout && !is_dry_run {
            stdout::check().map_err(|problem| {
                CliError::new(ErrorKind::DestinationUnusable, problem)
                    .hint("Send it to a file, a pipe or a terminal.")
            })?;
        }
        Ok(Self { places, to_stdout })
    }

    /// Gives the key to each place. One that fails does not stop the others.
    pub(crate) async fn deliver(
        &mut self,
        key: &ApiKey,
        entry: &Entry,
        reporter: &Reporter,
        interrupt: &mut Interrupt,
    ) -> Delivered {
        let mut delivered = Delivered::default();
        for place in &mut self.places {
            let outcome = tokio::select! {
                biased;
                outcome = place.deliver(key) => outcome,
                () = interrupt.second_signal() => Err(io::Error::other("it was not waited for")),
            };
            let name = place.name();
            match outcome {
                Ok(()) => {
                    reporter.report(&Message::Delivered { to: &name, what_now: &place.what_now() });
                    delivered.is_kept |= place.keeps();
                    delivered.to.push(name);
                }
                Err(error) => delivered.failed.push(format!("{name} failed ({error})")),
            }
        }
        self.print(key, entry, reporter, interrupt, &mut delivered).await;
        delivered
    }

    /// Prints the key where it is wanted there, or the JSON that tells where it is.
    async fn print(
        &self,
        key: &ApiKey,
        entry: &Entry,
        reporter: &Reporter,
        interrupt: &mut Interrupt,
        delivered: &mut Delivered,
    ) {
        if !self.to_stdout && !reporter.wants_json() {
            return;
        }
        let mut to = delivered.to.clone();
        to.extend(self.to_stdout.then(|| STDOUT.to_owned()));
        let line =
            if reporter.wants_json() { stdout::created(entry, key, &to) } else { key.expose().to_owned() };
        reporter.clear_progress();
        match print_in_time(interrupt, line).await {
            Ok(()) => {
                delivered.has_printed = true;
                delivered.is_kept |= self.to_stdout;
                delivered.to = to;
                if self.to_stdout {
                    let what_now = "It is on standard output and cannot be shown again.";
                    reporter.report(&Message::Delivered { to: STDOUT, what_now });
                }
            }
            Err(error) => delivered.failed.push(format!("standard output failed ({error})")),
        }
    }
}

/// Prints on a thread of its own: whoever does not read must not keep this program from ending.
pub(crate) async fn print_in_time(interrupt: &mut Interrupt, line: String) -> io::Result<()> {
    let printing = blocking::run(move || stdout::print(&line));
    let clock = TokioClock::new();
    tokio::select! {
        biased;
        printed = printing => printed?,
        () = clock.sleep(PRINTING) => Err(io::Error::other("nobody reads it")),
        () = interrupt.second_signal() => Err(io::Error::other("nobody reads it")),
    }
}
