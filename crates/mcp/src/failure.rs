//! The reason why a call failed, in words that the agent can relay to its user.

use keymint_delivery_adapter::{EnvFileError, EnvFileErrorKind, KeyringError, PortLockError};
use keymint_domain::text::{escape, quote, sanitize, with_causes};
use keymint_domain::{
    Advice, AuthorizationError, Candidate, FailureKind, Observation, ProvisionError, ServiceError,
    TargetError,
};
use keymint_http_adapter::HttpSetupError;
use std::error::Error;
use std::fmt;
use std::io;

/// The maximum length of a name in a message, in characters.
const LONGEST_NAME: usize = 80;

/// The maximum length of a failure's text, in characters. A part of the text may come from the agent.
const LONGEST_TEXT: usize = 4_000;

/// The maximum number of choices that a message lists.
const MOST_CHOICES: usize = 20;

/// The reason why a call failed: what happened, and what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) message: String,
    pub(crate) hint: String,
}

/// The kind of a failure, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Cancelled,
    CallbackUnavailable,
    DeliveryFailed,
    /// The delivery failed, and no destination has the key.
    KeyLost,
    DestinationUnusable,
    Internal,
    Network,
    NoProject,
    OutcomeUnknown,
    Server,
    SignInRefused,
    SignInTimeout,
    Usage,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::CallbackUnavailable => "callback_unavailable",
            Self::DeliveryFailed | Self::KeyLost => "delivery_failed",
            Self::DestinationUnusable => "destination_unusable",
            Self::Internal => "internal",
            Self::Network => "network",
            Self::NoProject => "no_project",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Server => "server",
            Self::SignInRefused => "sign_in_refused",
            Self::SignInTimeout => "sign_in_timeout",
            Self::Usage => "usage",
        }
    }
}

impl From<FailureKind> for Kind {
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

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: hint.into() }
    }

    pub(crate) fn internal(cause: impl Error) -> Self {
        Self::new(Kind::Internal, with_causes(&cause), "")
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message, "Call the tool again with other arguments.")
    }

    pub(crate) fn unusable(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Kind::DestinationUnusable, message, hint)
    }

    pub(crate) fn cancelled() -> Self {
        Self::new(Kind::Cancelled, "the call was cancelled, and no key was created", "")
    }

    pub(crate) fn locked(port: u16, error: PortLockError) -> Self {
        match error {
            PortLockError::Io(error) => Self::state(&error),
            error => Self::new(
                Kind::CallbackUnavailable,
                format!(
                    "another sign-in is waiting for the browser on port {port} ({})",
                    sanitize(&error.to_string(), 200)
                ),
                "Have the user finish or end it, then call the tool again.",
            ),
        }
    }

    /// Returns the failure of a state directory that cannot be used. No server has been contacted then.
    pub(crate) fn state(error: &io::Error) -> Self {
        Self::unusable(
            format!("cannot write the key record: {error}"),
            "Have the user set XDG_STATE_HOME to a directory of their own in the configuration of this server.",
        )
    }
}

/// Writes one or two sentences, for the agent to relay.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [message, hint] = [&self.message, &self.hint].map(|text| sanitize(text, LONGEST_TEXT));
        let mut characters = message.chars();
        let first = characters.next().into_iter().flat_map(char::to_uppercase).collect::<String>();
        write!(f, "{first}{}.", characters.as_str())?;
        if hint.is_empty() { Ok(()) } else { write!(f, " {hint}") }
    }
}

impl From<HttpSetupError> for Failure {
    fn from(error: HttpSetupError) -> Self {
        let hint = "Have the user install the system's certificates (often a package named ca-certificates).";
        Self::new(Kind::Network, with_causes(&error), hint)
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        ProvisionError::from(error).into()
    }
}

impl From<ProvisionError> for Failure {
    fn from(error: ProvisionError) -> Self {
        let hint = match &error {
            ProvisionError::AuthorizationTimedOut { .. } => {
                "Call the tool again when the user is ready to sign in.".to_owned()
            }
            ProvisionError::Authorization(AuthorizationError::Denied { .. }) => {
                "Ask the user before calling the tool again.".to_owned()
            }
            ProvisionError::Authorization(_) => "No code was used. Call the tool again.".to_owned(),
            ProvisionError::NoDefaultProject { last: Observation::NotOnboarded { .. }, .. } => {
                "The user has to complete the setup at https://platform.openai.com/ first.".to_owned()
            }
            ProvisionError::NoDefaultProject { .. } => {
                "A new account can take a minute: call the tool again then, or name a project.".to_owned()
            }
            ProvisionError::ProjectsRefused { .. } => {
                "The user can ask an owner of the organization for the permission to list projects."
                    .to_owned()
            }
            ProvisionError::Target(
                TargetError::NoSuchTarget { choices, .. } | TargetError::NoDefaultProject { choices, .. },
            ) => {
                format!("Name one of these: {}.", listed(choices))
            }
            ProvisionError::Target(TargetError::Ambiguous { choices, .. }) => {
                format!("Name one of these by its id: {}.", listed(choices))
            }
            ProvisionError::OutcomeUnknown { target, key_name, .. } => format!(
                "The key is named {}, in project {} of organization {}. The user has to look for it where the platform \
                 lists keys, and to delete it there: its secret cannot be shown again.",
                quote(key_name, LONGEST_NAME),
                target.project_id,
                target.organization_id,
            ),
            ProvisionError::Service(error) => advice(error.advice()).to_owned(),
            _ => String::new(),
        };
        Self::new(error.failure_kind().into(), with_causes(&error), hint)
    }
}

/// Lists the organizations or projects to choose from, each with its id.
fn listed(choices: &[Candidate]) -> String {
    let named = choices.iter().take(MOST_CHOICES).map(|Candidate { organization, project, .. }| {
        let (title, id) = match project {
            Some(project) => (project.title.as_ref(), project.id.as_str()),
            None => (organization.title.as_ref(), organization.id.as_str()),
        };
        let id = escape(id);
        title.map_or_else(|| id.clone(), |title| format!("{} ({id})", quote(title.raw(), LONGEST_NAME)))
    });
    named.collect::<Vec<_>>().join(", ")
}

fn advice(advice: Advice) -> &'static str {
    match advice {
        Advice::CheckHostName | Advice::CheckNetwork | Advice::WaitLonger => {
            "Check the network connection, then call the tool again."
        }
        Advice::CheckTrust => {
            "A company proxy may inspect TLS: have the user set SSL_CERT_FILE to its certificate."
        }
        Advice::CheckProxy => "Check the proxy in HTTPS_PROXY, ALL_PROXY and NO_PROXY.",
        Advice::ChangeNetwork => {
            "A bot check in front of the platform blocks this network: the user has to use another one."
        }
        Advice::SignInToNetwork => "A captive portal or a proxy answered, not the platform.",
        Advice::ChangeRoute => "The platform refuses requests from the country or region of this network.",
        Advice::SlowDown => "Wait a few minutes, then call the tool again.",
        Advice::TryLater => "The server has a problem: call the tool again later.",
        Advice::AddCredit => "The user's account has no credit.",
        Advice::AskOwner | Advice::CheckRole => {
            "No key was created. The user can ask an owner of the organization for the permission to create keys."
        }
        Advice::CheckPolicy | Advice::CheckRoleAndPolicy => {
            "No key was created. The organization or the project may require an expiry (`expires`), or accept no keys \
             of users."
        }
        Advice::CheckProject => "The project may have been deleted: `list_targets` lists the projects.",
        _ => "Call the tool again. If it fails again, run the tool `doctor`.",
    }
}

impl From<EnvFileError> for Failure {
    fn from(error: EnvFileError) -> Self {
        use EnvFileErrorKind as Is;
        let hint = match &error.kind {
            Is::NoDirectory => "Create the directory, or name another file.",
            Is::ReadOnly => "Make the file writable, or name another file.",
            Is::Syntax(_) => "Correct that line, or name another file.",
            Is::HasValue { .. } => CONFIRM,
            Is::DifferentValues { .. } => "Delete all but one of the lines, or name another variable.",
            _ => "Name another file.",
        };
        Self::unusable(error.to_string(), hint)
    }
}

impl From<KeyringError> for Failure {
    fn from(error: KeyringError) -> Self {
        let hint = match error {
            KeyringError::HasItem => CONFIRM,
            _ => "Use the destination `env_file`.",
        };
        Self::unusable(error.to_string(), hint)
    }
}

/// The hint for a value that the user has to agree to lose.
const CONFIRM: &str = "The user has to agree to replace it, but this client cannot ask. Use the existing value, name \
                       another variable or file, or have the user delete the value first.";
