//! What JavaScript calls: [`begin`], which gives the address to go to, and [`finish`], for the page
//! that the browser comes back to.

#![allow(clippy::missing_errors_doc, reason = "what is called from JavaScript throws, in words for a person")]

#[cfg(feature = "checks")]
pub mod checks;
mod clock;
mod fetch;
mod key_field;
mod local;
mod services;
mod storage;

use clock::PageClock;
use js_sys::Function;
use key_field::KeyField;
use keymint_domain::{
    BaseUrl, Callback, Client, Entropy, Event, KeyDestination, PendingAuthorization, Plan, Ports,
    Provisioner, Url,
};
use services::SameOrigin;
use wasm_bindgen::prelude::*;

/// Begins a sign-in at this authorization server, and gives the address to send the person to.
#[wasm_bindgen]
pub fn begin(issuer: &str, redirect_uri: &str) -> Result<String, JsError> {
    let pending = pending(issuer, redirect_uri)?;
    let address = pending.authorize_url().to_string();
    storage::save(pending)?;
    Ok(address)
}

/// Goes on with the path and query that the browser came back with, and delivers the key to the page. What
/// happens meanwhile is told to `tell`, in words.
#[wasm_bindgen]
pub async fn finish(callback: String, tell: Function) -> Result<(), JsError> {
    let pending = storage::take()?;
    let response = match pending.read_callback(&callback) {
        Callback::Response(response) => response,
        Callback::Stray(_) => {
            // It ends nothing: anybody can send a browser here.
            storage::save(pending)?;
            return Err(JsError::new("this is not the answer to the sign-in that was begun here"));
        }
    };
    let grant = pending.accept(response)?;
    let ports = Ports { auth_server: &SameOrigin, platform: &SameOrigin, clock: &PageClock };
    let observer = |event| {
        // What JavaScript makes of it is its own affair.
        let _ = tell.call1(&JsValue::NULL, &words(&event).into());
    };
    let plan = Plan::named("keymint browser-page");
    let revocation = grant.revocation();
    let outcome = Provisioner::new(ports, &plan).observed_by(&observer).provision(grant).await;
    let delivered = match &outcome {
        Ok(created) => KeyField.deliver(&created.key).await,
        Err(_) => Ok(()),
    };
    revocation.run(&SameOrigin, &PageClock).await;
    outcome?;
    Ok(delivered?)
}

fn pending(issuer: &str, redirect_uri: &str) -> Result<PendingAuthorization, JsError> {
    let client = Client::at(BaseUrl::parse(issuer)?);
    let no_randomness = |_: JsValue| JsError::new("the browser gave no randomness");
    let crypto = window().crypto().map_err(no_randomness)?;
    let entropy = Entropy::fill_with(|bytes| crypto.get_random_values_with_u8_array(bytes).map(drop));
    Ok(client.begin(Url::parse(redirect_uri)?, entropy.map_err(no_randomness)?))
}

fn words(event: &Event) -> String {
    match event {
        Event::CodeExchanged => "The code was exchanged.".to_owned(),
        Event::SignedIn => "You are signed in.".to_owned(),
        Event::WaitingForProject { observed, .. } => format!("Waiting: {observed}."),
        Event::OrganizationSkipped { id, kind, .. } => format!("Organization {id} is passed over: {kind}."),
        Event::Retrying { step, kind, .. } => format!("{step} failed ({kind}), and is tried again."),
        Event::TargetSelected(target) => format!("The key will be in project {}.", target.project_id),
        Event::TargetSkipped(skipped) => {
            format!("Organization {} is skipped: user API keys are disabled there.", skipped.organization.id)
        }
        Event::CreationRequested => "Creating the key.".to_owned(),
        _ => "Going on.".to_owned(),
    }
}

fn window() -> web_sys::Window {
    web_sys::window().expect("this is a page")
}
