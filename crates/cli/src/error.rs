//! The error that ends a command: its kind, its causes, and hints for the user.

use keymint_domain::{Candidate, FailureKind, InventoryKey, Project, Reason};
use keymint_terminal::Interrupted;
use std::error::Error;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

/// The kind of an error: a stable name and an exit code, for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    Internal,
    Usage,
    /// The user declined what the command would have done. It is a usage error for scripts, but not for the user.
    Declined,
    CallbackUnavailable,
    SignInRefused,
    SignInTimeout,
    Network,
    Server,
    NoProject,
    /// A key exists, but its delivery to a destination failed.
    DeliveryFailed {
        /// True if neither a durable destination nor the recovery store has it.
        is_lost: bool,
        /// True if another destination has it.
        is_delivered: bool,
    },
    OutcomeUnknown,
    DestinationUnusable,
    /// There is no stored key with which a command could run.
    NoKey,
    /// The command of `run` did not start, for the reason in the exit code.
    NotStarted(u8),
    /// A signal, with its exit code.
    Interrupted(u8),
}

impl ErrorKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Usage | Self::Declined => "usage",
            Self::CallbackUnavailable => "callback_unavailable",
            Self::SignInRefused => "sign_in_refused",
            Self::SignInTimeout => "sign_in_timeout",
            Self::Network => "network",
            Self::Server => "server",
            Self::NoProject => "no_project",
            Self::DeliveryFailed { .. } => "delivery_failed",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::DestinationUnusable => "destination_unusable",
            Self::NoKey => "no_key",
            Self::NotStarted(_) => "not_started",
            Self::Interrupted(_) => "interrupted",
        }
    }

    pub(crate) fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Internal => 1,
            Self::Usage | Self::Declined => 2,
            Self::CallbackUnavailable => 3,
            Self::SignInRefused => 4,
            Self::SignInTimeout => 5,
            Self::Network => 6,
            Self::Server => 7,
            Self::NoProject | Self::NoKey => 8,
            Self::DeliveryFailed { .. } => 9,
            Self::OutcomeUnknown => 10,
            Self::DestinationUnusable => 11,
            Self::NotStarted(code) | Self::Interrupted(code) => code,
        })
    }
}

impl From<FailureKind> for ErrorKind {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::SignInRefused => Self::SignInRefused,
            FailureKind::SignInTimeout => Self::SignInTimeout,
            FailureKind::Network => Self::Network,
            FailureKind::Server => Self::Server,
            FailureKind::NoProject => Self::NoProject,
            FailureKind::OutcomeUnknown => Self::OutcomeUnknown,
            _ => Self::Internal,
        }
    }
}

/// One of several items that the user may have meant.
#[derive(Debug, Clone)]
pub(crate) enum Choice {
    /// An organization, or a project of one.
    Target(Candidate),
    /// A project that an admin key may see.
    Project(Project),
    Key(InventoryKey),
}

/// An error that ends a command. It becomes text or JSON only when it is printed.
#[derive(Debug, Clone)]
pub(crate) struct CliError {
    pub(crate) kind: ErrorKind,
    /// The message, unless it is that of the source.
    context: Option<String>,
    source: Option<Arc<dyn Error + Send + Sync>>,
    hints: Vec<String>,
    /// The reason of a server's failure or refusal, if there is one.
    pub(crate) reason: Option<Reason>,
    /// The possible choices.
    pub(crate) choices: Vec<Choice>,
}

/// The command that runs, such as `keymint create`. Usage errors name its help.
pub(crate) static COMMAND: OnceLock<String> = OnceLock::new();

impl CliError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let context = Some(message.into());
        let (hints, choices) = (Vec::new(), Vec::new());
        Self { kind, context, source: None, hints, reason: None, choices }
    }

    /// Creates an error from its source, without more context.
    pub(crate) fn from_source(kind: ErrorKind, source: impl Error + Send + Sync + 'static) -> Self {
        Self { context: None, ..Self::new(kind, "").because(source) }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        let command = COMMAND.get().map_or("keymint", String::as_str);
        Self::new(ErrorKind::Usage, message).hint(format!("See `{command} --help`."))
    }

    pub(crate) fn internal(source: impl Error + Send + Sync + 'static) -> Self {
        Self::from_source(ErrorKind::Internal, source)
    }

    /// Creates the error of a run that a signal ended. `state` describes what the run left behind.
    pub(crate) fn interrupted(signal: Interrupted, state: &str) -> Self {
        Self::new(ErrorKind::Interrupted(signal.exit_code), format!("interrupted; {state}"))
    }

    /// Adds the cause.
    pub(crate) fn because(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }

    /// Replaces the hints with this one.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hints: vec![hint.into()], ..self }
    }

    /// Replaces the hints with these, each of which begins a line.
    pub(crate) fn hints_in_lines<T: Into<String>>(self, hints: impl IntoIterator<Item = T>) -> Self {
        Self { hints: hints.into_iter().map(Into::into).collect(), ..self }
    }

    /// Adds a hint to the last line of those that the error has.
    pub(crate) fn and_hint(mut self, hint: impl Into<String>) -> Self {
        let before = self.hints.pop().map_or_else(String::new, |before| before + " ");
        self.hints.push(before + &hint.into());
        self
    }

    pub(crate) fn reason(self, reason: Option<Reason>) -> Self {
        Self { reason, ..self }
    }

    pub(crate) fn candidates(self, candidates: Vec<Candidate>) -> Self {
        self.choices(candidates.into_iter().map(Choice::Target).collect())
    }

    pub(crate) fn choices(self, choices: Vec<Choice>) -> Self {
        Self { choices, ..self }
    }

    /// Returns the message and its causes, the outermost first.
    pub(crate) fn with_causes(&self) -> Vec<String> {
        let mut messages: Vec<_> = self.context.clone().into_iter().collect();
        let mut cause = self.source.as_deref().map(|source| source as &(dyn Error + 'static));
        while let Some(error) = cause {
            messages.push(error.to_string());
            cause = error.source();
        }
        messages
    }

    /// Returns the message with its causes, in one line.
    pub(crate) fn message(&self) -> String {
        self.with_causes().join(": ")
    }

    /// Returns the lines of hints.
    pub(crate) fn lines_of_hints(&self) -> &[String] {
        &self.hints
    }

    /// Returns all hints, in one line.
    pub(crate) fn hints(&self) -> Option<String> {
        (!self.hints.is_empty()).then(|| self.hints.join(" "))
    }
}

impl From<Interrupted> for CliError {
    fn from(signal: Interrupted) -> Self {
        Self::interrupted(signal, "no key was created")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn a_failure_of_the_domain_keeps_its_name_and_its_exit_code() {
        for kind in FailureKind::ALL {
            let of_command = ErrorKind::from(kind);
            assert_eq!(of_command.name(), kind.name());
            assert_eq!(of_command.exit_code(), ExitCode::from(kind.exit_code()), "{kind:?}");
        }
    }

    #[test]
    fn one_line_has_every_cause_and_every_hint() {
        let source = io::Error::other("the disk is full");
        let error = CliError::usage("cannot write").because(source).hint("Delete files.");
        assert_eq!(error.with_causes(), ["cannot write", "the disk is full"]);
        assert_eq!(error.message(), "cannot write: the disk is full");
        assert_eq!(error.and_hint("Or wait.").hints().as_deref(), Some("Delete files. Or wait."));
        assert_eq!(CliError::internal(io::Error::other("a bug")).message(), "a bug");
    }
}
