//! The report of `keymint doctor --report`, which a user can publish.

use super::{machine, show};
use crate::args::{BrowserArgs, DoctorArgs, TimeoutArgs};
use crate::commands::config::{proxy, settings, value_for_people};
use crate::config::{DEFINITIONS, Definition, Kind, SignInSettings};
use crate::error::{CliError, ErrorKind};
use crate::flow::context::Context;
use crate::flow::sign_in::sign_in_and_list;
use crate::os::env::Environment;
use crate::os::signals::Signals;
use crate::os::stderr;
use crate::ui::format::shown;
use crate::ui::json::{Finding, Health, Setting};
use keymint_delivery_adapter::{private_files, wall_clock};
use keymint_domain::BaseUrl;
use keymint_http_adapter::AnswerLog;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use url::Url;

/// The variables of directories in whose path there may be a space.
const DIRECTORIES: [&str; 5] = ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "APPDATA", "LOCALAPPDATA"];

/// A shorter value is not searched in the findings: it may be a part of any word.
const SHORTEST: usize = 4;

/// Writes the report, after a sign-in if one is requested. Its outcome is added to the findings. The file is
/// created before the sign-in, and removed if that is interrupted.
pub(super) async fn write(
    path: &Path,
    args: &DoctorArgs,
    context: &Context,
    findings: &mut Vec<Finding>,
) -> Result<(), CliError> {
    let path = std::path::absolute(path).map_err(|error| unusable(path, error))?;
    let settings = changed_settings(args, context)?;
    let mut file = create(&path, args.force).map_err(|error| unusable(&path, error))?;
    let answers = AnswerLog::default();
    let written = async {
        if args.sign_in {
            sign_in(args, context, &answers, findings).await?;
        }
        let text = text(findings, &settings, context.sources.environment, &answers);
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| unusable(&path, error))
    };
    written.await.inspect_err(|_| drop(fs::remove_file(&path)))?;
    stderr::write(&format!("\nThe report is in {}. Read it before you publish it.\n", shown(&path)));
    Ok(())
}

/// Creates the file for its owner alone. A link is replaced, and not followed.
fn create(path: &Path, force: bool) -> io::Result<File> {
    let removed = if force { fs::remove_file(path) } else { Ok(()) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    private_files::new_file(path)
}

fn unusable(path: &Path, error: io::Error) -> CliError {
    let hint = match error.kind() {
        io::ErrorKind::AlreadyExists => "Replace it with --force, or name another file.",
        _ => "Name another file.",
    };
    CliError::new(ErrorKind::DestinationUnusable, format!("{}: no report can be written", shown(path)))
        .because(error)
        .hint(hint)
}

/// Signs in and lists organizations and projects, and logs the shapes of the answers.
async fn sign_in(
    args: &DoctorArgs,
    context: &Context,
    answers: &AnswerLog,
    findings: &mut Vec<Finding>,
) -> Result<(), CliError> {
    let listing = async {
        let (browser, timeouts) = (BrowserArgs::default(), TimeoutArgs::default());
        let mut settings = SignInSettings::resolve(&browser, &timeouts, &args.endpoints, &context.sources)?;
        settings.http.answer_log = Some(answers.clone());
        sign_in_and_list(context, &settings, &mut Signals::listen()?, async |_, _| Ok(())).await
    };
    let outcome = listing.await;
    context.ui.clear_progress();
    match outcome {
        Err(error) if matches!(error.kind, ErrorKind::Interrupted(_)) => return Err(error),
        Err(error) => {
            let reason = error.reason.map_or_else(String::new, |reason| format!(", {}", reason.name()));
            let public = error.kind.name().to_owned() + &reason;
            show(machine::of_failure("account", error).in_public(&public), findings);
        }
        Ok(()) => show(Finding::ok("account", "its organizations and projects can be read"), findings),
    }
    match answers.differences() {
        _ if answers.is_empty() => {}
        0 => show(Finding::ok("answers", "as keymint expects them"), findings),
        differences => {
            let message = format!("differences from what keymint expects: {differences}");
            let fix = "Attach the report to an issue of keymint.";
            show(Finding::warning("answers", &message, fix), findings);
        }
    }
    Ok(())
}

/// The settings that differ from the default, with the flags of the doctor.
fn changed_settings(args: &DoctorArgs, context: &Context) -> Result<Vec<Setting>, CliError> {
    let mut settings = settings(&args.profile, &context.sources)?;
    let flags = serde_json::to_value(&args.endpoints).map_err(CliError::internal)?;
    for setting in &mut settings {
        if let Some(Value::String(value)) = flags.get(&setting.name) {
            setting.value = value.clone().into();
            setting.short_source = format!("--{}", setting.name.replace('_', "-"));
        }
    }
    settings.retain(|setting| setting.short_source != "default");
    // A proxy that is not understood is a finding.
    settings.extend(proxy(&context.sources).ok().flatten());
    Ok(settings)
}

fn text(
    findings: &[Finding],
    settings: &[Setting],
    environment: &dyn Environment,
    answers: &AnswerLog,
) -> String {
    let mut text = format!(
        "keymint report\n\n\
         Version   {}\n\
         Platform  {} {}\n\
         Time      {}\n\n\
         There is no secret, id, name or path of yours in it. A word in brackets replaces one.\n\n\
         Findings\n\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
        wall_clock::utc_now(),
    );
    let private = private_words(settings, environment);
    for Finding { check, status, message, public, .. } in findings {
        let status = match status {
            Health::Ok => "ok",
            Health::Warning => "warning",
            Health::Problem => "problem",
        };
        let message = without(&private, public.as_ref().unwrap_or(message));
        let _ = writeln!(text, "{status:<8} {check:<13} {message}");
    }
    text += "\nSettings that differ from their default\n\n";
    for setting in settings {
        let (name, value, source) = (&setting.name, public_value(setting), &setting.short_source);
        // The name of a profile follows the line of the configuration file.
        let source = source.split(", profile").next().unwrap_or_default();
        let _ = writeln!(text, "{name:<16} {value:<24} {source}");
    }
    if answers.is_empty() {
        return text + "\nAnswers: none. --sign-in compares them with what keymint expects.\n";
    }
    let differences = answers.differences();
    text + &format!(
        "\nAnswers: {differences} differences from what keymint expects\n\n\
         = as expected, ! different, - optional and not sent, + unknown and ignored\n\n{answers}"
    )
}

/// The value, or its length if it may be private.
fn public_value(setting: &Setting) -> String {
    match private_text(setting) {
        Some(text) => format!("text, {} characters", text.chars().count()),
        None => value_for_people(setting),
    }
}

/// The value of a setting, unless it is a switch, a number, a time, or the URL of a server on this machine.
fn private_text(Setting { name, value, .. }: &Setting) -> Option<&str> {
    let is_time = |definition: &Definition| definition.kind == Kind::Time && definition.key() == *name;
    let text = value.as_str().filter(|_| !DEFINITIONS.iter().any(is_time))?;
    let is_local = BaseUrl::parse(text).is_ok_and(|url| url.is_loopback());
    (!is_local).then_some(text)
}

/// Private words that a finding may repeat, each with its substitute; the longest first, since one may contain
/// another.
fn private_words(settings: &[Setting], environment: &dyn Environment) -> Vec<(String, String)> {
    let mut words = Vec::new();
    for setting in settings {
        if let Some(value) = private_text(setting) {
            let name = format!("[{}]", setting.name);
            let host = Url::parse(value).ok().and_then(|url| url.host_str().map(str::to_owned));
            words.extend(host.map(|host| (host, name.clone())));
            words.push((value.trim_end_matches('/').to_owned(), name));
        }
    }
    for variable in DIRECTORIES {
        let directory = environment.get(variable).ok().flatten();
        words.extend(directory.map(|directory| (directory, "[path]/".to_owned())));
    }
    words.retain(|(word, _)| word.len() >= SHORTEST);
    words.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
    words
}

/// Returns a message without private words and paths.
fn without(private: &[(String, String)], message: &str) -> String {
    let message = private.iter().fold(message.to_owned(), |text, (word, name)| text.replace(word, name));
    let is_path = |word: &str| word.contains(['/', '\\']) && !word.contains("://");
    let words = message.split(' ').map(|word| if is_path(word) { "[path]" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn a_finding_is_shown_without_paths_and_values_of_settings() {
        let setting = |name: &str, value: &str| Setting {
            name: name.to_owned(),
            value: value.into(),
            source: String::new(),
            short_source: String::new(),
        };
        let settings = [
            setting("issuer", "https://auth.example.com/"),
            setting("api_base", "http://127.0.0.1:8000"),
            setting("ca_file", "/etc/a company/ca.pem"),
            setting("app", "api"),
        ];
        let environment =
            HashMap::from([("HOME", "/home/a person"), ("XDG_STATE_HOME", "/home/a person/state")]);
        let private = private_words(&settings, &environment);
        for (message, shown) in [
            ("https://auth.example.com can be reached", "[issuer] can be reached"),
            ("could not find auth.example.com", "could not find [issuer]"),
            ("http://127.0.0.1:8000 can be reached", "http://127.0.0.1:8000 can be reached"),
            (
                "the system's, and /etc/a company/ca.pem (by --ca-file)",
                "the system's, and [ca_file] (by --ca-file)",
            ),
            ("kept in /home/a person/state/keymint", "kept in [path]"),
            ("/home/a person/.config/keymint/config.toml (not there)", "[path] (not there)"),
            ("/srv/keymint: other users may write in it", "[path] other users may write in it"),
        ] {
            assert_eq!(without(&private, message), shown);
        }
    }
}
