//! The end of a rotation: the old key is revoked once the new key works in every destination.

use crate::config::RotationSettings;
use crate::error::CliError;
use crate::explain::rotation as explain;
use crate::flow::admin::AdminServer;
use crate::flow::create_key::{DeliveredKey, KeyCreation};
use crate::ui::json::OldKey as OldKeyJson;
use crate::ui::message::{Message, Warning};
use crate::ui::stdout;
use keymint_delivery_adapter::{KeyRecord, RotationOutcome, fail_point};
use keymint_domain::{OldKey, OldKeyOutcome, Rotation, Timeouts};
use keymint_http_adapter::Http;
use keymint_terminal::Signals;

impl DeliveredKey<'_> {
    /// Revokes the old key, if there is an admin key and no key can be lost by that, and reports the result.
    pub(crate) async fn conclude(self) -> Result<(), CliError> {
        let Self { creation, key, details, report } = self;
        let KeyCreation {
            context, settings, delivery, mut journal, state, old: Some((found, server)), ..
        } = creation
        else {
            return Ok(());
        };
        let Some(RotationSettings { old, holders, .. }) = &settings.rotation else {
            return Ok(());
        };
        fail_point::reached("rotating");
        let untouched = |error| explain::untouched(error, &old.record);
        let http = Http::new(settings.sign_in.http.clone());
        let platform = http.platform_api(settings.sign_in.endpoints.api_base.clone());
        let platform = platform.map_err(CliError::internal).map_err(untouched)?;
        let administrator = server.as_ref().map(AdminServer::administrator);
        if matches!(found, OldKey::Found { .. }) {
            context.ui.report(&Message::CheckingKey);
        }
        let rotation = Rotation {
            holders,
            old: found,
            administrator: administrator.as_ref(),
            platform: &platform,
            clock: &context.clock,
            timeouts: Timeouts::for_requests(settings.sign_in.http.request_timeout),
        };
        let mut signals = Signals::listen().map_err(CliError::internal).map_err(untouched)?;
        let concluding = signals.cancel_on_signal(rotation.conclude(&key, &details, &report));
        let outcome = concluding.await.map_err(|signal| {
            journal.concluded(RotationOutcome::MayBeRevoked);
            explain::interrupted(&old.record, signal)
        })?;
        fail_point::reached("concluded");
        // The state of the keys does not depend on these records.
        if let (Some(state), OldKeyOutcome::Revoked) = (&state, &outcome) {
            let _ = state.note_revoked(&old.id);
        }
        context.ui.report(&Message::OldKey { old: &old.record, outcome: &outcome });
        journal.concluded(RotationOutcome::from(&outcome));
        fail_point::reached("rotation-noted");
        let failure = explain::failure(&old.record, &outcome);
        if context.ui.wants_json() && !delivery.prints() {
            let new: &KeyRecord = journal.record().expect("it was written before the key was requested");
            let old = OldKeyJson::new(&old.record, &outcome);
            let printed = delivery.print_rotated(&key, new, &old, &mut signals).await;
            match (printed, &failure) {
                (Err(error), None) => return Err(stdout::failed(error)),
                // The exit code is that of the rotation.
                (Err(error), Some(_)) => {
                    context.ui.report(&Message::Warning(Warning::Text(&stdout::failed(error).message())));
                }
                (Ok(()), _) => {}
            }
        }
        failure.map_or(Ok(()), Err)
    }
}
