//! Signing in with the browser: from the free port to a session.

use crate::browser::Browser;
use crate::config::{Settings, proxy_variable};
use crate::error::CliError;
use crate::explain::provision::provision;
use crate::flow::response::{self, ResponseReceiver, without_response};
use crate::host::environment::{HostEnvironment, Traces};
use crate::os::env::ProcessEnvironment;
use crate::ui::prompter::Prompter;
use crate::ui::reporter::{Message, Reporter};
use keymint_callback_adapter::LoopbackListener;
use keymint_delivery_adapter::{fail_point, threads};
use keymint_domain::{
    Client, Entropy, Observer, PendingAuthorization, Ports, ProvisionError, Provisioner, ResponseSource,
    Session, wait_for_grant,
};
use keymint_http_adapter::{Http, HttpAuthServer, HttpPlatformApi, HttpSetupError};
use keymint_tokio_clock::TokioClock;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use url::Url;

/// The servers of one run, and its clock.
pub(crate) struct Servers {
    auth_server: HttpAuthServer,
    platform: HttpPlatformApi,
    clock: TokioClock,
}

impl Servers {
    pub(crate) fn ports(&self) -> Ports<'_> {
        Ports { auth_server: &self.auth_server, platform: &self.platform, clock: &self.clock }
    }

    /// Does `work`, and beside it loads what certificates are trusted and keeps a connection to
    /// each server open. Nothing of this delays the work or is said where it fails, but for servers
    /// that cannot be spoken to at all.
    async fn connect_while<T>(
        work: impl Future<Output = Result<T, CliError>>,
        settings: &Settings,
        clock: &TokioClock,
    ) -> Result<(Self, T), CliError> {
        let http = Http::new(settings.http.clone());
        let mut work = pin!(work);
        let mut setting_up = pin!(Self::set_up(http.clone(), settings));
        let servers = tokio::select! {
            done = &mut work => {
                let done = done?;
                return Ok((setting_up.await?, done));
            }
            servers = &mut setting_up => servers?,
        };
        tokio::select! {
            done = work => Ok((servers, done?)),
            never = http.keep_connected(clock) => match never {},
        }
    }

    /// On a thread of its own, since loading certificates takes milliseconds.
    async fn set_up(http: Http, settings: &Settings) -> Result<Self, CliError> {
        let (issuer, api_base) = (settings.client.issuer.clone(), settings.api_base.clone());
        let setting_up = move || {
            Ok::<_, HttpSetupError>(Self {
                auth_server: http.auth_server(issuer)?,
                platform: http.platform_api(api_base)?,
                clock: TokioClock::new(),
            })
        };
        let servers = threads::run(setting_up).await;
        servers.map_err(CliError::internal)?.map_err(CliError::internal)
    }
}

/// The error of the flow, with hints that fit the variables of this process.
pub(crate) fn explained(error: impl Into<ProvisionError>) -> CliError {
    provision(error.into(), proxy_variable(&ProcessEnvironment))
}

/// An authorization with the operating system's randomness.
pub(crate) fn begin(client: &Client, redirect_uri: Url) -> Result<PendingAuthorization, CliError> {
    let entropy = Entropy::from_os().map_err(CliError::internal)?;
    Ok(client.begin(redirect_uri, entropy))
}

/// Opens the way back, shows the address, and opens the browser.
pub(crate) async fn open_sign_in(
    settings: &Settings,
    reporter: &Arc<Reporter>,
    prompter: Prompter<'_>,
) -> Result<(ResponseReceiver, PendingAuthorization), CliError> {
    let Settings { client, warnings, browser, .. } = settings;
    let receiver = ResponseReceiver::open(settings, reporter, prompter).await?;
    for warning in warnings {
        reporter.report(&Message::Warning(warning));
    }
    // The listener may have taken any free port.
    let redirect_uri = receiver.listener().map_or_else(
        || response::redirect_uri(settings.callback_port),
        |listener| listener.redirect_uri().clone(),
    );
    reporter.report(&Message::Listening { redirect_uri: redirect_uri.as_str() });
    let pending = begin(client, redirect_uri)?;
    reporter.report(&Message::AuthorizeUrl { url: pending.authorize_url().as_str(), browser });
    // Only the listener has an address for a browser that holds no secret.
    if let Some(listener) = receiver.listener() {
        open(browser, reporter, listener, &pending);
    }
    Ok((receiver, pending))
}

/// Tries to open the browser, and tells what a person has to do for it to come back.
fn open(browser: &Browser, reporter: &Reporter, listener: &LoopbackListener, pending: &PendingAuthorization) {
    let host = HostEnvironment::judge(&ProcessEnvironment, &Traces::look());
    let opening = browser.open(&host, || listener.start_url(pending), pending.authorize_url());
    reporter.report(&Message::Browser(&opening));
    if browser.is_played() {
        return;
    }
    if let Some(agent) = host.agent {
        reporter.report(&Message::RunByAgent(agent));
    }
    let port = listener.redirect_uri().port_or_known_default().unwrap_or_default();
    if let Some(advice) = host.advice(port) {
        reporter.report(&Message::Advice(&advice));
    }
}

/// Waits for the person to come back, and opens a session.
pub(crate) async fn complete_sign_in(
    settings: &Settings,
    reporter: &Reporter,
    source: &mut dyn ResponseSource,
    pending: PendingAuthorization,
    observer: Observer<'_>,
) -> Result<(Servers, Session), CliError> {
    let clock = TokioClock::new();
    let coming_back = async {
        let grant = wait_for_grant(&clock, source, pending, settings.sign_in_timeout)
            .await
            .map_err(without_response)?;
        fail_point::reached("callback");
        reporter.report(&Message::CallbackReceived);
        Ok(grant)
    };
    let (servers, grant) = Servers::connect_while(coming_back, settings, &clock).await?;
    let provisioner = Provisioner::new(servers.ports(), &settings.plan).observed_by(observer);
    let session = provisioner.sign_in(grant).await.map_err(explained)?;
    Ok((servers, session))
}
