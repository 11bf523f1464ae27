//! The old key of a rotation, in words.

use crate::ui::format::{ADMIN_KEY_VARIABLE, DASHBOARD, key_of};
use keymint_delivery_adapter::KeyRecord;
use keymint_domain::text::escape;
use keymint_domain::{DestinationId, KeptReason, ProjectKey};

/// The warning before the sign-in that the old key will be kept.
pub(crate) fn will_be_kept(reason: &KeptReason) -> String {
    format!("the old key will not be revoked: {}", why(reason))
}

/// The old key after a rotation, with what to do.
pub(crate) fn kept(old: &KeyRecord, reason: &KeptReason) -> String {
    match reason {
        KeptReason::NoAdminKey => format!(
            "the old key {} is still valid: delete it at {DASHBOARD} once nothing uses it. With an admin key in \
             {ADMIN_KEY_VARIABLE}, keymint revokes it by itself",
            key_of(old)
        ),
        KeptReason::NotListed { is_list_partial: false } => {
            format!("the old key {} was not revoked: {}", key_of(old), why(reason))
        }
        _ => format!("the old key {} is still valid: {}", key_of(old), why(reason)),
    }
}

fn why(reason: &KeptReason) -> String {
    match reason {
        KeptReason::NoAdminKey => format!("{ADMIN_KEY_VARIABLE} is not set. Delete it at {DASHBOARD}"),
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
        KeptReason::NotListed { .. } => {
            format!("the server listed only a part of the keys, without it. Look for it at {DASHBOARD}")
        }
        KeptReason::OfServiceAccount => {
            "it belongs to a service account, and is deleted only together with the account".to_owned()
        }
        KeptReason::IsNew => "the server gave the new key the same id".to_owned(),
        KeptReason::NotDelivered(places) => {
            let places: Vec<_> = places.iter().map(place).collect();
            format!(
                "{} had it, and did not get the new key. Put the new key there, and delete the old one at {DASHBOARD}",
                places.join(" and ")
            )
        }
        KeptReason::NotAccepted => "the server does not accept the new key yet".to_owned(),
        KeptReason::NotVerified(error) => format!("the new key could not be verified ({error})"),
        KeptReason::NotRevoked(error) => format!("the server did not revoke it ({error})"),
        _ => format!("delete it at {DASHBOARD}"),
    }
}

fn place(id: &DestinationId) -> String {
    match id.as_str() {
        "stdout" => "standard output".to_owned(),
        "pipe" => "the command of --pipe-to".to_owned(),
        "clipboard" => "the clipboard".to_owned(),
        id => escape(id.strip_prefix("env-file:").unwrap_or(id)),
    }
}
