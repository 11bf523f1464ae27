//! The sign-ins, and the work on them.

use crate::sign_ins::{Refusal, SignIn, SignIns, Token};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keymint_delivery_adapter::StateDir;
use keymint_domain::{
    ApiKey, AuthorizationGrant, BaseUrl, Client, Clock, DeliveryError, DestinationId, Entropy,
    KeyDestination, Plan, Ports, ProvisionError, Provisioner, REGISTERED_REDIRECT_URI, Url, async_trait,
    deliver,
};
use keymint_http_adapter::{Http, HttpOptions, HttpSetupError};
use keymint_tokio_clock::TokioClock;
use rand::TryRng;
use rand::rngs::SysRng;
use serde::Serialize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The interval at which expired values are removed, so that no key stays in memory until the next request.
const SWEEP: Duration = Duration::from_secs(60);

pub(crate) struct Service {
    client: Client,
    api_base: BaseUrl,
    clock: TokioClock,
    sign_ins: Mutex<SignIns>,
    /// Stores each key until it is handed over, so that no key is lost with this process.
    state: StateDir,
}

/// The values that the owner of a new sign-in needs.
#[derive(Serialize)]
pub(crate) struct Begun {
    id: String,
    token: String,
    authorize_url: String,
}

impl Service {
    pub(crate) fn new(client: Client, api_base: BaseUrl, state: StateDir) -> Self {
        Self { client, api_base, clock: TokioClock::new(), sign_ins: Mutex::default(), state }
    }

    pub(crate) fn begin(&self) -> Result<Begun, Refusal> {
        let entropy = Entropy::from_os().map_err(|_| Refusal::NoRandomness)?;
        let redirect_uri = Url::parse(REGISTERED_REDIRECT_URI).expect("a constant");
        let pending = self.client.begin(redirect_uri, entropy);
        let (id, token) = (random_text::<16>()?, random_text::<32>()?);
        let authorize_url = pending.authorize_url().to_string();
        let begun = Begun { id: id.clone(), token: token.clone(), authorize_url };
        self.lock().begin(self.clock.now(), id, Token(token), pending)?;
        Ok(begun)
    }

    /// Reads the URL of the browser's last page, and completes the sign-in in a task of its own, which ends even if
    /// its outcome is never requested.
    pub(crate) fn answer(self: Arc<Self>, id: String, token: &Token, address: &str) -> Result<(), Refusal> {
        if let Some(grant) = self.with(&id, token, |sign_in| sign_in.answer(address))? {
            tokio::spawn(async move {
                if let Err(error) = self.make_key(&id, grant).await {
                    self.lock().finish(self.clock.now(), &id, Err(error.to_string()));
                }
            });
        }
        Ok(())
    }

    /// Runs `work` on a sign-in if the token is the right one.
    pub(crate) fn with<T>(
        &self,
        id: &str,
        token: &Token,
        act: impl FnOnce(&mut SignIn) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        act(self.lock().of_owner(self.clock.now(), id, token)?)
    }

    /// Returns the key to the owner of a sign-in, once.
    pub(crate) fn hand_over(&self, id: &str, token: &Token) -> Result<ApiKey, Refusal> {
        let key = self.with(id, token, SignIn::take_key)?;
        for stored in self.state.stored_keys().unwrap_or_default() {
            if stored.id == id {
                // If the file cannot be removed, the operator of the service can still find it.
                let _ = stored.remove();
            }
        }
        Ok(key)
    }

    /// Creates the key and holds it for its owner. Then revokes the refresh token, with or without a key.
    async fn make_key(&self, id: &str, grant: AuthorizationGrant) -> Result<(), HttpSetupError> {
        // The adapters are new, since they remember the secrets of one sign-in until it ends.
        let http = Http::new(HttpOptions::default());
        let auth_server = http.auth_server(self.client.issuer.clone())?;
        let platform = http.platform_api(self.api_base.clone())?;
        let ports = Ports { auth_server: &auth_server, platform: &platform, clock: &self.clock };
        let plan = Plan::named(format!("keymint headless-server {id}"));
        let observer = |event| self.lock().note(id, &event);
        let revocation = grant.revocation();
        let outcome = Provisioner::new(ports, &plan).observed_by(&observer).provision(grant).await;
        if let Ok(created) = &outcome {
            let mailbox = Mailbox { service: self, id };
            let mut recovery = self.state.recovery(id);
            // The owner of the sign-in gets the key even if it could not be stored.
            let _ = deliver(&created.key, &mut [Box::new(mailbox)], &mut recovery).await;
        }
        self.lock().finish(self.clock.now(), id, outcome.map_err(in_words));
        revocation.run(&auth_server, &self.clock).await;
        Ok(())
    }

    pub(crate) async fn remove_expired(self: Arc<Self>) {
        loop {
            self.clock.sleep(SWEEP).await;
            self.lock().remove_expired(self.clock.now());
        }
    }

    /// Locks the sign-ins. No panic leaves a sign-in half changed, so a poisoned lock is usable.
    fn lock(&self) -> MutexGuard<'_, SignIns> {
        self.sign_ins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The memory of this process as a destination. It is not durable, so the recovery store also has each key.
struct Mailbox<'a> {
    service: &'a Service,
    id: &'a str,
}

#[async_trait]
impl KeyDestination for Mailbox<'_> {
    fn id(&self) -> DestinationId {
        DestinationId::new(format!("sign-in:{}", self.id))
    }

    fn is_durable(&self) -> bool {
        false
    }

    async fn deliver(&mut self, key: &ApiKey) -> Result<(), DeliveryError> {
        let copy = ApiKey::parse(key.expose().to_owned()).map_err(DeliveryError::new)?;
        let is_held = self.service.lock().hold(self.id, copy);
        if is_held { Ok(()) } else { Err(DeliveryError::new("the sign-in is gone")) }
    }
}

fn random_text<const BYTES: usize>() -> Result<String, Refusal> {
    let mut bytes = [0; BYTES];
    SysRng.try_fill_bytes(&mut bytes).map_err(|_| Refusal::NoRandomness)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn in_words(error: ProvisionError) -> String {
    match &error {
        ProvisionError::OutcomeUnknown { key_name, .. } => {
            format!("{error}: look for the name {key_name} where the platform lists its keys, and delete it")
        }
        _ => error.to_string(),
    }
}
