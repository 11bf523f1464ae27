//! Signing in with the browser: from the free port to a session.

use crate::browser::Browser;
use crate::config::Settings;
use crate::error::CliError;
use crate::flow::response::{self, ResponseReceiver, without_response};
use crate::flow::servers::{Servers, explained};
use crate::host::environment::{HostEnvironment, Traces};
use crate::os::env::ProcessEnvironment;
use crate::ui::message::Message;
use crate::ui::prompter::Prompter;
use crate::ui::reporter::Reporter;
use keymint_callback_adapter::LoopbackListener;
use keymint_delivery_adapter::fail_point;
use keymint_domain::{
    Client, Entropy, Observer, PendingAuthorization, Provisioner, ResponseSource, Session, wait_for_grant,
};
use keymint_tokio_clock::TokioClock;
use std::sync::Arc;
use url::Url;

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
