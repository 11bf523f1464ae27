//! `keymint config`: each setting, its value, and where it comes from.

use crate::args::ConfigArgs;
use crate::args::values::switch;
use crate::config::{self, DEFINITIONS, Definition, Given, Kind, Source, Sources};
use crate::error::CliError;
use crate::flow::context::Context;
use crate::ui::format::quoted;
use crate::ui::stdout;
use keymint_domain::text::{redact_keys, sanitize};
use serde::Serialize;
use serde_json::Value;
use std::path::Path;

/// Longest value that the sources stand behind in one column, in characters.
const WIDEST_VALUE: usize = 35;

/// Longest value that a person is shown.
const LONGEST_VALUE: usize = 4096;

pub(crate) fn run(args: &ConfigArgs, context: &Context) -> Result<(), CliError> {
    let shown = Shown::of(&context.sources, &args.profile)?;
    stdout::show(&if context.ui.wants_json() { stdout::to_json(&shown) } else { shown.for_people() })
}

/// What `config --json` prints.
#[derive(Serialize)]
struct Shown<'a> {
    schema: &'static str,
    file: Option<&'a Path>,
    profile: &'a str,
    settings: Vec<Setting>,
    #[serde(skip)]
    is_default: bool,
    #[serde(skip)]
    is_defined: bool,
}

#[derive(Serialize)]
struct Setting {
    name: String,
    value: Value,
    source: String,
    /// The source where the file was named before.
    #[serde(skip)]
    short_source: String,
}

impl<'a> Shown<'a> {
    fn of(options: &'a Sources<'_>, profile: &Option<String>) -> Result<Self, CliError> {
        let mut settings = Vec::with_capacity(DEFINITIONS.len() + 1);
        for definition in &DEFINITIONS {
            let given = match definition.name {
                "ca-file" => config::roots_file(options)?,
                "profile" if profile.is_some() => {
                    settings.push(Setting::new(
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
            settings.push(Setting::from(&source, "proxy".to_owned(), value.into()));
        }
        Ok(Self {
            schema: "keymint.config/1",
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
        let rows: Vec<_> =
            self.settings.iter().map(|setting| (setting, setting.value_for_people())).collect();
        let name = self.settings.iter().map(|setting| setting.name.len()).max().unwrap_or_default();
        let values = rows.iter().map(|(_, value)| value.chars().count());
        let value = values.filter(|length| *length <= WIDEST_VALUE).max().unwrap_or_default();
        for (setting, text) in rows {
            lines.push(format!("{:name$}  {text:value$}  {}", setting.name, setting.short_source));
        }
        lines.join("\n")
    }
}

impl Setting {
    fn new(name: String, value: Value, source: &str) -> Self {
        Self { name, value, source: source.to_owned(), short_source: source.to_owned() }
    }

    fn from(source: &Source, name: String, value: Value) -> Self {
        match source {
            Source::Variable(variable) => Self::new(name, value, variable),
            Source::File { path, line, profile } => {
                let of_profile =
                    profile.as_ref().map_or_else(String::new, |name| format!(", profile {name}"));
                let short_source = sanitize(&format!("line {line}{of_profile}"), LONGEST_VALUE);
                Self { name, value, source: format!("{}, {short_source}", path.display()), short_source }
            }
        }
    }

    fn value_for_people(&self) -> String {
        match &self.value {
            Value::Null => "-".to_owned(),
            Value::String(text) => sanitize(text, LONGEST_VALUE),
            other => other.to_string(),
        }
    }
}

/// One line of the table. A value that cannot be used is told of as `create` would tell it.
fn setting(definition: &Definition, given: Option<Given>) -> Result<Setting, CliError> {
    let Some(Given { value, source }) = given else {
        let value = definition.default.map_or(Value::Null, |text| shown(definition.kind, text));
        return Ok(Setting::new(definition.key(), value, "default"));
    };
    definition
        .kind
        .check(&value)
        .map_err(|error| CliError::usage(format!("{}: {error}", source.about(definition.name))))?;
    Ok(Setting::from(&source, definition.key(), shown(definition.kind, &value)))
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
