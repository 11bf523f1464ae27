//! `keymint config`: each setting, its value, and where it comes from.

use crate::args::ConfigArgs;
use crate::args::values::switch;
use crate::config::{self, DEFINITIONS, Definition, Given, Kind, Source, Sources};
use crate::error::CliError;
use crate::flow::context::Context;
use crate::ui::format::quoted;
use crate::ui::json::{self, Setting};
use crate::ui::stdout;
use keymint_domain::text::{redact_keys, sanitize};
use serde_json::Value;
use std::path::Path;

/// Longest value that the sources stand behind in one column, in characters.
const WIDEST_VALUE: usize = 35;

/// Longest value that a person is shown.
const LONGEST_VALUE: usize = 4096;

pub(crate) fn run(args: &ConfigArgs, context: &Context) -> Result<(), CliError> {
    let shown = Shown::of(&context.sources, &args.profile)?;
    stdout::show(&if context.ui.wants_json() {
        json::config(shown.file, shown.profile, &shown.settings)
    } else {
        shown.for_people()
    })
}

/// The settings as they are shown.
struct Shown<'a> {
    file: Option<&'a Path>,
    profile: &'a str,
    settings: Vec<Setting>,
    is_default: bool,
    is_defined: bool,
}

impl<'a> Shown<'a> {
    fn of(options: &'a Sources<'_>, profile: &Option<String>) -> Result<Self, CliError> {
        let mut settings = Vec::with_capacity(DEFINITIONS.len() + 1);
        for definition in &DEFINITIONS {
            let given = match definition.name {
                "ca-file" => config::roots_file(options)?,
                "profile" if profile.is_some() => {
                    settings.push(constant(
                        "profile".to_owned(),
                        options.profile.as_str().into(),
                        "--profile",
                    ));
                    continue;
                }
                name => options.raw(name)?,
            };
            settings.push(setting(definition, given)?);
        }
        if let Some(Given { value, source }) = config::proxy(options)? {
            settings.push(sourced(&source, "proxy".to_owned(), value.into()));
        }
        Ok(Self {
            file: options.file.as_deref(),
            profile: options.profile.as_str(),
            is_default: options.profile.is_default(),
            settings,
            is_defined: options.profile_is_defined(),
        })
    }

    fn for_people(&self) -> String {
        let file = match self.file {
            Some(path) if path.exists() => path.display().to_string(),
            Some(path) => format!("{} (not there)", path.display()),
            None => "none: there is no home folder".to_owned(),
        };
        let mut lines = vec![format!("File: {file}")];
        let only_a_name = if self.is_defined || self.is_default {
            ""
        } else {
            " (in no file; it names the place in the keyring)"
        };
        lines.push(format!("Profile: {}{only_a_name}", quoted(self.profile)));
        lines.push(String::new());
        let rows: Vec<_> = self.settings.iter().map(|setting| (setting, value_for_people(setting))).collect();
        let name = self.settings.iter().map(|setting| setting.name.len()).max().unwrap_or_default();
        let values = rows.iter().map(|(_, value)| value.chars().count());
        let value = values.filter(|length| *length <= WIDEST_VALUE).max().unwrap_or_default();
        for (setting, text) in rows {
            lines.push(format!("{:name$}  {text:value$}  {}", setting.name, setting.short_source));
        }
        lines.join("\n")
    }
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

fn value_for_people(setting: &Setting) -> String {
    match &setting.value {
        Value::Null => "-".to_owned(),
        Value::String(text) => sanitize(text, LONGEST_VALUE),
        other => other.to_string(),
    }
}

/// One line of the table. A value that cannot be used is told of as `create` would tell it.
fn setting(definition: &Definition, given: Option<Given>) -> Result<Setting, CliError> {
    let Some(Given { value, source }) = given else {
        let value = definition.default.map_or(Value::Null, |text| shown(definition.kind, text));
        return Ok(constant(definition.key(), value, "default"));
    };
    definition
        .kind
        .check(&value)
        .map_err(|error| CliError::usage(format!("{}: {error}", source.about(definition.name))))?;
    Ok(sourced(&source, definition.key(), shown(definition.kind, &value)))
}

/// A good value as it is shown: never a secret.
fn shown(kind: Kind, value: &str) -> Value {
    match kind {
        Kind::Switch => switch(value).map_or(Value::Null, Value::Bool),
        Kind::Port => value.parse::<u16>().map_or(Value::Null, Value::from),
        // Its arguments may have one.
        Kind::Command => match value.trim().split_once(char::is_whitespace) {
            Some((program, _)) => format!("{} …", redact_keys(program)).into(),
            None => redact_keys(value).into(),
        },
        _ => redact_keys(value).into(),
    }
}
