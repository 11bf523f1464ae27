//! Texts about the old key of a rotation.

use crate::ui::format::{ADMIN_KEY_VARIABLE, DASHBOARD, destination, key_of};
use keymint_delivery_adapter::KeyRecord;
use keymint_domain::text::escape;
use keymint_domain::{DestinationId, KeptReason, ProjectKey};

/// Returns the warning before the sign-in that the old key will be kept.
pub(crate) fn will_be_kept(old: &KeyRecord, reason: &KeptReason) -> String {
    format!("the old key will not be revoked: {}", why(old, reason))
}

/// Returns the text about the old key after a rotation, with advice.
pub(crate) fn kept(old: &KeyRecord, reason: &KeptReason) -> String {
    let state = match reason {
        KeptReason::NotListed { is_list_partial: false } => "was not revoked",
        _ => "is still valid",
    };
    format!("the old key {} {state}: {}", key_of(old), why(old, reason))
}

fn why(old: &KeyRecord, reason: &KeptReason) -> String {
    match reason {
        KeptReason::NoAdminKey => format!(
            "delete it at {DASHBOARD} once nothing uses it. With an admin key in {ADMIN_KEY_VARIABLE}, keymint revokes \
             it by itself"
        ),
        KeptReason::Uncertain(keys) => {
            let ids: Vec<_> = keys.iter().map(|ProjectKey { id, .. }| escape(id.as_str())).collect();
            format!(
                "it may be any of these keys of the server ({}). Compare them at {DASHBOARD}, and delete the right one",
                ids.join(", ")
            )
        }
        KeptReason::NotListed { is_list_partial: false } => {
            "the server has no such key in its project. It may be deleted already".to_owned()
        }
        KeptReason::NotListed { is_list_partial: true } => {
            format!("the server listed only a part of the keys, without it. Look for it at {DASHBOARD}")
        }
        KeptReason::OfServiceAccount => {
            "it belongs to a service account, and is deleted only together with the account".to_owned()
        }
        KeptReason::Untraceable(places) => {
            let delete = old.key_id.as_ref().map_or_else(
                || format!("delete the old one at {DASHBOARD}"),
                |id| format!("`keymint admin revoke {}` deletes the old one", escape(id)),
            );
            format!(
                "{} had it, and keymint cannot know what uses it from there. Once that has the new key, {delete}",
                list(places)
            )
        }
        KeptReason::IsNew => "the server gave the new key the same id".to_owned(),
        KeptReason::NotDelivered(places) => format!(
            "{} had it, and did not get the new key. Put the new key there, and delete the old one at {DASHBOARD}",
            list(places)
        ),
        KeptReason::NotAccepted => "the server does not accept the new key yet".to_owned(),
        KeptReason::NotVerified(error) => format!("the new key could not be verified ({error})"),
        KeptReason::NotRevoked(error) => format!("the server did not revoke it ({error})"),
    }
}

fn list(places: &[DestinationId]) -> String {
    let places: Vec<_> = places.iter().map(|id| escape(&destination(id.as_str(), id.slot()))).collect();
    places.join(" and ")
}
