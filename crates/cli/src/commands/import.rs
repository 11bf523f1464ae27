//! `keymint import`: delivers an existing key from standard input to destinations.

use crate::args::ImportArgs;
use crate::config::ImportSettings;
use crate::error::CliError;
use crate::flow::context::Context;
use crate::flow::create_key::{keep, report_kept, unwritable};
use crate::flow::delivery::Delivery;
use crate::flow::env_conflicts;
use crate::flow::paste::no_input;
use crate::flow::verify_key;
use crate::ui::format::quoted;
use crate::ui::message::{Message, Warning};
use keymint_delivery_adapter::{KeyRecord, RecordedKey, StateDir};
use keymint_domain::ApiKey;
use keymint_terminal::stdin::{self, Line, StdinLines};
use keymint_terminal::{HiddenInput, Signals};
use std::io::{self, IsTerminal};
use std::time::Duration;

/// The interval at which the echo of the terminal is switched off again during the input.
const LOOK: Duration = Duration::from_millis(200);

pub(crate) async fn run(args: &ImportArgs, context: &Context) -> Result<(), CliError> {
    let mut signals = Signals::listen().map_err(CliError::internal)?;
    let not_read = |signal| CliError::interrupted(signal, "the key was not read");
    let settings = ImportSettings::resolve(args, &context.sources)?;
    let ImportSettings { sign_in, name, destinations, verify } = &settings;
    let reservation = Delivery::reserve(context, destinations, sign_in.may_ask, false);
    let mut delivery = signals.cancel_on_signal(reservation).await.map_err(not_read)??;
    let state = StateDir::open_default().map_err(unwritable)?;
    let mut journal = state.journal().map_err(unwritable)?;
    let key = signals.cancel_on_signal(key(context, sign_in.may_ask)).await.map_err(not_read)??;

    // A key with a record on this machine keeps its record, which has its project.
    let (api_base, known) = (sign_in.endpoints.api_base.as_str(), state.known_keys().unwrap_or_default());
    let known = RecordedKey::of_key(&known, &key, api_base);
    let name = name.clone().unwrap_or_else(ImportSettings::default_name);
    let record = match known {
        Some(known) => known.record.clone(),
        None => KeyRecord::imported(&name, &key, api_base),
    };
    match known {
        Some(known) if settings.name.is_some() && record.name != name => warn(
            context,
            &format!("this machine knows the key as {}, and keeps that name", quoted(&known.record.name)),
        ),
        Some(_) => {}
        None => journal.requested(record.clone()).map_err(unwritable)?,
    }
    if record.revoked_at.is_some() {
        warn(context, "this machine has revoked this key: the platform no longer accepts it");
    }
    context.ui.report(&Message::KeyRead { name: &record.name, last_four: key.last_four() });
    let mut report = delivery.deliver(&key, &record, None, &mut signals).await;
    // A failure to record it does not matter, since the key is delivered.
    let id = match known {
        Some(known) => {
            let _ = state.note_delivered(&known.id, &report);
            &known.id
        }
        None => {
            journal.delivered(&report);
            journal.id()
        }
    };
    let kept_in = keep(&key, &mut report, Some(state.recovery(id))).await;
    if let Some(path) = &kept_in {
        journal.kept(path);
    } else if report.delivered_to().is_empty() {
        journal.discard();
    }
    report_kept(context, "the key was read", "Import it again.", &report, kept_in)?;
    if *verify {
        tokio::select! {
            () = verify_key::report(context, sign_in, &key) => {}
            _ = signals.next() => {}
        }
    }
    for warning in env_conflicts::warnings(context.sources.environment, destinations) {
        context.ui.report(&Message::Warning(warning));
    }
    Ok(())
}

fn warn(context: &Context, text: &str) {
    context.ui.report(&Message::Warning(Warning::Text(text)));
}

/// Reads the key from a terminal, or from the only line of a pipe. No error repeats the input.
async fn key(context: &Context, may_ask: bool) -> Result<ApiKey, CliError> {
    let mut lines = StdinLines::lines().await;
    let is_typed = io::stdin().is_terminal();
    let line = if is_typed {
        if !may_ask {
            return Err(CliError::usage(
                "--no-input forbids the question for the key: give it through a pipe",
            ));
        }
        typed(context, &mut lines).await?
    } else {
        lines.next().await
    };
    let line = line.ok_or_else(|| no_input(CliError::usage("no key was given on standard input")))?;
    if stdin::is_cut(&line) {
        return Err(CliError::usage("the terminal has cut the line: give the key through a pipe"));
    }
    if is_typed && !line.ends_with('\n') {
        return Err(CliError::usage("the line did not end with Enter: the key was not read"));
    }
    let key = line.strip_suffix('\n').unwrap_or(&line);
    let key = key.strip_suffix('\r').unwrap_or(key);
    // Editors on Windows begin a file with a byte order mark.
    let key = key.strip_prefix('\u{feff}').unwrap_or(key);
    if key.contains(['\0', char::REPLACEMENT_CHARACTER]) {
        return Err(CliError::usage("the input is not a key: it is not UTF-8"));
    }
    let key = ApiKey::from_user(key.to_owned())
        .map_err(|error| CliError::usage(format!("the input is not a key to import: {error}")))?;
    if !is_typed && lines.next().await.is_some() {
        return Err(CliError::usage("standard input has more than one line"));
    }
    Ok(key)
}

/// Reads a line without echo.
async fn typed(context: &Context, lines: &mut StdinLines) -> Result<Option<Line>, CliError> {
    let mut hidden = HiddenInput::default();
    lines.forget().await;
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
            // Discards lines that were pasted after the key. Otherwise a shell would run them.
            lines.forget().await;
            return Ok(line);
        }
    }
}
