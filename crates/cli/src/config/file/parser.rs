//! The settings of the configuration file for one profile, whose table overrides the settings before all tables.

use crate::config::Profile;
use crate::config::options::{DEFINITIONS, Definition, Kind};
use crate::error::CliError;
use crate::ui::format::quoted;
use keymint_domain::text::redact_typed;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// The settings that apply to one profile.
#[derive(Debug, Clone, Default)]
pub(crate) struct FileSettings {
    /// The settings in order. The last value of a setting counts.
    values: Vec<(&'static str, Value)>,
    /// True if the file has a table of this profile.
    pub(in crate::config) is_defined: bool,
}

/// A value of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct Value {
    pub(in crate::config) text: String,
    pub(in crate::config) line: usize,
    /// True if it is in the profile's table.
    pub(in crate::config) of_profile: bool,
}

impl FileSettings {
    /// Returns the value of a setting.
    pub(in crate::config) fn get(&self, name: &str) -> Option<&Value> {
        self.values.iter().rfind(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// Parses the whole file, so that a mistake in any profile is found.
    pub(in crate::config) fn parse(path: &Path, text: &str, profile: &Profile) -> Result<Self, CliError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let newlines: Vec<_> = text.match_indices('\n').map(|(at, _)| at).collect();
        let line = |span: Range<usize>| newlines.partition_point(|newline| *newline < span.start) + 1;
        let mistake = |span, what: &str| {
            CliError::usage(format!("{}, line {}: {}", path.display(), line(span), what))
                .hint("Correct that line. `keymint config --help` has an example of the file.")
        };
        let document = DeTable::parse(text).map_err(|error| {
            mistake(
                error.span().unwrap_or_default(),
                &format!("it is not TOML: {}", redact_typed(error.message())),
            )
        })?;
        let read = |(key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>), of_profile| {
            let setting = setting(key.get_ref(), value.get_ref());
            let (name, text) = setting.map_err(|what| mistake(key.span(), &what))?;
            Ok::<_, CliError>((name, Value { text, line: line(key.span()), of_profile }))
        };
        let mut settings = Self::default();
        let mut tables = None;
        for (key, value) in document.get_ref() {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("profiles", DeValue::Table(table)) => tables = Some(table),
                ("profiles", _) => {
                    return Err(mistake(key.span(), "profiles: it must be tables such as [profiles.work]"));
                }
                _ => settings.values.push(read((key, value), false)?),
            }
        }
        let Some(tables) = tables else { return Ok(settings) };
        for (key, table) in tables {
            let DeValue::Table(table) = table.get_ref() else {
                let what = format!("profile {}: it must be a table", typed(key.get_ref()));
                return Err(mistake(key.span(), &what));
            };
            let values: Vec<_> = table.iter().map(|setting| read(setting, true)).collect::<Result<_, _>>()?;
            if key.get_ref() == profile.as_str() {
                settings.is_defined = true;
                settings.values.extend(values);
            }
        }
        if !settings.is_defined && !profile.is_default() {
            let names: Vec<_> = tables.keys().map(|key| typed(key.get_ref())).collect();
            let what = format!("{} has no profile {}", path.display(), typed(profile.as_str()));
            return Err(CliError::usage(what).hint(format!("It has {}.", names.join(", "))));
        }
        Ok(settings)
    }
}

/// Returns the names of all profiles, if the text is TOML.
pub(in crate::config) fn profiles(text: &str) -> Vec<String> {
    let Ok(document) = DeTable::parse(text) else { return Vec::new() };
    match document.get_ref().get("profiles").map(Spanned::get_ref) {
        Some(DeValue::Table(tables)) => tables.keys().map(|key| key.get_ref().to_string()).collect(),
        _ => Vec::new(),
    }
}

/// Returns a misplaced name in quotes, redacted since it may be a pasted secret.
fn typed(name: &str) -> String {
    quoted(&redact_typed(name))
}

/// Returns the name and the text of a setting, or the mistake in it.
fn setting(key: &str, value: &DeValue<'_>) -> Result<(&'static str, String), String> {
    let Definition { name, kind, .. } = definition(key)?;
    let text = text(*kind, value).and_then(|text| kind.check(&text).map(|()| text));
    Ok((*name, text.map_err(|what| format!("{key}: {what}"))?))
}

/// Returns the option of this key, or the mistake in it.
fn definition(key: &str) -> Result<&'static Definition, String> {
    let known = DEFINITIONS.iter().find(|definition| definition.key() == key);
    match known {
        Some(definition) if definition.in_file => Ok(definition),
        Some(_) => Err(format!("{key}: it applies to one run, and cannot be set in a file")),
        None => {
            let keys = DEFINITIONS.iter().filter(|definition| definition.in_file).map(Definition::key);
            let likeness = |known: &String| strsim::jaro(known, key);
            let nearest = keys.max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
            let nearest = nearest.filter(|nearest| likeness(nearest) > 0.7);
            let hint = nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest}?"));
            Err(format!("unknown setting {}{hint}", typed(key)))
        }
    }
}

/// Returns the value as the text of its variable.
fn text(kind: Kind, value: &DeValue<'_>) -> Result<String, String> {
    let needed = match (kind, value) {
        (Kind::Switch, DeValue::Boolean(on)) => return Ok(on.to_string()),
        (Kind::Switch, _) => "it must be true or false",
        (Kind::Port | Kind::Time, DeValue::Integer(number)) => return Ok(number.to_string()),
        (Kind::Port, _) => "it must be a number",
        (Kind::File, DeValue::String(path)) if !Path::new(path.as_ref()).is_absolute() => {
            "it must be an absolute path: the file applies in every directory"
        }
        (Kind::Scopes, DeValue::Array(names)) => {
            let names = names.iter().map(|name| name.get_ref().as_str());
            match names.collect::<Option<Vec<_>>>() {
                Some(names) => return Ok(names.join(",")),
                None => "it must be a list of strings in quotes",
            }
        }
        (_, DeValue::String(text)) => return Ok(text.clone().into_owned()),
        _ => "it must be a string in quotes",
    };
    Err(needed.to_owned())
}

/// Returns the line of an offset, counted from 1.
pub(super) fn line(document: &[u8], at: usize) -> usize {
    let before = &document[..at.min(document.len())];
    before.iter().filter(|&&byte| byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, name: &str) -> Result<FileSettings, CliError> {
        FileSettings::parse(Path::new("/c.toml"), text, &Profile::parse(name).unwrap())
    }

    #[test]
    fn the_table_of_a_profile_wins_over_the_settings_before_all_tables() {
        let text = "\u{feff}app = \"one\"\naudience = \"all\"\n[profiles.work]\napp = \"two\"\ncallback_port = 5001\n\
                    [profiles.other]\naudience = \"none\"\n";
        let texts = |name| -> Vec<_> {
            let settings = parse(text, name).unwrap();
            let found = |name| settings.get(name).map(|it| format!("{name}={}, line {}", it.text, it.line));
            ["app", "audience", "callback-port"].into_iter().filter_map(found).collect()
        };
        assert_eq!(texts("work"), ["app=two, line 4", "audience=all, line 2", "callback-port=5001, line 5"]);
        assert_eq!(texts("default"), ["app=one, line 1", "audience=all, line 2"]);
        assert!(parse(text, "work").unwrap().is_defined && !parse(text, "default").unwrap().is_defined);
    }

    #[test]
    fn a_profile_that_is_not_among_those_of_the_file_is_refused_and_without_any_it_is_a_mere_name() {
        let refused = parse("[profiles.work]\n[profiles.home]", "wrok").unwrap_err();
        assert_eq!(refused.message(), "/c.toml has no profile \"wrok\"");
        assert_eq!(refused.hints().as_deref(), Some("It has \"home\", \"work\"."));
        let refused = parse("[profiles.work]", "uI7hmlRMb51RfRDYoX3L").unwrap_err();
        assert_eq!(refused.message(), "/c.toml has no profile \"[redacted]\"");
        assert!(parse("quiet = true", "work").unwrap().get("quiet").is_some());
    }

    #[test]
    fn a_mistake_is_reported_with_its_line_and_key_and_without_its_value() {
        for (text, expected) in [
            ("\napi-base = 1", "line 2: unknown setting \"api-base\"; did you mean api_base?"),
            ("isuer = \"canary\"", "line 1: unknown setting \"isuer\"; did you mean issuer?"),
            ("zzz = \"canary\"", "line 1: unknown setting \"zzz\""),
            ("sk-proj-canary0123456789 = 1", "line 1: unknown setting"),
            (
                "\"http://localhost:5000/?code=canary\" = 1",
                "line 1: unknown setting \"http://localhost:5000/?[redacted]",
            ),
            ("canary5fW9xKq2LmZ8vR1tBn = 1", "line 1: unknown setting \"[redacted]\""),
            ("canary5fW9xKq2LmZ8vR1tBn", "line 1: it is not TOML: "),
            ("[profiles]\ncanary5fW9xKq2LmZ8vR1tBn = 1", "line 2: profile \"[redacted]\": "),
            ("force = true", "line 1: force: it applies to one run"),
            // It would put the key into the transcript of every coding agent.
            ("print = true", "line 1: print: it applies to one run"),
            ("profile = \"canary\"", "line 1: profile: it applies to one run"),
            ("app = \"a\"\napp = \"canary\"", "line 2: it is not TOML: duplicate key"),
            ("[profiles.a]\n[profiles.a]", "line 2: it is not TOML: duplicate key"),
            ("app = canary", "line 1: it is not TOML: "),
            ("app = \"canary", "line 1: it is not TOML: "),
            ("app = 1", "line 1: app: it must be a string in quotes"),
            ("app = [\"canary\"]", "line 1: app: it must be a string in quotes"),
            ("app.canary = 1", "line 1: app: it must be a string in quotes"),
            ("quiet = \"canary\"", "line 1: quiet: it must be true or false"),
            ("callback_port = \"canary\"", "line 1: callback_port: it must be a number"),
            ("callback_port = 0", "line 1: callback_port: it must be a port number"),
            ("issuer = \"http://canary.example\"", "line 1: issuer: it must begin with https://"),
            ("api_base = \"https://u:canary@host\"", "line 1: api_base: it must not contain a user name"),
            ("http_timeout = \"canary\"", "line 1: http_timeout: it must be a time"),
            ("ca_file = \"canary.pem\"", "line 1: ca_file: it must be an absolute path"),
            ("expires = 90", "line 1: expires: it must be a string in quotes"),
            ("expires = \"canary\"", "line 1: expires: it must be a time"),
            ("scope = [\"canary\", 1]", "line 1: scope: it must be a list of strings"),
            ("scope = [\"canary canary\"]", "line 1: scope: not a scope"),
            ("profiles = \"canary\"", "line 1: profiles: it must be tables"),
            ("[profiles]\nwork = \"canary\"", "line 2: profile \"work\": it must be a table"),
            ("[profiles.other]\nissuer = \"canary\"", "line 2: issuer: "),
            ("[profiles.other]\nprofiles = 1", "line 2: unknown setting \"profiles\""),
        ] {
            let Err(failure) = parse(text, "default") else { panic!("{text} was accepted") };
            assert!(failure.message().starts_with(&format!("/c.toml, {expected}")), "{}", failure.message());
            assert!(!failure.message().contains("canary"), "{}", failure.message());
        }
    }
}
