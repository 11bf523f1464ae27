//! The delivery of the key, to each destination and then to standard output.

use crate::config::{Destinations, RotationSettings};
use crate::error::{CliError, ErrorKind};
use crate::flow::context::Context;
use crate::flow::destination::Destination;
use crate::ui::json::{self, OldKey};
use crate::ui::message::{DeliveredTo, Message};
use crate::ui::stdout::{self, STDOUT};
use keymint_delivery_adapter::{KeyRecord, threads};
use keymint_domain::{
    ApiKey, Clock, DeliveryError, DeliveryReport, DestinationId, KeyDestination, OldKeyOutcome, async_trait,
};
use keymint_terminal::Signals;
use keymint_tokio_clock::TokioClock;
use std::io;
use std::time::Duration;

/// The time limit for standard output to take a line.
const PRINTING: Duration = Duration::from_secs(30);

const UNREAD: &str = "it is not read";

/// The destinations of a run, each ready for the key.
pub(crate) struct Delivery<'a> {
    context: &'a Context,
    destinations: Vec<Destination<'a>>,
    /// Standard output comes last, since its JSON names the other destinations.
    to_stdout: bool,
}

impl<'a> Delivery<'a> {
    /// Does everything that can fail without the key.
    ///
    /// Standard output is not checked before a dry run, which need not print anything.
    pub(crate) async fn reserve(
        context: &'a Context,
        settings: &Destinations,
        may_ask: bool,
        is_dry_run: bool,
    ) -> Result<Self, CliError> {
        let destinations = Destination::reserve_all(context, settings, context.prompter(may_ask)).await?;
        let to_stdout = settings.stdout();
        if (to_stdout || context.ui.wants_json()) && !is_dry_run {
            stdout::check(to_stdout).map_err(|problem| {
                CliError::new(ErrorKind::DestinationUnusable, problem)
                    .hint("Send it to a file, a pipe or a terminal.")
            })?;
        }
        Ok(Self { context, destinations, to_stdout })
    }

    /// Gives the key to each destination. A failure does not stop the others. A second signal abandons a
    /// destination, which counts as failed then.
    pub(crate) async fn deliver(
        &mut self,
        key: &ApiKey,
        record: &KeyRecord,
        rotation: Option<&RotationSettings>,
        signals: &mut Signals,
    ) -> DeliveryReport {
        let Self { context, destinations, to_stdout } = self;
        let ui = &context.ui;
        let mut report = DeliveryReport::default();
        let mut delivered_to = Vec::new();
        for destination in destinations {
            let outcome = tokio::select! {
                biased;
                outcome = destination.deliver(key) => outcome,
                () = signals.second_signal() => Err(DeliveryError::new("the wait was interrupted")),
            };
            let destination = &*destination;
            if outcome.is_ok() {
                let to = destination.delivered_to();
                ui.report(&Message::Delivered(&to));
                delivered_to.push(to);
            }
            report.add(destination.port(), outcome);
        }
        // The JSON of a rotation is printed at its end, unless it contains the key.
        if !*to_stdout && (!ui.wants_json() || rotation.is_some()) {
            return report;
        }
        let old = rotation.and_then(|RotationSettings { old, kept }| {
            Some(OldKey::new(&old.record, &OldKeyOutcome::Kept(kept.clone()?)))
        });
        delivered_to.extend(to_stdout.then_some(DeliveredTo::StandardOutput));
        let mut stdout = StandardOutput {
            record,
            clock: context.clock,
            delivered_to,
            old: old.as_ref(),
            is_json: ui.wants_json(),
        };
        ui.clear_progress();
        if *to_stdout {
            ui.report(&Message::Printing);
        }
        let printed = tokio::select! {
            biased;
            printed = stdout.deliver(key) => printed,
            () = signals.second_signal() => Err(DeliveryError::new(UNREAD)),
        };
        if printed.is_ok() && *to_stdout {
            ui.report(&Message::Delivered(&DeliveredTo::StandardOutput));
        }
        // JSON without the key is not a destination, unless it is missing.
        if printed.is_err() || *to_stdout {
            report.add(&stdout, printed);
        }
        report
    }

    /// Prints the JSON of a rotation, once the key is in every destination.
    pub(crate) async fn print_rotated(
        &self,
        key: &ApiKey,
        record: &KeyRecord,
        old: &OldKey<'_>,
        signals: &mut Signals,
    ) -> io::Result<()> {
        let delivered_to: Vec<_> = self.destinations.iter().map(Destination::delivered_to).collect();
        print_in_time(self.context, signals, json::delivered(record, key, &delivered_to, Some(old))).await
    }

    /// Returns whether standard output is a destination.
    pub(crate) fn prints(&self) -> bool {
        self.to_stdout
    }
}

/// Standard output as a destination, of the key or of the JSON that names the destinations.
struct StandardOutput<'a> {
    record: &'a KeyRecord,
    clock: TokioClock,
    delivered_to: Vec<DeliveredTo<'a>>,
    /// The old key of a rotation.
    old: Option<&'a OldKey<'a>>,
    is_json: bool,
}

#[async_trait]
impl KeyDestination for StandardOutput<'_> {
    fn id(&self) -> DestinationId {
        DestinationId::new(STDOUT)
    }

    async fn deliver(&mut self, key: &ApiKey) -> Result<(), DeliveryError> {
        let Self { record, clock, delivered_to, old, is_json } = self;
        let line =
            if *is_json { json::delivered(record, key, delivered_to, *old) } else { key.expose().to_owned() };
        print(clock, line).await.map_err(DeliveryError::new)
    }
}

/// Prints a line, and stops waiting at the second signal.
pub(crate) async fn print_in_time(context: &Context, signals: &mut Signals, line: String) -> io::Result<()> {
    tokio::select! {
        biased;
        printed = print(&context.clock, line) => printed,
        () = signals.second_signal() => Err(io::Error::other(UNREAD)),
    }
}

/// Prints the list of a command that changes nothing. Waits for its reader, such as a pager, until a signal.
pub(crate) async fn print_for_reader(signals: &mut Signals, text: String) -> Result<(), CliError> {
    let printing = threads::run(move || stdout::print(&text));
    let printed = signals.cancel_on_signal(printing).await;
    let printed =
        printed.map_err(|signal| CliError::interrupted(signal, "the list was not printed in full"))?;
    stdout::for_reader(printed.flatten())
}

/// Prints on a thread of its own, so that a blocked reader does not keep this program from ending.
async fn print(clock: &dyn Clock, line: String) -> io::Result<()> {
    let printing = threads::run(move || stdout::print(&line));
    clock.timeout(PRINTING, printing).await.map_err(|_| io::Error::other(UNREAD))??
}
