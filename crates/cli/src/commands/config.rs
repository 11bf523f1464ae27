//! `keymint config`: each setting, its value and its source.

use crate::args::values::switch;
use crate::args::{ConfigArgs, EndpointArgs};
use crate::config::{self, DEFINITIONS, Definition, Endpoints, Given, Kind, Source, Sources};
use crate::error::CliError;
use crate::flow::context::Context;
use crate::ui::format::quoted;
use crate::ui::json::{self, Setting};
use crate::ui::stdout;
use keymint_domain::text::{redact_keys, sanitize};
use keymint_terminal::{narrowed, stdout_columns};
use serde_json::Value;

/// The longest value that is padded to align the sources, in characters.
const WIDEST_VALUE: usize = 35;

/// The maximum length of a value in text, in characters.
const LONGEST_VALUE: usize = 4096;

pub(crate) fn run(args: &ConfigArgs, context: &Context) -> Result<(), CliError> {
    let sources = &context.sources;
    let mut settings = settings(&args.profile, sources)?;
    settings.extend(proxies(&EndpointArgs::default(), sources)?);
    stdout::show_to_reader(&if context.ui.wants_json() {
        json::config(sources.file.as_deref(), sources.profile.as_str(), &settings)
    } else {
        text(sources, &settings)
    })
}

/// Returns all settings except the proxies.
pub(super) fn settings(profile: &Option<String>, sources: &Sources<'_>) -> Result<Vec<Setting>, CliError> {
    DEFINITIONS.iter().map(|definition| setting(definition, profile, sources)).collect()
}

/// Returns the proxy of each server, if a variable names one. An invalid one is an error if it would be used.
pub(super) fn proxies(endpoints: &EndpointArgs, sources: &Sources<'_>) -> Result<Vec<Setting>, CliError> {
    let proxies = config::proxy_settings(sources.environment);
    let endpoints = Endpoints::resolve(endpoints, sources)?;
    endpoints.proxy(&proxies)?;
    let Some(proxy) = proxies.proxy() else { return Ok(Vec::new()) };
    let servers = [("issuer_proxy", &endpoints.client.issuer), ("api_base_proxy", &endpoints.api_base)];
    let settings = servers.map(|(name, base)| {
        let (value, source) = match proxies.exempted_by(base) {
            _ if base.is_loopback() => (Value::Null, "loopback address"),
            Some(variable) => (Value::Null, variable),
            None => (proxy.to_string().into(), proxy.variable()),
        };
        constant(name.to_owned(), value, source)
    });
    Ok(settings.into())
}

fn text(sources: &Sources<'_>, settings: &[Setting]) -> String {
    let file = match &sources.file {
        Some(path) if path.exists() => path.display().to_string(),
        Some(path) => format!("{} (not there)", path.display()),
        None => "none: there is no home directory".to_owned(),
    };
    let only_a_name = if sources.profile_is_defined() || sources.profile.is_default() {
        ""
    } else {
        " (in no file; it names the place in the keyring)"
    };
    let profile = quoted(sources.profile.as_str());
    let columns = stdout_columns();
    let profile = narrowed(&format!("Profile: {profile}{only_a_name}"), columns);
    let mut lines = vec![format!("File: {file}"), profile, String::new()];
    let values: Vec<_> = settings.iter().map(value_for_people).collect();
    let name = settings.iter().map(|setting| setting.name.len()).max().unwrap_or_default();
    let widths = values.iter().map(|value| value.chars().count());
    // Reserves at least 16 columns of the terminal for the source.
    let widest = columns.map_or(WIDEST_VALUE, |columns| columns.saturating_sub(name + 16));
    let width = widths.filter(|width| *width <= widest.min(WIDEST_VALUE)).max().unwrap_or_default();
    for (Setting { name: key, short_source, .. }, value) in settings.iter().zip(values) {
        let row = format!("{key:name$}  {value:width$}  {short_source}");
        let fits = columns.is_none_or(|columns| row.chars().count() <= columns);
        lines.push(if fits { row } else { format!("{key}\n    {value}\n    {short_source}") });
    }
    lines.join("\n")
}

fn constant(name: String, value: Value, source: &str) -> Setting {
    Setting { name, value, source: source.to_owned(), short_source: source.to_owned() }
}

fn sourced(source: &Source, name: String, value: Value) -> Setting {
    match source {
        Source::Variable(variable) => constant(name, value, variable),
        Source::File { path, line, profile } => {
            let of_profile = profile.as_ref().map_or_else(String::new, |name| format!(", profile {name}"));
            let short_source = sanitize(&format!("line {line}{of_profile}"), LONGEST_VALUE);
            Setting { name, value, source: format!("{}, {short_source}", path.display()), short_source }
        }
    }
}

pub(super) fn value_for_people(setting: &Setting) -> String {
    match &setting.value {
        Value::Null => "-".to_owned(),
        Value::String(text) => sanitize(text, LONGEST_VALUE),
        other => other.to_string(),
    }
}

/// Returns one row of the table. An invalid value is the same error as in `create`.
fn setting(
    definition: &Definition,
    profile: &Option<String>,
    sources: &Sources<'_>,
) -> Result<Setting, CliError> {
    let Definition { name, kind, .. } = *definition;
    let given = match name {
        "ca-file" => config::roots_file(sources)?,
        "profile" if profile.is_some() => {
            return Ok(constant(definition.key(), sources.profile.as_str().into(), "--profile"));
        }
        name => sources.raw(name)?,
    };
    let Some(Given { value, source }) = given else {
        let value = definition.default.map_or(Value::Null, |text| shown(kind, text));
        return Ok(constant(definition.key(), value, "default"));
    };
    kind.check(&value).map_err(|error| CliError::usage(format!("{}: {error}", source.about(name))))?;
    Ok(sourced(&source, definition.key(), shown(kind, &value)))
}

/// Returns the value for display, which is never a secret.
fn shown(kind: Kind, value: &str) -> Value {
    match kind {
        Kind::Switch => switch(value).map_or(Value::Null, Value::Bool),
        Kind::Port => value.parse::<u16>().map_or(Value::Null, Value::from),
        // Its arguments may contain a secret.
        Kind::Command => match value.trim().split_once(char::is_whitespace) {
            Some((program, _)) => format!("{} …", redact_keys(program)).into(),
            None => redact_keys(value).into(),
        },
        _ => redact_keys(value).into(),
    }
}
