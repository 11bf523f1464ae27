//! The rotation of a key: finds the old key, creates a new one, and revokes the old one once the new one works in
//! every destination.

use crate::config::{AdminSettings, CreateSettings, RotationSettings};
use crate::error::CliError;
use crate::explain::network::not_set_up;
use crate::explain::rotation as explain;
use crate::flow::admin::AdminServer;
use crate::flow::context::Context;
use crate::flow::create::create_until;
use crate::flow::create_key::{DeliveredKey, KeyCreation};
use crate::ui::json::OldKey as OldKeyJson;
use crate::ui::message::{Message, Warning};
use crate::ui::old_key::will_be_kept;
use crate::ui::stdout;
use keymint_delivery_adapter::{KeyRecord, RecordedKey, RotationOutcome, fail_point};
use keymint_domain::{
    Administrator, ApiKey, DestinationId, KeptReason, OldKey, OldKeyOutcome, ProjectId, RevocableKey,
    Rotation, StoppedRevocation, Timeouts,
};
use keymint_http_adapter::Http;
use keymint_terminal::{Interrupted, Signals, stderr};

/// Replaces the old key, and revokes it if there is an administrator and no usable key would be lost.
pub(crate) async fn rotate(
    context: &Context,
    mut settings: CreateSettings,
    old: &RecordedKey,
    admin: Option<&AdminSettings>,
    mut signals: Signals,
) -> Result<(), CliError> {
    let untouched = |error| explain::untouched(error, &old.record);
    let server = match admin {
        Some(admin) => Some(AdminServer::set_up(context, admin).await.map_err(untouched)?),
        None => None,
    };
    let administrator = server.as_ref().map(AdminServer::administrator);
    let (holders, untraceable) = old.record.holders();
    let finding = find(context, administrator.as_ref(), &old.record, &untraceable);
    let found = signals
        .cancel_on_signal(finding)
        .await
        .map_err(CliError::from)
        .and_then(|found| found)
        .map_err(untouched)?;
    let kept = match &found {
        OldKey::Kept(reason) => Some(reason.clone()),
        _ if settings.destinations.stdout() && context.ui.wants_json() => {
            return Err(untouched(explain::key_in_json()));
        }
        _ => None,
    };
    settings.rotation = Some(RotationSettings { old: old.clone(), kept });
    let delivered = create_until(context, &settings, &mut signals).await.map_err(untouched)?;
    match delivered {
        Some(delivered) => conclude(delivered, old, &holders, found, &mut signals).await,
        None => Ok(()),
    }
}

/// Finds the old key on the server before a new one is created. Reports the reason if the old key will not be
/// revoked.
async fn find<'a>(
    context: &Context,
    administrator: Option<&'a Administrator<'a>>,
    old: &KeyRecord,
    untraceable: &[DestinationId],
) -> Result<OldKey<'a>, CliError> {
    context.ui.report(&Message::Rotating { old });
    let project = ProjectId::parse(&old.project.id).map_err(CliError::internal)?;
    let found = OldKey::find(administrator, &project, &old.known_key(), untraceable).await;
    let found = found.map_err(explain::not_found)?;
    if let OldKey::Kept(reason) = &found
        && *reason != KeptReason::NoAdminKey
    {
        context.ui.report(&Message::Warning(Warning::Text(&will_be_kept(old, reason))));
    }
    Ok(found)
}

/// Revokes the old key once the new one works, and reports the result.
async fn conclude(
    delivered: DeliveredKey<'_>,
    old: &RecordedKey,
    holders: &[DestinationId],
    found: OldKey<'_>,
    signals: &mut Signals,
) -> Result<(), CliError> {
    let DeliveredKey { creation, key, details, report } = delivered;
    let KeyCreation { context, settings, delivery, mut journal, state } = creation;
    fail_point::reached("rotating");
    let untouched = |error| explain::untouched(error, &old.record);
    let http = Http::new(settings.sign_in.http.clone());
    let platform = http.platform_api(settings.sign_in.endpoints.api_base.clone());
    let rotation = Rotation {
        holders,
        old: found,
        platform: &platform.map_err(not_set_up).map_err(untouched)?,
        clock: &context.clock,
        timeouts: Timeouts::for_requests(settings.sign_in.http.request_timeout),
    };
    let outcome = match rotation.revocable(&details, &report) {
        Err(reason) => OldKeyOutcome::Kept(reason),
        Ok(revocable) => {
            let revoking = revoke(context, &rotation, revocable, &key, signals);
            revoking.await.map_err(|(outcome, signal)| {
                journal.concluded(outcome);
                explain::interrupted(&old.record, outcome, signal)
            })?
        }
    };
    fail_point::reached("concluded");
    // A failure to record it does not matter, since the keys are the same without the records.
    if let (Some(state), OldKeyOutcome::Revoked) = (&state, &outcome) {
        let _ = state.note_revoked(&old.id);
    }
    context.ui.report(&Message::OldKey { old: &old.record, outcome: &outcome });
    // No later run reports what is recorded here.
    stderr::flush();
    journal.concluded(RotationOutcome::from(&outcome));
    fail_point::reached("rotation-noted");
    let failure = explain::failure(&old.record, &outcome);
    if context.ui.wants_json() && !delivery.prints() {
        let new: &KeyRecord = journal.record().expect("it was written before the key was requested");
        let old = OldKeyJson::new(&old.record, &outcome);
        let printed = delivery.print_rotated(&key, new, &old, signals).await;
        match (printed, &failure) {
            (Err(error), None) => return Err(stdout::failed(error)),
            // The exit code depends on the rotation alone.
            (Err(error), Some(_)) => {
                context.ui.report(&Message::Warning(Warning::Text(&stdout::failed(error).message())));
            }
            (Ok(()), _) => {}
        }
    }
    failure.map_or(Ok(()), Err)
}

/// Verifies the new key and revokes the old one. A signal ends it, with what is known of the old key then.
async fn revoke(
    context: &Context,
    rotation: &Rotation<'_>,
    old: &RevocableKey<'_>,
    key: &ApiKey,
    signals: &mut Signals,
) -> Result<OldKeyOutcome, (RotationOutcome, Interrupted)> {
    let kept = |signal| (RotationOutcome::Kept, signal);
    // It may have arrived during the creation or the delivery, which it did not end.
    if let Some(signal) = signals.first_received() {
        return Err(kept(signal));
    }
    context.ui.report(&Message::CheckingKey);
    match signals.cancel_on_signal(rotation.verify(key)).await.map_err(kept)? {
        Err(reason) => Ok(OldKeyOutcome::Kept(reason)),
        Ok(()) => {
            old.revoke_until(signals.next()).await.map_err(|StoppedRevocation { by, may_be_revoked }| {
                let outcome =
                    if may_be_revoked { RotationOutcome::MayBeRevoked } else { RotationOutcome::Kept };
                (outcome, by)
            })
        }
    }
}
