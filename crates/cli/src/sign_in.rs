//! Signing in with the browser: from the free port to a session.

use crate::arrival::{self, Arrival};
use crate::browser::Browser;
use crate::clock::SystemClock;
use crate::fail_point;
use crate::failure::Failure;
use crate::person::Person;
use crate::report::{Notice, Reporter};
use crate::settings::{ProcessEnvironment, Settings};
use crate::surroundings::{Surroundings, Traces};
use keymint_callback_adapter::LoopbackListener;
use keymint_domain::{
    Client, Entropy, Observer, PendingAuthorization, Ports, ResponseSource, Session, authorize, sign_in,
};
use keymint_http_adapter::{Http, HttpAuthServer, HttpPlatformApi};
use rand::TryRng;
use rand::rngs::SysRng;
use std::sync::Arc;
use url::Url;

/// The servers of one run, and its clock.
pub(crate) struct Servers {
    auth_server: HttpAuthServer,
    platform: HttpPlatformApi,
    clock: SystemClock,
}

impl Servers {
    /// Loads the certificates that are trusted; contacts nobody yet.
    pub(crate) fn of(settings: &Settings) -> Result<Self, Failure> {
        let http = Http::new(settings.http.clone());
        let auth_server = http.auth_server(settings.client.issuer.clone());
        let platform = http.platform_api(settings.api_base.clone());
        Ok(Self {
            auth_server: auth_server.map_err(|error| Failure::internal(&error))?,
            platform: platform.map_err(|error| Failure::internal(&error))?,
            clock: SystemClock::new(),
        })
    }

    pub(crate) fn ports(&self) -> Ports<'_> {
        Ports { auth_server: &self.auth_server, platform: &self.platform, clock: &self.clock }
    }
}

/// An authorization with the operating system's randomness.
pub(crate) fn begin(client: &Client, redirect_uri: Url) -> Result<PendingAuthorization, Failure> {
    let entropy = Entropy::fill_with(|bytes| SysRng.try_fill_bytes(bytes))
        .map_err(|error| Failure::internal(&error))?;
    Ok(client.begin(redirect_uri, entropy))
}

/// Opens the way back, shows the address, and opens the browser.
pub(crate) async fn invite(
    settings: &Settings,
    reporter: &Arc<Reporter>,
    person: Person<'_>,
) -> Result<(Arrival, PendingAuthorization), Failure> {
    let Settings { client, warnings, browser, .. } = settings;
    let arrival = Arrival::open(settings, reporter, person).await?;
    for warning in warnings {
        reporter.tell(&Notice::Warning(warning));
    }
    // The listener may have taken any free port.
    let redirect_uri = arrival.listener().map_or_else(
        || arrival::redirect_uri(settings.callback_port),
        |listener| listener.redirect_uri().clone(),
    );
    reporter.tell(&Notice::Listening { redirect_uri: redirect_uri.as_str() });
    let pending = begin(client, redirect_uri)?;
    reporter.tell(&Notice::AuthorizeUrl { url: pending.authorize_url().as_str(), browser });
    // Only the listener has an address for a browser that holds no secret.
    if let Some(listener) = arrival.listener() {
        open(browser, reporter, listener, &pending);
    }
    Ok((arrival, pending))
}

/// Tries to open the browser, and tells what a person has to do for it to come back.
fn open(browser: &Browser, reporter: &Reporter, listener: &LoopbackListener, pending: &PendingAuthorization) {
    let surroundings = Surroundings::judge(&ProcessEnvironment, &Traces::look());
    let opening = browser.open(&surroundings, || listener.start_url(pending), pending.authorize_url());
    reporter.tell(&Notice::Browser(&opening));
    if *browser == Browser::Sandbox {
        return;
    }
    if let Some(agent) = surroundings.agent {
        reporter.tell(&Notice::RunByAgent(agent));
    }
    let port = listener.redirect_uri().port_or_known_default().unwrap_or_default();
    if let Some(advice) = surroundings.advice(port) {
        reporter.tell(&Notice::Advice(&advice));
    }
}

/// Waits for the person to come back, and opens a session.
pub(crate) async fn enter(
    settings: &Settings,
    reporter: &Reporter,
    ports: Ports<'_>,
    source: &mut dyn ResponseSource,
    pending: PendingAuthorization,
    observer: Observer<'_>,
) -> Result<Session, Failure> {
    let grant = authorize(ports.clock, source, pending, settings.sign_in_timeout).await?;
    fail_point::reached("callback");
    reporter.tell(&Notice::CallbackReceived);
    Ok(sign_in(ports, &settings.plan, grant, observer).await?)
}
