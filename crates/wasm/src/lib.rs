//! The domain for JavaScript: a sign-in, the grant that results from it, and the created key.
//!
//! The npm package wraps these classes. Its types and its documentation address the callers. Options, events, facts
//! and errors are passed as JSON.

#![allow(clippy::missing_errors_doc, reason = "the npm package documents them")]

#[cfg(feature = "checks")]
pub mod checks;
mod clock;
mod failure;
mod host;
mod local;
mod options;
mod transport;

use clock::HostClock;
use failure::Failure;
use futures_util::future::{Either, join, select};
pub use host::Host;
use js_sys::{Function, Promise};
use keymint_domain::{
    AuthorizationGrant, BaseUrl, Callback, Entropy, Event, KeyDetails, PendingAuthorization, Ports,
    ProvisionedKey, Provisioner, Restriction,
};
use keymint_http_adapter::Adapters;
use options::{KeyOptions, SignInOptions};
use serde_json::json;
use std::alloc::System;
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use transport::Fetch;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use zeroizing_alloc::ZeroAlloc;

/// Wipes all memory that the module frees, since it may have contained a secret.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// A sign-in that waits for its response.
#[wasm_bindgen]
pub struct SignIn {
    /// `None` after the response.
    pending: Option<PendingAuthorization>,
    issuer: BaseUrl,
}

#[wasm_bindgen]
impl SignIn {
    /// Begins a sign-in.
    pub fn begin(options: &str, host: &Host) -> Result<Self, JsValue> {
        let options: SignInOptions = options::parse(options)?;
        let client = options.client()?;
        let entropy = Entropy::fill_with(|bytes| host.random(bytes))
            .map_err(|_| Failure::internal("no random bytes are available"))?;
        let pending = Some(client.begin(options.redirect_uri()?, entropy));
        Ok(Self { pending, issuer: client.issuer })
    }

    /// Restores a sign-in that was saved.
    pub fn restore(saved: &str) -> Result<Self, JsValue> {
        let damaged = || Failure::usage("the saved sign-in is damaged");
        let saved: keymint_domain::SavedAuthorization = serde_json::from_str(saved).map_err(|_| damaged())?;
        let issuer = saved.client.issuer.clone();
        let pending = Some(PendingAuthorization::restore(saved).map_err(|_| damaged())?);
        Ok(Self { pending, issuer })
    }

    /// Saves the sign-in, with its secrets in plain text, and ends it here.
    pub fn save(&mut self) -> Result<String, JsValue> {
        let saved = self.pending.take().ok_or_else(finished)?.into_saved();
        Ok(serde_json::to_string(&saved).expect("texts are JSON"))
    }

    /// Returns the URL to open in the browser.
    pub fn authorize_url(&self) -> Result<String, JsValue> {
        Ok(self.pending.as_ref().ok_or_else(finished)?.authorize_url().to_string())
    }

    /// Reads the URL at which the browser ended, or the target of its request. The response ends the sign-in. Any
    /// other text leaves the sign-in unchanged.
    pub fn accept(&mut self, address: &str) -> Result<Grant, JsValue> {
        let pending = self.pending.as_ref().ok_or_else(finished)?;
        let callback = if address.starts_with('/') {
            pending.read_callback(address)
        } else {
            pending.read_pasted(address)
        };
        match callback {
            Callback::Stray(stray) => Err(Failure::stray(stray).into()),
            Callback::Response(response) => {
                let pending = self.pending.take().ok_or_else(finished)?;
                let grant = pending.accept(response).map_err(Failure::from)?;
                Ok(Grant { grant, issuer: self.issuer.clone() })
            }
        }
    }
}

fn finished() -> Failure {
    Failure::usage("the sign-in is finished or saved: each one is used once")
}

/// A sign-in to which the user granted access.
#[wasm_bindgen]
pub struct Grant {
    grant: AuthorizationGrant,
    issuer: BaseUrl,
}

#[wasm_bindgen]
impl Grant {
    /// Creates the key. Calls `report` with each event. If `cancelled` resolves before the creation is requested, no
    /// key is created. Later it has no effect, since a key may exist.
    pub async fn create_key(
        self,
        options: String,
        host: Host,
        report: Function,
        cancelled: Promise,
    ) -> Result<CreatedKey, JsValue> {
        let options: KeyOptions = options::parse(&options)?;
        let plan = options.plan()?;
        let adapters = Adapters::over(Arc::new(Fetch(host.clone())));
        let (auth_server, platform) =
            (adapters.auth_server(self.issuer), adapters.platform_api(options.api_base()?));
        let clock = HostClock(host);
        let observer = |event: Event| {
            let event = serde_json::to_string(&event).expect("texts and numbers are JSON");
            // An observer cannot change the flow.
            let _ = report.call1(&JsValue::NULL, &event.into());
        };
        let ports = Ports { auth_server: &auth_server, platform: &platform, clock: &clock };
        let provisioner = Provisioner::new(ports, &plan).observed_by(&observer);
        let revocation = self.grant.revocation();
        let mut outcome = create(provisioner, self.grant, cancelled).await;
        // An answer that is not read to its end would keep the connection open, and Node running.
        let end = outcome.as_mut().map(|created| mem::take(&mut created.end)).unwrap_or_default();
        let revoking = async {
            if options.revoke != Some(false) {
                revocation.run(&auth_server, &clock).await;
            }
        };
        join(revoking, end.arrives(&clock)).await;
        Ok(CreatedKey(outcome?))
    }
}

async fn create(
    provisioner: Provisioner<'_>,
    grant: AuthorizationGrant,
    cancelled: Promise,
) -> Result<ProvisionedKey, Failure> {
    let before = async {
        let session = provisioner.sign_in(grant).await?;
        let target = provisioner.wait_for_target(&session).await?;
        Ok::<_, Failure>((session, target))
    };
    let (session, target) = match select(pin!(before), JsFuture::from(cancelled)).await {
        Either::Left((ready, _)) => ready?,
        Either::Right(_) => return Err(Failure::cancelled()),
    };
    Ok(provisioner.create_key(session, target).await?)
}

/// A created key.
#[wasm_bindgen]
pub struct CreatedKey(ProvisionedKey);

#[wasm_bindgen]
impl CreatedKey {
    /// Returns the key itself.
    pub fn reveal(&self) -> String {
        self.0.key.expose().to_owned()
    }

    /// Returns all facts about the key except the key itself.
    pub fn facts(&self) -> String {
        let ProvisionedKey { target, name, key, details, unconfirmed, .. } = &self.0;
        let KeyDetails { id, created_at, expires_at, .. } = details;
        let unconfirmed = unconfirmed.iter().map(|restriction| match restriction {
            Restriction::Expiry => "expiresIn",
            _ => "scopes",
        });
        json!({
            "target": target,
            "name": name,
            "lastFour": key.last_four(),
            "id": id.as_ref().map(|id| id.as_str()),
            "createdAt": created_at,
            "expiresAt": expires_at,
            "unconfirmed": unconfirmed.collect::<Vec<_>>(),
        })
        .to_string()
    }
}
