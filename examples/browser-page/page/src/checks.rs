//! Puts this page's adapters through the checks of their ports, for its test.

use crate::clock::PageClock;
use crate::key_field::KeyField;
use crate::pending;
use crate::services::SameOrigin;
use keymint_domain::testing::conformance::{self, Account};
use keymint_domain::testing::{organization, project};
use keymint_domain::{AuthServer, AuthorizationGrant, Callback, PendingAuthorization, Title};
use wasm_bindgen::prelude::*;

/// A sign-in that the test takes as far as the code.
#[wasm_bindgen]
pub struct SignIn(PendingAuthorization);

#[wasm_bindgen]
impl SignIn {
    /// Begins it.
    pub fn begin(issuer: &str, redirect_uri: &str) -> Result<Self, JsError> {
        pending(issuer, redirect_uri).map(Self)
    }

    /// Where it goes on.
    pub fn address(&self) -> String {
        self.0.authorize_url().to_string()
    }

    /// Comes back to this address.
    pub fn end(self, address: &str) -> Result<Grant, JsError> {
        match self.0.read_pasted(address) {
            Callback::Response(response) => Ok(Grant(self.0.accept(response)?)),
            Callback::Stray(stray) => Err(JsError::new(&format!("{stray:?}"))),
        }
    }
}

/// A code that is still good.
#[wasm_bindgen]
pub struct Grant(AuthorizationGrant);

/// Of the clock.
#[wasm_bindgen]
pub async fn check_clock() -> Result<(), JsError> {
    Ok(conformance::clock(&PageClock).await?)
}

/// Of the element that shows the key.
#[wasm_bindgen]
pub async fn check_key_field() -> Result<(), JsError> {
    let read = async || KeyField::element()?.text_content();
    Ok(conformance::key_destination(&mut KeyField, read).await?)
}

/// Of the authorization server, with two codes.
#[wasm_bindgen]
pub async fn check_auth_server(one: Grant, other: Grant) -> Result<(), JsError> {
    Ok(conformance::auth_server(&SameOrigin, [one.0, other.0]).await?)
}

/// Of the platform. The account has what the test says in its scenario.
#[wasm_bindgen]
pub async fn check_platform(grant: Grant) -> Result<(), JsError> {
    let token = SameOrigin.exchange_code(&grant.0).await?.access_token;
    let mut acme = organization("org-z");
    acme.title = Some(Title::new("Acme"));
    acme.is_default = true;
    let mut mine = organization("org-b");
    mine.personal = true;
    let mut first = project("proj_b", false);
    first.title = Some(Title::new("É"));
    let organizations = vec![(acme, vec![first, project("proj_a", true)]), (mine, vec![])];
    Ok(conformance::platform(&SameOrigin, &Account { token, app: "api", organizations }).await?)
}
