//! The pending authorization while the browser is elsewhere. The tab's session storage outlives the
//! page, and no other tab or origin can read it.

use crate::window;
use keymint_domain::PendingAuthorization;
use wasm_bindgen::JsError;
use web_sys::Storage;

const ITEM: &str = "keymint";

pub(crate) fn save(pending: PendingAuthorization) -> Result<(), JsError> {
    let item = serde_json::to_string(&pending.into_saved())?;
    storage()?.set_item(ITEM, &item).map_err(|_| JsError::new("nothing can be stored here"))
}

/// Takes the authorization out of the storage, since a sign-in is finished once.
pub(crate) fn take() -> Result<PendingAuthorization, JsError> {
    let storage = storage()?;
    let nothing = || JsError::new("no sign-in was begun in this tab, or it was finished already");
    let item = storage.get_item(ITEM).ok().flatten().ok_or_else(nothing)?;
    storage.remove_item(ITEM).map_err(|_| nothing())?;
    Ok(PendingAuthorization::restore(serde_json::from_str(&item)?)?)
}

fn storage() -> Result<Storage, JsError> {
    window().session_storage().ok().flatten().ok_or_else(|| JsError::new("this page may not store anything"))
}
