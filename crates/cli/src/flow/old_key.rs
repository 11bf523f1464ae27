//! The old key of a rotation, as the server knows it.

use crate::config::{CreateSettings, RotationSettings};
use crate::error::CliError;
use crate::explain::rotation as explain;
use crate::flow::admin::AdminServer;
use crate::flow::context::Context;
use crate::flow::delivery::Delivery;
use crate::ui::message::{Message, Warning};
use crate::ui::old_key::will_be_kept;
use keymint_domain::{KeptReason, OldKey, ProjectId};

/// The old key of a rotation, and the server that revokes it, if there is an admin key.
pub(super) type FoundKey<'a> = (OldKey, Option<AdminServer<'a>>);

/// Finds the old key on the server, if this is a rotation. No key was created yet.
pub(super) async fn find_old_key<'a>(
    context: &'a Context,
    settings: &'a CreateSettings,
    delivery: &Delivery<'_>,
) -> Result<Option<FoundKey<'a>>, CliError> {
    let Some(RotationSettings { old, admin, untraceable, .. }) = &settings.rotation else {
        return Ok(None);
    };
    if admin.is_some() && delivery.prints() && context.ui.wants_json() {
        return Err(explain::key_in_json());
    }
    context.ui.report(&Message::Rotating { old: &old.record });
    let project = ProjectId::parse(&old.record.project.id).map_err(CliError::internal)?;
    let server = match admin {
        Some(admin) => Some(AdminServer::set_up(context, admin).await?),
        None => None,
    };
    let administrator = server.as_ref().map(AdminServer::administrator);
    let found = OldKey::find(administrator.as_ref(), &project, &old.record.facts(), untraceable).await;
    let found = found.map_err(explain::not_found)?;
    if let OldKey::Kept(reason) = &found
        && *reason != KeptReason::NoAdminKey
    {
        context.ui.report(&Message::Warning(Warning::Text(&will_be_kept(&old.record, reason))));
    }
    Ok(Some((found, server)))
}
