//! How a run ends badly: kind, exit code, message, and what to do about it.

use crate::config;
use crate::flow::choose;
use crate::flow::response;
use crate::os::clock;
use crate::os::env::ProcessEnvironment;
use crate::os::port_owner::Owner;
use crate::ui::format::{DASHBOARD, describe_target_exactly, quoted};
use crate::ui::stdout;
use keymint_callback_adapter::{BindError, BindErrorKind, Outcome, SelfTestError, SelfTestErrorKind};
use keymint_domain::{
    AuthorizationError, ConnectFailure, Observation, ProvisionError, ServiceError, ServiceErrorKind, Step,
    Target, TargetError,
};
use serde::Serialize;
use serde_json::Value;
use std::error::Error;
use std::fmt::Display;
use std::process::ExitCode;

/// How a Mac gives port 5000 free.
const AIRPLAY_OFF: &str =
    "Switch AirPlay Receiver off in System Settings, General, AirDrop & Handoff, and run this again.";

/// What kind of failure, for scripts: a stable name and an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    Internal,
    Usage,
    CallbackUnavailable,
    SignInRefused,
    SignInTimeout,
    Network,
    Server,
    NoProject,
    DeliveryFailed,
    OutcomeUnknown,
    DestinationUnusable,
    /// There is no stored key for a command to run with.
    NoKey,
    /// The command to run, with the exit code that says why.
    NotStarted(u8),
    /// By a signal, which this exit code names.
    Interrupted(u8),
}

impl ErrorKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Usage => "usage",
            Self::CallbackUnavailable => "callback_unavailable",
            Self::SignInRefused => "sign_in_refused",
            Self::SignInTimeout => "sign_in_timeout",
            Self::Network => "network",
            Self::Server => "server",
            Self::NoProject => "no_project",
            Self::DeliveryFailed => "delivery_failed",
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
            Self::Usage => 2,
            Self::CallbackUnavailable => 3,
            Self::SignInRefused => 4,
            Self::SignInTimeout => 5,
            Self::Network => 6,
            Self::Server => 7,
            Self::NoProject | Self::NoKey => 8,
            Self::DeliveryFailed => 9,
            Self::OutcomeUnknown => 10,
            Self::DestinationUnusable => 11,
            Self::NotStarted(code) | Self::Interrupted(code) => code,
        })
    }
}

/// A failure, told to a person and to a script.
#[derive(Debug)]
pub(crate) struct CliError {
    pub(crate) kind: ErrorKind,
    /// What happened.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
    /// What the browser's last page says of it.
    pub(crate) page: Outcome,
    /// What could have been chosen, each in words and as JSON.
    pub(crate) choices: Vec<(String, Value)>,
    /// Whether standard output has its JSON already: the key's.
    pub(crate) has_printed: bool,
}

impl CliError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let page = match kind {
            ErrorKind::SignInRefused => Outcome::Refused,
            ErrorKind::OutcomeUnknown => Outcome::KeyUnknown,
            _ => Outcome::NoKey,
        };
        Self { kind, message: message.into(), hint: None, page, choices: Vec::new(), has_printed: false }
    }

    pub(crate) fn page(self, page: Outcome) -> Self {
        Self { page, ..self }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With what could have been chosen.
    pub(crate) fn choices(self, choices: Vec<(String, Value)>) -> Self {
        Self { choices, ..self }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message).hint("The command's --help tells what it takes.")
    }

    pub(crate) fn internal(cause: &dyn Error) -> Self {
        Self::new(ErrorKind::Internal, with_causes(cause))
    }
}

/// An error and its causes, in one line.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

impl From<BindError> for CliError {
    fn from(error: BindError) -> Self {
        let port = error.address.port();
        let hint = match error.kind {
            BindErrorKind::InUse => in_use_hint(port, Owner::of(error.address).as_ref()),
            BindErrorKind::NotPermitted => {
                "The system reserves that port. On Windows, `netsh interface ipv4 show excludedportrange tcp` shows the \
                 reserved ranges; elsewhere, ports below 1024 are the administrator's."
                    .to_owned()
            }
            _ => "Check that this machine's loopback addresses work: `ping 127.0.0.1`.".to_owned(),
        };
        Self::new(ErrorKind::CallbackUnavailable, with_causes(&error)).hint(hint)
    }
}

fn in_use_hint(port: u16, owner: Option<&Owner>) -> String {
    match owner {
        Some(owner) if owner.is_airplay() => format!("{owner} holds it. {AIRPLAY_OFF}"),
        Some(owner) if owner.is_keymint() => {
            format!("Another sign-in is under way: {owner}. Finish it or end it, and run this again.")
        }
        Some(owner) => {
            format!("{owner} holds port {port}. Wait for it or end it, and run this again.")
        }
        None => {
            let who = if cfg!(windows) {
                format!("`netstat -ano | findstr :{port}` shows which it is.")
            } else {
                format!("`sudo lsof -nP -iTCP:{port} -sTCP:LISTEN` shows which it is.")
            };
            let airplay = if cfg!(target_os = "macos") {
                format!(" It may be AirPlay Receiver. {AIRPLAY_OFF}")
            } else {
                String::new()
            };
            format!(
                "Another program uses port {port}. Wait for it or end it, and run this again. \
                 {who}{airplay}"
            )
        }
    }
}

impl From<SelfTestError> for CliError {
    fn from(error: SelfTestError) -> Self {
        Self::new(ErrorKind::CallbackUnavailable, with_causes(&error)).hint(self_test_hint(&error.kind))
    }
}

pub(crate) fn self_test_hint(kind: &SelfTestErrorKind) -> &'static str {
    match kind {
        SelfTestErrorKind::ResolvesElsewhere => {
            "Browsers would come back to that address. Correct the line for localhost in the hosts file: it should \
             lead to 127.0.0.1 and ::1 only."
        }
        SelfTestErrorKind::NoAnswer => "A firewall may block connections of this machine to itself.",
        SelfTestErrorKind::AirPlayReceiver => AIRPLAY_OFF,
        _ => "Another program would get the browser's answer. End it, and run this again.",
    }
}

impl From<ProvisionError> for CliError {
    fn from(error: ProvisionError) -> Self {
        let (kind, hint) = match &error {
            ProvisionError::AuthorizationTimedOut { .. } => {
                (ErrorKind::SignInTimeout, "Run it again, and open the address in a browser on this machine, or in another, and paste where that ends. --sign-in-timeout waits longer.".to_owned())
            }
            ProvisionError::Authorization(AuthorizationError::Denied { .. }) => {
                (ErrorKind::SignInRefused, "Run it again to try once more, perhaps with another account.".to_owned())
            }
            ProvisionError::Authorization(_) => {
                (ErrorKind::SignInRefused, "No code was used. Run it again; if it happens again, check --issuer.".to_owned())
            }
            ProvisionError::NoDefaultProject { last: Observation::NoOrganization, .. } => (
                ErrorKind::NoProject,
                "Sign in at the platform's web site once, so that it sets the account up, and run it again; or sign in \
                 with another account."
                    .to_owned(),
            ),
            ProvisionError::NoDefaultProject { last: Observation::ProjectsRefused { .. }, .. } => (
                ErrorKind::NoProject,
                "The account may not see the projects of its organizations: ask an owner for the right to, or sign in \
                 with another account."
                    .to_owned(),
            ),
            ProvisionError::NoDefaultProject { .. } => (
                ErrorKind::NoProject,
                "A new account can take longer: run it again in a minute, or give it time with --project-timeout 5m."
                    .to_owned(),
            ),
            ProvisionError::NoResponse(error) => {
                return response::without_an_answer(error).unwrap_or_else(|| Self::internal(error));
            }
            ProvisionError::Target(TargetError::NoSuchTarget { choices, unread, .. }) => {
                let hint = match unread {
                    0 => "Name one of these, by its title or its id:",
                    _ => "Name one of these, by its title or its id, or run it again when the others can be read:",
                };
                return Self::new(ErrorKind::NoProject, with_causes(&error)).hint(hint).choices(choose::told(choices));
            }
            ProvisionError::Target(TargetError::Ambiguous { choices, .. }) => {
                return Self::new(ErrorKind::NoProject, with_causes(&error))
                    .hint("Name the one that you mean by its id:")
                    .choices(choose::told(choices));
            }
            ProvisionError::Service(error) => service_kind_and_hint(error),
            ProvisionError::OutcomeUnknown { target, key_name, cause } => return outcome_unknown(target, key_name, cause),
            _ => return Self::internal(&error),
        };
        Self::new(kind, with_causes(&error)).hint(hint)
    }
}

/// The one failure that leaves something behind. It is told in full, since only the person can
/// look whether the key exists.
pub(crate) fn outcome_unknown(target: &Target, key_name: &str, cause: impl Display) -> CliError {
    let (name, place, time) = (quoted(key_name), describe_target_exactly(target), clock::utc_now());
    CliError::new(
        ErrorKind::OutcomeUnknown,
        format!(
            "a key may exist that nobody has: the creation was asked for, and its answer was lost ({cause}). \
             Name: {name}. {place}. Time: {time}"
        ),
    )
    .hint(format!(
        "Look for that name where the platform lists its keys (OpenAI's: {DASHBOARD}), and delete it if it is there: \
         its secret cannot be shown again. Then run it again."
    ))
}

/// What to do where a server cannot be reached.
pub(crate) fn unreached_hint(why: ConnectFailure) -> String {
    match why {
        ConnectFailure::Dns => "Check the network connection, and the host name if you have set one.".to_owned(),
        ConnectFailure::Tls => {
            "If a company proxy inspects TLS, pass its certificate with --ca-file. Check this machine's clock, too, \
             and --issuer and --api-base if you have set them."
                .to_owned()
        }
        ConnectFailure::Proxy => match config::proxy_variable(&ProcessEnvironment) {
            Some(variable) => format!(
                "{variable} names the proxy. Check its address, and the user name and password in it; NO_PROXY lists \
                 the hosts that are reached without it."
            ),
            None => "Check the proxy in HTTPS_PROXY, ALL_PROXY and NO_PROXY.".to_owned(),
        },
        _ => "Check the network connection, a firewall, and whether a proxy is needed (HTTPS_PROXY).".to_owned(),
    }
}

fn service_kind_and_hint(error: &ServiceError) -> (ErrorKind, String) {
    let hint = match error.kind {
        ServiceErrorKind::NotSent(why) => return (ErrorKind::Network, unreached_hint(why)),
        ServiceErrorKind::TimedOut => {
            "Check the network connection and run it again. --http-timeout waits longer."
        }
        ServiceErrorKind::Refused { status: 429, .. } => {
            "The server is asked too often. Wait a few minutes and run it again."
        }
        ServiceErrorKind::Refused { status: 500..=599, .. } => {
            "The server has a problem. https://status.openai.com may know more; run it again later."
        }
        ServiceErrorKind::Refused { .. } if error.step == Step::CheckKey => {
            "The key may lack the permission to list models, with which it is tried."
        }
        ServiceErrorKind::Refused { .. } if error.step == Step::ExchangeCode => {
            "Run it again to sign in anew."
        }
        ServiceErrorKind::Refused { status: 401, .. } => {
            "The session was refused. Run it again to sign in anew."
        }
        ServiceErrorKind::Refused { .. } if error.step == Step::Login => {
            "Run it again, perhaps with another account."
        }
        ServiceErrorKind::Refused { .. } => {
            "No key was made. The account may lack the permission: check its role in the organization."
        }
        _ => {
            "Run it again. If it happens again, check --issuer and --api-base, and whether a proxy answers in the server's place."
        }
    };
    let kind = match error.kind {
        ServiceErrorKind::TimedOut => ErrorKind::Network,
        _ => ErrorKind::Server,
    };
    (kind, hint.to_owned())
}

/// The failure as `--json` has it on standard output.
#[derive(Serialize)]
struct ErrorJson<'a> {
    schema: &'static str,
    kind: &'static str,
    message: &'a str,
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    choices: Vec<&'a Value>,
}

impl CliError {
    pub(crate) fn json(&self) -> String {
        let json = ErrorJson {
            schema: "keymint.error/1",
            kind: self.kind.name(),
            message: &self.message,
            hint: self.hint.as_deref(),
            choices: self.choices.iter().map(|(_, choice)| choice).collect(),
        };
        stdout::to_json(&json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_holds_the_port_is_told_as_far_as_it_is_known() {
        assert!(in_use_hint(5000, None).contains(if cfg!(windows) { "netstat" } else { "lsof" }));
        for (name, expected) in [
            ("node", "node (process 7) holds port 5000. Wait for it or end it"),
            ("ControlCenter", "Switch AirPlay Receiver off"),
            ("keymint", "Another sign-in is under way: keymint (process 7). Finish it"),
        ] {
            let owner = Owner::named(name, 7);
            let hint = in_use_hint(5000, Some(&owner));
            assert!(hint.contains(expected), "{hint}");
        }
    }

    #[test]
    fn each_way_of_not_being_reached_has_its_hint() {
        for (kind, hint) in [
            (SelfTestErrorKind::ResolvesElsewhere, "hosts file"),
            (SelfTestErrorKind::NoAnswer, "firewall"),
            (SelfTestErrorKind::AirPlayReceiver, "Switch AirPlay Receiver off in System Settings"),
            (SelfTestErrorKind::Stranger { server: None }, "Another program"),
        ] {
            assert!(self_test_hint(&kind).contains(hint), "{kind:?}");
        }
    }

    #[test]
    fn a_failure_of_a_server_has_a_hint_that_helps() {
        let refused = |status| ServiceErrorKind::Refused { status, retry_after: None };
        for (step, kind, hint) in [
            (Step::Login, ServiceErrorKind::NotSent(ConnectFailure::Dns), "network connection"),
            (Step::Login, ServiceErrorKind::NotSent(ConnectFailure::Tls), "clock"),
            (Step::Login, ServiceErrorKind::NotSent(ConnectFailure::Proxy), "NO_PROXY"),
            (Step::Login, ServiceErrorKind::TimedOut, "--http-timeout"),
            (Step::ExchangeCode, refused(400), "sign in anew"),
            (Step::Login, refused(401), "sign in anew"),
            (Step::ListOrganizations, refused(401), "sign in anew"),
            (Step::ListProjects, refused(401), "sign in anew"),
            (Step::CreateKey, refused(403), "permission"),
            (Step::CreateKey, refused(429), "a few minutes"),
            (Step::Login, refused(503), "later"),
            (Step::Login, ServiceErrorKind::OutOfContract, "--issuer"),
        ] {
            let (_, told) = service_kind_and_hint(&ServiceError::new(step, kind, "no"));
            assert!(told.contains(hint), "{step}, {kind:?}: {told}");
        }
    }
}
