//! The errors about the old key of a rotation.

use crate::error::{CliError, ErrorKind};
use crate::explain::network;
use crate::ui::format::{ADMIN_KEY_VARIABLE, DASHBOARD, key_of};
use crate::ui::old_key::kept;
use keymint_delivery_adapter::{Clipboard, Command, KeyRecord, RotationOutcome};
use keymint_domain::text::escape;
use keymint_domain::{KeptReason, OldKeyOutcome, ServiceError, ServiceErrorKind};
use keymint_terminal::Interrupted;

/// Returns the error of a rotation whose JSON output would be the only copy of the new key, printed after the old key
/// was revoked.
pub(crate) fn key_in_json() -> CliError {
    let message =
        "--json would print the new key after the old one is revoked, and a key that is not printed is lost";
    CliError::new(ErrorKind::Usage, message).hint(format!(
        "Name --env-file or --keyring, leave out --json, or unset {ADMIN_KEY_VARIABLE} to revoke the old key yourself."
    ))
}

/// Returns the error of a rotation that would print the new key, although the old one was never printed.
pub(crate) fn would_print(old: &KeyRecord) -> CliError {
    let had = |id: &str| old.current_deliveries().any(|delivery| delivery.to == id);
    let flags = [(Command::ID, "--pipe-to"), (Clipboard::ID, "--copy")];
    let flags: Vec<_> = flags.iter().filter(|(id, _)| had(id)).map(|(_, flag)| *flag).collect();
    let advice = if flags.is_empty() {
        "Name --env-file or --keyring".to_owned()
    } else {
        format!("Repeat {}, or name --env-file or --keyring", flags.join(" and "))
    };
    let message = format!(
        "no destination of the old key {} can get the new one, which would be printed instead",
        key_of(old)
    );
    CliError::new(ErrorKind::Usage, message).hint(format!("{advice}. --print prints the new key."))
}

/// Returns the error of a lookup that failed before any key was created.
pub(crate) fn not_found(error: ServiceError) -> CliError {
    let hint = match error.kind {
        ServiceErrorKind::Refused { status: 401 | 403 | 404, .. } => format!(
            "Check {ADMIN_KEY_VARIABLE}: it has to be an admin key of the key's organization. Without \
             {ADMIN_KEY_VARIABLE}, keymint \
             rotates the key and leaves the old one for you to delete."
        ),
        _ => network::hint(&error),
    };
    let explained = network::service(error.clone());
    CliError::new(
        explained.kind,
        format!("the old key could not be looked up with {ADMIN_KEY_VARIABLE}, and nothing was created"),
    )
    .reason(explained.reason)
    .because(error)
    .hint(hint)
}

/// Returns the error of a run that did not request the revocation of the old key. The old key stays valid.
pub(crate) fn untouched(error: CliError, old: &KeyRecord) -> CliError {
    let error = match error.kind {
        ErrorKind::NoProject if !error.choices.is_empty() => error.hint(format!(
            "The key is of project {} in organization {}: sign in with an account that has it. This one has:",
            escape(&old.project.id),
            escape(&old.organization.id)
        )),
        _ => error,
    };
    let kept = format!("This run did not revoke the old key {}.", key_of(old));
    let mut hints: Vec<_> = error.hints().into_iter().collect();
    hints.insert(0, kept);
    error.hint(hints.join(" "))
}

/// Returns the error of a [failure](OldKeyOutcome::is_failure) after the delivery of the new key.
pub(crate) fn failure(old: &KeyRecord, outcome: &OldKeyOutcome) -> Option<CliError> {
    let delivered = "the new key is in every destination, but";
    let of = |error: &ServiceError, message: String| {
        let explained = network::service(error.clone());
        CliError::new(explained.kind, message).reason(explained.reason)
    };
    Some(match outcome {
        OldKeyOutcome::Kept(reason @ KeptReason::NotAccepted) => {
            CliError::new(ErrorKind::Server, format!("{delivered} {}", kept(old, reason))).hint(format!(
                "A new key can take a minute to work everywhere: `keymint status --verify` checks it. {}",
                delete_later()
            ))
        }
        OldKeyOutcome::Kept(reason @ (KeptReason::NotVerified(error) | KeptReason::NotRevoked(error))) => {
            of(error, format!("{delivered} {}", kept(old, reason))).hint(delete_later())
        }
        OldKeyOutcome::MayBeRevoked(error) => of(
            error,
            format!(
                "{delivered} the old key {} may be valid: the answer to its revocation was lost ({error})",
                key_of(old)
            ),
        )
        .hint(look_for_it()),
        _ => return None,
    })
}

/// Returns the error of a run that a signal ended after the delivery.
pub(crate) fn interrupted(old: &KeyRecord, outcome: RotationOutcome, signal: Interrupted) -> CliError {
    let (state, hint) = match outcome {
        RotationOutcome::Kept => ("is still valid", delete_later()),
        _ => ("may be valid", look_for_it()),
    };
    let state = format!("the new key is in every destination, and the old key {} {state}", key_of(old));
    CliError::interrupted(signal, &state).hint(hint)
}

fn delete_later() -> String {
    format!("Delete the old key at {DASHBOARD} once the new one works.")
}

fn look_for_it() -> String {
    format!("Look for it at {DASHBOARD}, and delete it if it is there.")
}
