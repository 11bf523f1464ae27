//! The errors of the flow.

use crate::error::{CliError, ErrorKind};
use crate::explain::network;
use crate::ui::format::{DASHBOARD, describe_target_exactly, quoted};
use keymint_domain::{
    Advice, AuthorizationError, KeyScope, NewKey, Observation, PolicyOwner, ProvisionError, Reason,
    Restriction, Target, TargetError,
};
use std::fmt::Display;

const PROJECTS_REFUSED: &str = "The account may not see the projects of its organizations: ask an owner for the right \
                                to, or sign in with another account.";

/// Returns the error of a flow. `now` is the time of the error, in UTC.
pub(crate) fn provision(error: ProvisionError, now: &str) -> CliError {
    let (mut candidates, reason, kind) = (Vec::new(), error.reason(), error.failure_kind().into());
    let hint = match &error {
        ProvisionError::AuthorizationTimedOut { .. } => {
            "Run it again, and open the URL in a browser on this machine. For a browser elsewhere, use `keymint \
             start` and `keymint finish`. --sign-in-timeout waits longer."
        }
        ProvisionError::Authorization(AuthorizationError::Denied { .. }) => {
            "Run it again to try once more, perhaps with another account."
        }
        ProvisionError::Authorization(_) => {
            "No code was used. Run it again; if it happens again, check --issuer."
        }
        ProvisionError::NoDefaultProject { last, .. } => match last {
            Observation::NoOrganization => {
                "Sign in at the platform's web site once, so that it sets the account up, and run it again; or \
                     sign in with another account."
            }
            Observation::NotOnboarded { .. } => {
                "Open https://platform.openai.com/ in a browser, sign in with the same account, and complete the \
                     setup. Then run it again."
            }
            Observation::ProjectsRefused { .. } => PROJECTS_REFUSED,
            _ => {
                "A new account can take longer: run it again in a minute, or give it time with \
                     --project-timeout 5m."
            }
        },
        ProvisionError::ProjectsRefused { .. } => PROJECTS_REFUSED,
        ProvisionError::Target(TargetError::NoSuchTarget { choices, unread, .. }) => {
            candidates.clone_from(choices);
            match unread {
                0 => "Name one of these, by its title or its id:",
                _ => {
                    "Name one of these, by its title or its id, or run it again when the others can be read:"
                }
            }
        }
        ProvisionError::Target(TargetError::NoDefaultProject { choices, .. }) => {
            candidates.clone_from(choices);
            "Name one of its projects with --project:"
        }
        ProvisionError::Target(TargetError::Ambiguous { choices, .. }) => {
            candidates.clone_from(choices);
            "Name the one that you mean by its id:"
        }
        ProvisionError::OutcomeUnknown { target, key_name, cause } => {
            let unknown =
                outcome_unknown(&describe_target_exactly(target), key_name, cause, now).reason(reason);
            return match cause.advice() {
                Advice::SignInToNetwork => unknown.and_hint(network::hint(cause)),
                _ => unknown,
            };
        }
        _ => {
            return match error {
                ProvisionError::Service(error) => network::service(error),
                ProvisionError::NoResponse(error) => CliError::internal(error),
                error => CliError::internal(error),
            };
        }
    };
    CliError::from_source(kind, error).hint(hint).reason(reason).candidates(candidates)
}

/// Adds the known properties of the target and the key's restrictions to the error of a refused creation.
pub(crate) fn refused_creation(error: CliError, key: &NewKey, target: &Target) -> CliError {
    if !matches!(error.reason, Some(Reason::Policy | Reason::Forbidden)) {
        return error;
    }
    if let Some(owner) = target.keys_disabled_by {
        let of = if owner == PolicyOwner::Project { "project" } else { "organization" };
        return error.hint(format!(
            "No key was created. The {of} disables user API keys: name another {of} with --{of}, or ask an owner for a \
             service account key."
        ));
    }
    let flags = key.restrictions().into_iter().map(|restriction| match restriction {
        Restriction::Expiry => "--expires",
        _ if key.scopes == [KeyScope::read_only()] => "--read-only",
        _ => "--scope",
    });
    let flags: Vec<_> = flags.collect();
    if flags.is_empty() {
        return error;
    }
    error.and_hint(format!(
        "{} may be the reason: the organization may not allow this value, or the platform may not accept it from a \
         program. Try another value, or leave it out.",
        flags.join(" or ")
    ))
}

/// Returns the error after a creation with an unknown outcome, which is the only one after which a key may exist. It
/// contains everything that is known, since only the user can find out whether the key exists.
pub(crate) fn outcome_unknown(place: &str, key_name: &str, cause: impl Display, now: &str) -> CliError {
    let name = quoted(key_name);
    CliError::new(
        ErrorKind::OutcomeUnknown,
        format!(
            "a key may exist that you did not get: its creation was requested, and the answer was lost ({cause}). \
             Name: {name}. {place}. Time: {now}"
        ),
    )
    .hint(format!(
        "Look for that name where the platform lists its keys (OpenAI's: {DASHBOARD}), and delete it if it is there: \
         its secret cannot be shown again. Then run it again."
    ))
}
