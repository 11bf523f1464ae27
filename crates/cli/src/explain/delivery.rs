//! The errors and warnings of destinations.

use crate::error::{CliError, ErrorKind};
use crate::ui::format::{command_word, destination, own_path, quoted, shown};
use keymint_delivery_adapter::{
    CommandError, EnvFileError, EnvFileErrorKind, FoundEnvFile, GitStatus, KeyringError, NoClipboard, Warning,
};
use keymint_domain::DeliveryReport;
use keymint_domain::text::escape;
use std::io;
use std::path::Path;

/// The hint if the destination of a rotation's old key has another key.
pub(crate) const NOT_THE_OLD_KEY: &str = "Another run may have replaced the old key. `keymint status` shows which \
                                          key is where, and `keymint rotate` replaces \
     the one in use.";

/// Returns the error of a dotenv file that cannot take the key.
pub(crate) fn env_file(error: &EnvFileError, is_rotation: bool) -> CliError {
    use EnvFileErrorKind as Kind;
    let hint = match &error.kind {
        Kind::HasValue { .. } | Kind::DifferentValues { .. } if is_rotation => NOT_THE_OLD_KEY.to_owned(),
        Kind::EmptyPath => "Name a file.".to_owned(),
        Kind::Dash => "Standard output is --print.".to_owned(),
        Kind::Tilde => "Write the whole path, or ./~ for a file or directory of that name.".to_owned(),
        Kind::NoDirectory => {
            let directory = error.path.parent().map(command_word).unwrap_or_default();
            let parents = if cfg!(windows) { "" } else { "-p " };
            format!("Create it (`mkdir {parents}{directory}`), or name another file.")
        }
        Kind::DirectoryOfOthers(_) => "Name a file in a directory of your own.".to_owned(),
        Kind::Link(_) => "Name the file that you mean.".to_owned(),
        Kind::Locked => "Wait for it or end it, and run this again.".to_owned(),
        Kind::ReadOnly => "Make it writable, or name another file.".to_owned(),
        Kind::Fixed => "Name another file, or the one that is mounted there.".to_owned(),
        Kind::Syntax(_) => "Correct that line, or name another file.".to_owned(),
        Kind::HasValue { .. } => "Replace it with --force, or name another variable with --var.".to_owned(),
        Kind::DifferentValues { .. } => "Delete all but one, or replace them all with --force.".to_owned(),
        _ => "Name another file.".to_owned(),
    };
    let message = match &error.kind {
        Kind::Locked => format!("{}: another keymint run is writing it", shown(&error.path)),
        _ => error.to_string(),
    };
    unusable(message).hint(hint)
}

/// Describes a property of a dotenv file for the user.
pub(crate) fn env_file_warning(path: &Path, warning: &Warning) -> String {
    let file = own_path(path);
    match warning {
        Warning::LeftBehind { path, others } => format!(
            "{} is left from a run that was killed, and may contain a key: look at it, then delete it{}",
            shown(path),
            if *others == 0 { String::new() } else { format!(" ({others} more are in that directory)") }
        ),
        Warning::HardLink => format!("{file} has another name (a hard link), which keeps the old content"),
        Warning::ReadableByOthers { mode } => {
            format!("others can read {file} (mode {mode:03o}). Run `chmod 600 {}`.", command_word(path))
        }
        Warning::TakenLiterally(lines) => format!(
            "{file} has quotes or a comment in {lines}: `docker run --env-file` takes them for a part of the key"
        ),
        Warning::NoModes { mode } => {
            format!(
                "other users may read {file}: its file system has no modes, and gives each file {mode:03o}"
            )
        }
        _ => format!("{file}: {warning:?}"),
    }
}

/// Checks that git does not publish the file. Returns a warning, or an error if git tracks the file.
pub(crate) fn git(file: &FoundEnvFile, allow_tracked: bool) -> Result<Option<String>, CliError> {
    let path = file.path();
    let shown_path = own_path(path);
    Ok(Some(match file.git() {
        GitStatus::Tracked if allow_tracked => format!("git tracks {shown_path}: do not commit the key"),
        GitStatus::Tracked => {
            let (directory, name) = (path.parent().unwrap_or(path), path.file_name().unwrap_or_default());
            let (directory, name) = (command_word(directory), command_word(Path::new(name)));
            let message = format!("{}: git tracks it, and would publish the key", shown(path));
            return Err(unusable(message).hint(format!(
                "Take it out of git (`git -C {directory} rm --cached {name}`), or accept that with --allow-tracked."
            )));
        }
        GitStatus::Untracked => {
            let gitignore = shown(&path.with_file_name(".gitignore"));
            format!("git does not ignore {shown_path}: add the line {} to {gitignore}", file.gitignore_line())
        }
        GitStatus::Unknown(why) => format!("cannot determine whether git would publish {shown_path}: {why}"),
        _ => return Ok(None),
    }))
}

/// Returns the error of a command that needs the keyring.
pub(crate) fn keyring(error: &KeyringError) -> CliError {
    let (message, hint) = match error {
        KeyringError::NotBuiltIn => (
            "this keymint was built without the keyring".to_owned(),
            "`keymint create --env-file` puts a key in a file.",
        ),
        KeyringError::NotAKey => (error.to_string(), "`keymint forget` removes it."),
        _ => (
            error.to_string(),
            "A desktop session unlocks its keyring. Elsewhere, as in a container or over SSH, `keymint create --env-file` \
             puts a key in a file.",
        ),
    };
    unusable(message).hint(hint)
}

/// Returns the error of the command of --pipe-to.
pub(crate) fn command(error: &CommandError) -> CliError {
    let problem = match error {
        CommandError::UnclosedQuote => {
            return CliError::usage("the command of --pipe-to has an unclosed quote");
        }
        CommandError::Program { name, problem } => {
            format!("the command of --pipe-to, {}, {problem}", quoted(name))
        }
        _ => error.to_string().replacen("the command", "the command of --pipe-to", 1),
    };
    let shell = if cfg!(windows) { "'cmd /c \"…\"'" } else { "\"sh -c '…'\"" };
    unusable(problem).hint(format!(
        "Name a program in a directory of PATH, or its path, and its arguments. No shell is started; where you want \
         one: --pipe-to {shell}."
    ))
}

/// Returns the error of `--copy`.
pub(crate) fn clipboard(error: &NoClipboard) -> CliError {
    let program = if cfg!(windows) {
        "Windows comes with the program clip, in a directory of PATH"
    } else if cfg!(target_os = "macos") {
        "macOS comes with the program pbcopy, in a directory of PATH"
    } else {
        "On a desktop, wl-clipboard, xclip or xsel must be installed"
    };
    unusable(error.to_string()).hint(format!(
        "{program}. Elsewhere, run keymint in a terminal that can set the clipboard (OSC 52). --env-file, --keyring \
         and \
         --pipe-to need neither."
    ))
}

/// Returns the error of a state directory that cannot be written. `message` says what cannot be stored there.
pub(crate) fn state(kind: ErrorKind, message: &str, error: io::Error) -> CliError {
    CliError::new(kind, message).because(error).hint("Name a directory of your own in XDG_STATE_HOME.")
}

/// Describes the destinations that failed, each with the reason.
pub(crate) fn failures(report: &DeliveryReport) -> String {
    let failures: Vec<_> = report
        .failures()
        .iter()
        .map(|(id, error)| format!("{} failed ({error})", escape(&destination(id.as_str(), None))))
        .collect();
    failures.join(", and ")
}

pub(crate) fn unusable(message: impl Into<String>) -> CliError {
    CliError::new(ErrorKind::DestinationUnusable, message)
}
