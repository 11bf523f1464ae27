//! The old key of a rotation, as the server knows it.

use crate::config::{CreateSettings, RotationSettings};
use crate::error::CliError;
use crate::explain::rotation as explain;
use crate::flow::context::Context;
use crate::flow::delivery::Delivery;
use crate::ui::message::{Message, Warning};
use crate::ui::old_key::will_be_kept;
use keymint_domain::{AdminApi, AdminKey, Administrator, Clock, KeptReason, OldKey, ProjectId, Timeouts};
use keymint_http_adapter::{Http, HttpAdminApi};
use rand::TryRng;
use rand::rngs::SysRng;

/// Finds the old key on the server, if this is a rotation. Nothing was created yet.
pub(super) async fn find_old_key(
    context: &Context,
    settings: &CreateSettings,
    delivery: &Delivery<'_>,
) -> Result<Option<OldKey>, CliError> {
    let Some(RotationSettings { old, admin_key, untraceable, .. }) = &settings.rotation else {
        return Ok(None);
    };
    if admin_key.is_some() && delivery.prints() && context.ui.wants_json() {
        return Err(explain::key_in_json());
    }
    context.ui.report(&Message::Rotating { old: &old.record });
    let project = ProjectId::parse(&old.record.project.id).map_err(CliError::internal)?;
    let Some(admin_key) = admin_key else { return Ok(Some(OldKey::Kept(KeptReason::NoAdminKey))) };
    let api = admin_api(settings)?;
    let administrator = administrator(context, settings, &api, admin_key)?;
    let found = OldKey::find(Some(&administrator), &project, &old.record.facts(), untraceable).await;
    let found = found.map_err(explain::not_found)?;
    if let OldKey::Kept(reason) = &found {
        context.ui.report(&Message::Warning(Warning::Text(&will_be_kept(&old.record, reason))));
    }
    Ok(Some(found))
}

/// The Admin API of the platform.
pub(super) fn admin_api(settings: &CreateSettings) -> Result<HttpAdminApi, CliError> {
    let http = Http::new(settings.sign_in.http.clone());
    http.admin_api(settings.sign_in.endpoints.api_base.clone()).map_err(CliError::internal)
}

/// The administrator with this key.
pub(super) fn administrator<'a>(
    context: &'a Context,
    settings: &CreateSettings,
    api: &'a dyn AdminApi,
    key: &'a AdminKey,
) -> Result<Administrator<'a>, CliError> {
    let seed = SysRng.try_next_u64().map_err(CliError::internal)?;
    let timeouts = Timeouts::for_requests(settings.sign_in.http.request_timeout);
    Ok(Administrator::new(api, &context.clock as &dyn Clock, key, seed).with_timeouts(timeouts))
}
