//! `keymint import`: an existing key from standard input into the destinations.

use crate::args::ImportArgs;
use crate::config::ImportSettings;
use crate::error::CliError;
use crate::flow::context::Context;
use crate::flow::create_key::{delivery_failed, unwritable};
use crate::flow::delivery::Delivery;
use crate::flow::env_conflicts;
use crate::flow::verify_key;
use crate::ui::message::{Message, Warning};
use keymint_delivery_adapter::{KeyRecord, StateDir};
use keymint_domain::{ApiKey, KeyDestination};
use keymint_terminal::stdin::{self, Line, StdinLines};
use keymint_terminal::{HiddenInput, Signals};
use std::io::{self, IsTerminal};
use std::time::Duration;

/// How often the echo of the terminal is switched off again during the input.
const LOOK: Duration = Duration::from_millis(200);

pub(crate) async fn run(args: &ImportArgs, context: &Context) -> Result<(), CliError> {
    let mut signals = Signals::listen().map_err(CliError::internal)?;
    let settings = ImportSettings::resolve(args, &context.sources)?;
    let ImportSettings { sign_in, name, destinations, verify } = &settings;
    let reservation = Delivery::reserve(context, destinations, sign_in.may_ask, false);
    let mut delivery = signals.cancel_on_signal(reservation).await??;
    let state = StateDir::open_default().map_err(unwritable)?;
    let mut journal = state.journal().map_err(unwritable)?;
    let key = signals.cancel_on_signal(key(context, sign_in.may_ask)).await??;

    let record = KeyRecord::imported(name, &key, sign_in.endpoints.api_base.as_str());
    journal.requested(record.clone()).map_err(unwritable)?;
    context.ui.report(&Message::KeyRead { name, last_four: key.last_four() });
    let mut report = delivery.deliver(&key, &record, None, &mut signals).await;
    journal.delivered(&report);
    let mut kept_in = None;
    if report.must_be_kept() {
        let mut recovery = state.recovery(journal.id());
        let outcome = recovery.deliver(&key).await;
        report.add_kept(&recovery, outcome);
        kept_in = recovery.path().map(ToOwned::to_owned);
    }
    if let Some(path) = &kept_in {
        journal.kept(path);
    } else if report.delivered_to().is_empty() {
        journal.discard();
    }
    if !report.failures().is_empty() {
        return Err(delivery_failed("the key was read", "Import it again.", &report, kept_in));
    }
    match (&kept_in, report.kept()) {
        (Some(path), _) => context.ui.report(&Message::Kept { path }),
        (None, Some(Err(error))) => context.ui.report(&Message::Warning(Warning::NotKept(error))),
        (None, _) => {}
    }
    if *verify {
        tokio::select! {
            () = verify_key::report(context, sign_in, &key) => {}
            _ = signals.next() => {}
        }
    }
    for warning in env_conflicts::warnings(context.sources.environment, destinations) {
        context.ui.report(&Message::Warning(warning));
    }
    context.ui.report(&Message::Done { variable: destinations.variable(), dashboard: None });
    Ok(())
}

/// The key, typed at a terminal or the only line of a pipe. No error repeats the input.
async fn key(context: &Context, may_ask: bool) -> Result<ApiKey, CliError> {
    let mut lines = StdinLines::lines().await;
    let line = if io::stdin().is_terminal() {
        if !may_ask {
            return Err(CliError::usage(
                "--no-input forbids the question for the key: give it through a pipe",
            ));
        }
        let line = typed(context, &mut lines).await?;
        // A shell would take what was pasted after the key for commands.
        lines.forget();
        if line.as_ref().is_some_and(|line| stdin::is_cut(line)) {
            return Err(CliError::usage("the terminal has cut the line: give the key through a pipe"));
        }
        line
    } else {
        let line = lines.next().await;
        if line.is_some() && lines.next().await.is_some() {
            return Err(CliError::usage("standard input has more than one line"));
        }
        line
    };
    let line = line.ok_or_else(|| CliError::usage("no key was given on standard input"))?;
    let key = line.strip_suffix('\n').unwrap_or(&line);
    let key = key.strip_suffix('\r').unwrap_or(key);
    ApiKey::parse(key.to_owned()).map_err(|error| CliError::usage(format!("the input is no key: {error}")))
}

/// A line that the terminal does not show.
async fn typed(context: &Context, lines: &mut StdinLines) -> Result<Option<Line>, CliError> {
    let mut hidden = HiddenInput::default();
    lines.forget();
    let mut is_announced = false;
    loop {
        hidden.apply().map_err(|error| {
            CliError::usage("this terminal would show the key: give it through a pipe").because(error)
        })?;
        if !is_announced {
            context.ui.report(&Message::AskingForKey);
            is_announced = true;
        }
        if let Ok(line) = context.clock.timeout(LOOK, lines.next()).await {
            return Ok(line);
        }
    }
}
