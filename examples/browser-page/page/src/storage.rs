//! The pending authorization while the browser is elsewhere. The tab's session storage outlives the
//! page, and no other tab or origin can read it.

use crate::window;
use keymint_domain::{BaseUrl, Client, CodeVerifier, PendingAuthorization, SavedAuthorization, State, Url};
use serde_json::{Value, json};
use wasm_bindgen::JsError;
use web_sys::Storage;

const ITEM: &str = "keymint";

pub(crate) fn save(pending: PendingAuthorization) -> Result<(), JsError> {
    let saved = pending.into_saved();
    let item = json!({
        "issuer": saved.client.issuer.to_string(),
        "redirect_uri": saved.redirect_uri.as_str(),
        "state": saved.state.expose(),
        "code_verifier": saved.code_verifier.expose(),
    });
    storage()?.set_item(ITEM, &item.to_string()).map_err(|_| JsError::new("nothing can be stored here"))
}

/// It is gone from the storage before it is used: a sign-in is finished once.
pub(crate) fn take() -> Result<PendingAuthorization, JsError> {
    let storage = storage()?;
    let nothing = || JsError::new("no sign-in was begun in this tab, or it was finished already");
    let item = storage.get_item(ITEM).ok().flatten().ok_or_else(nothing)?;
    storage.remove_item(ITEM).map_err(|_| nothing())?;

    let item: Value = serde_json::from_str(&item)?;
    let text = |name| item[name].as_str().unwrap_or_default();
    Ok(PendingAuthorization::restore(SavedAuthorization {
        client: Client::at(BaseUrl::parse(text("issuer"))?),
        redirect_uri: Url::parse(text("redirect_uri"))?,
        state: State::from_text(text("state").to_owned()),
        code_verifier: CodeVerifier::from_text(text("code_verifier").to_owned()),
    })?)
}

fn storage() -> Result<Storage, JsError> {
    window().session_storage().ok().flatten().ok_or_else(|| JsError::new("this page may not store anything"))
}
