//! The documents of the settings and of the checks of `doctor`.

use super::to_json;
use keymint_host::Advice;
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::borrow::Cow;
use std::path::Path;

/// Returns the settings, and the configuration file.
pub(crate) fn config(file: Option<&Path>, profile: &str, settings: &[Setting]) -> String {
    let file = file.map(Path::to_string_lossy);
    #[derive(Serialize)]
    struct Config<'a> {
        schema: &'static str,
        file: Option<Cow<'a, str>>,
        profile: &'a str,
        settings: &'a [Setting],
    }
    to_json(&Config { schema: "keymint.config/1", file, profile, settings })
}

/// A setting, its value and its source.
#[derive(Serialize)]
pub(crate) struct Setting {
    pub(crate) name: String,
    pub(crate) value: Value,
    pub(crate) source: String,
    /// The short form of the source, for output that has already named the file.
    #[serde(skip)]
    pub(crate) short_source: String,
}

/// Returns the findings of all checks.
pub(crate) fn doctor(findings: &[Finding]) -> String {
    #[derive(Serialize)]
    struct Doctor<'a> {
        schema: &'static str,
        findings: &'a [Finding],
    }
    to_json(&Doctor { schema: "keymint.doctor/1", findings })
}

/// The result of one check.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) status: Health,
    pub(crate) message: String,
    /// The message for a public report, if the ordinary message contains private values.
    #[serde(skip)]
    pub(crate) public: Option<String>,
    #[serde(serialize_with = "in_one_line")]
    pub(crate) fix: Option<Advice>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Health {
    Ok,
    /// A sign-in works, although perhaps not as expected.
    Warning,
    /// A sign-in would fail.
    Problem,
}

fn in_one_line<S: Serializer>(fix: &Option<Advice>, serializer: S) -> Result<S::Ok, S::Error> {
    let line = fix.as_ref().map(|Advice { text, command }| match command {
        Some(command) => format!("{text} {command}"),
        None => text.clone(),
    });
    line.serialize(serializer)
}
