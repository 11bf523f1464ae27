//! The report of `keymint doctor --report`, which a user can publish.

use super::{Findings, machine};
use crate::args::values::check_local;
use crate::args::{BrowserArgs, DoctorArgs, TimeoutArgs};
use crate::commands::config::{proxies, settings, value_for_people};
use crate::config::{DEFINITIONS, Definition, Kind, SignInSettings};
use crate::error::{CliError, ErrorKind};
use crate::flow::context::Context;
use crate::flow::sign_in::sign_in_and_list;
use crate::ui::format::shown;
use crate::ui::json::{Finding, Health, Setting};
use keymint_delivery_adapter::{private_files, wall_clock};
use keymint_domain::BaseUrl;
use keymint_host::Anonymizer;
use keymint_http_adapter::AnswerLog;
use keymint_terminal::Signals;
use keymint_terminal::stderr;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Writes the report. If a sign-in is requested, signs in first, and adds the outcome to the findings. The file is
/// created before the sign-in, and removed if the sign-in is interrupted.
pub(super) async fn write(
    path: &Path,
    args: &DoctorArgs,
    context: &Context,
    findings: &mut Findings<'_>,
) -> Result<(), CliError> {
    let settings = changed_settings(args, context)?;
    let mut file = create(path, args.force).map_err(unusable)?;
    let answers = AnswerLog::default();
    let written = async {
        if args.sign_in {
            sign_in(args, context, &answers, findings).await?;
        }
        let text = text(&findings.all, &settings, &answers, args.sign_in);
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(|error| unusable(private_files::about(path, &error)))
    };
    written.await.inspect_err(|_| drop(fs::remove_file(path)))?;
    stderr::write(format!("\nThe report is in {}. Read it before you publish it.\n", shown(path)));
    Ok(())
}

/// Returns the absolute path of the report after checking that the file can be created.
pub(super) fn check(path: &Path, force: bool) -> Result<PathBuf, CliError> {
    check_local(path.as_os_str()).map_err(|error| CliError::usage(format!("--report: {error}")))?;
    let path = std::path::absolute(path).map_err(unusable)?;
    if !(force && path.symlink_metadata().is_ok()) {
        create(&path, false).and_then(|_| fs::remove_file(&path)).map_err(unusable)?;
    }
    Ok(path)
}

/// Creates the file for its owner only. A symbolic link is replaced, not followed.
fn create(path: &Path, force: bool) -> io::Result<File> {
    let removed = if force { fs::remove_file(path) } else { Ok(()) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(private_files::about(path, &error));
        }
        _ => {}
    }
    private_files::new_file(path)
}

/// Returns the error of a file, with its path.
fn unusable(error: io::Error) -> CliError {
    let hint = match error.kind() {
        io::ErrorKind::AlreadyExists => "Replace it with --force, or name another file.",
        _ => "Name another file.",
    };
    CliError::new(ErrorKind::DestinationUnusable, "no report can be written").because(error).hint(hint)
}

/// Signs in and lists organizations and projects, and logs the shapes of the answers.
async fn sign_in(
    args: &DoctorArgs,
    context: &Context,
    answers: &AnswerLog,
    findings: &mut Findings<'_>,
) -> Result<(), CliError> {
    let mut is_whole = false;
    let mut signals = Signals::listen().map_err(CliError::internal)?;
    let listing = async {
        let (browser, timeouts) = (BrowserArgs::default(), TimeoutArgs::default());
        let mut settings = SignInSettings::resolve(&browser, &timeouts, &args.endpoints, &context.sources)?;
        settings.http.answer_log = Some(answers.clone());
        sign_in_and_list(context, &settings, &mut signals, |catalogue| {
            is_whole = catalogue.is_whole();
            catalogue.error().map_or(Ok(()), |error| Err(context.explain(error)))
        })
        .await
    };
    let outcome = listing.await;
    context.finish_background().await;
    context.ui.clear_progress();
    match outcome {
        Err(error) if matches!(error.kind, ErrorKind::Interrupted(_)) => return Err(error),
        // The finding about the port has the reason.
        Err(error) if error.kind == ErrorKind::CallbackUnavailable && findings.all.iter().any(is_of_port) => {
        }
        Err(error) => {
            let reason = error.reason.map_or_else(String::new, |reason| format!(", {}", reason.name()));
            let public = error.kind.name().to_owned() + &reason;
            findings
                .add_until_signal(machine::of_failure("account", error).in_public(&public), &mut signals)
                .await;
        }
        Ok(()) if is_whole => {
            findings
                .add_until_signal(
                    Finding::ok("account", "its organizations and projects can be read"),
                    &mut signals,
                )
                .await;
        }
        Ok(()) => {
            let fix = "`keymint list` shows which.";
            findings
                .add_until_signal(
                    Finding::warning("account", "not every list could be read in full", fix),
                    &mut signals,
                )
                .await;
        }
    }
    match answers.differences() {
        _ if answers.is_empty() => {}
        0 => findings.add_until_signal(Finding::ok("answers", "as keymint expects them"), &mut signals).await,
        differences => {
            let message = format!("differences from what keymint expects: {differences}");
            let fix = "Attach the report to an issue of keymint.";
            findings.add_until_signal(Finding::warning("answers", &message, fix), &mut signals).await;
        }
    }
    Ok(())
}

fn is_of_port(finding: &Finding) -> bool {
    finding.status == Health::Problem && ["sign-in", "port", "localhost", "loopback"].contains(&finding.check)
}

/// Returns the settings that differ from the default, with the flags of the doctor.
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
    // An invalid proxy setting already has a finding.
    settings.extend(proxies(&args.endpoints, &context.sources).unwrap_or_default());
    Ok(settings)
}

fn text(findings: &[Finding], settings: &[Setting], answers: &AnswerLog, signed_in: bool) -> String {
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
    let mut anonymizer = Anonymizer::of_this_user();
    for setting in settings {
        private_text(setting).into_iter().for_each(|value| anonymizer.hide(&setting.name, value));
    }
    for Finding { check, status, message, public, .. } in findings {
        let status = match status {
            Health::Ok => "ok",
            Health::Warning => "warning",
            Health::Problem => "problem",
        };
        let message = anonymizer.apply(public.as_ref().unwrap_or(message));
        let _ = writeln!(text, "{status:<8} {check:<13} {message}");
    }
    text += "\nSettings that differ from their default\n\n";
    for setting in settings {
        let (name, value, source) = (&setting.name, public_value(setting), &setting.short_source);
        // Removes the name of the profile, which follows the line of the configuration file.
        let source = source.split(", profile").next().unwrap_or_default();
        let _ = writeln!(text, "{name:<16} {value:<24} {source}");
    }
    if answers.is_empty() {
        let why = if signed_in {
            "The sign-in failed before a server answered."
        } else {
            "--sign-in compares them with what keymint expects."
        };
        return text + &format!("\nAnswers: none. {why}\n");
    }
    let differences = answers.differences();
    text + &format!(
        "\nAnswers: {differences} differences from what keymint expects\n\n\
         = as expected, ! different, - optional and not sent, + unknown and ignored\n\n{answers}"
    )
}

/// Returns the value, or its length if it may be private.
fn public_value(setting: &Setting) -> String {
    match private_text(setting) {
        Some(text) => format!("text, {} characters", text.chars().count()),
        None => value_for_people(setting),
    }
}

/// Returns the value of a setting, unless it is a switch, a number, a time, or the URL of a server on this machine.
fn private_text(Setting { name, value, .. }: &Setting) -> Option<&str> {
    let is_time = |definition: &Definition| definition.kind == Kind::Time && definition.key() == *name;
    let text = value.as_str().filter(|_| !DEFINITIONS.iter().any(is_time))?;
    let is_local = BaseUrl::parse(text).is_ok_and(|url| url.is_loopback());
    (!is_local).then_some(text)
}
