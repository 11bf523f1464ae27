//! The sign-in with the browser, from binding the port to the grant.

use crate::config::SignInSettings;
use crate::error::CliError;
use crate::explain::host::redirect;
use crate::flow::context::Context;
use crate::flow::response::{self, ResponseReceiver, page, without_response};
use crate::flow::servers::Servers;
use crate::ui::message::{Message, ResponseChannel};
use keymint_callback_adapter::{Conclusion, LoopbackListener, Outcome, Progress};
use keymint_delivery_adapter::fail_point;
use keymint_domain::{
    AdminKey, AuthorizationGrant, Catalogue, Client, Entropy, PendingAuthorization, ResponseSource,
    Revocation, wait_for_grant,
};
use keymint_host::core_dumps::with_inherited_limit;
use keymint_host::{HostEnvironment, HostKind};
#[cfg(feature = "sandbox")]
use keymint_sandbox::{Consent, sign_in};
use keymint_terminal::Signals;
use std::convert::Infallible;
use std::process::Command;
use std::sync::Arc;
use tokio::sync::oneshot;
use url::Url;

/// Begins an authorization with the operating system's randomness.
pub(crate) fn begin(client: &Client, redirect_uri: Url) -> Result<PendingAuthorization, CliError> {
    let entropy = Entropy::from_os().map_err(CliError::internal)?;
    Ok(client.begin(redirect_uri, entropy))
}

/// Shows the URL, and opens the browser.
pub(crate) fn show_sign_in(
    context: &Context,
    settings: &SignInSettings,
    receiver: &ResponseReceiver,
) -> Result<PendingAuthorization, CliError> {
    let SignInSettings { endpoints, is_played, .. } = settings;
    // The demonstration never uses OpenAI's servers, so it needs no warning about others.
    if settings.persists {
        endpoints.warnings().for_each(|warning| context.ui.report(&Message::Warning(warning)));
    }
    // The listener may have selected any free port.
    let redirect_uri = receiver.listener().map_or_else(
        || response::redirect_uri(endpoints.callback_port),
        |listener| listener.redirect_uri().clone(),
    );
    context.ui.report(&Message::Listening { redirect_uri: redirect_uri.as_str() });
    let pending = begin(&endpoints.client, redirect_uri)?;
    context
        .ui
        .report(&Message::AuthorizeUrl { url: pending.authorize_url().as_str(), is_played: *is_played });
    // Only the listener has a URL without a secret, which a browser's command line may contain.
    if let Some(listener) = receiver.listener() {
        open_browser(context, settings, listener, receiver.channel(), &pending);
    }
    context.ui.report(&Message::WaitingForPerson { patience: settings.timeout, channel: receiver.channel() });
    Ok(pending)
}

/// Tries to open the browser, and reports the steps that let its redirect reach this program.
fn open_browser(
    context: &Context,
    settings: &SignInSettings,
    listener: &LoopbackListener,
    channel: ResponseChannel,
    pending: &PendingAuthorization,
) {
    #[cfg(feature = "sandbox")]
    if settings.is_played {
        let url = pending.authorize_url().to_string();
        drop(tokio::spawn(async move { sign_in(&url, Consent::Allow).await }));
        return;
    }
    let host = HostEnvironment::detect();
    let spawn = |command: &mut Command| {
        command.env_remove(AdminKey::VARIABLE);
        with_inherited_limit(|| command.spawn())
    };
    let opening = settings.browser.open(&host, || listener.start_url(pending), spawn);
    context.ui.report(&Message::Browser(&opening));
    if let Some(agent) = &settings.agent {
        context.ui.report(&Message::RunByAgent(agent));
    }
    let port = listener.redirect_uri().port_or_known_default().unwrap_or_default();
    // In a container, the user can paste the URL without other preparation. `keymint doctor` has the advice.
    let can_paste = host.kind == HostKind::Container && channel == ResponseChannel::ListenerOrPaste;
    if let Some(advice) = redirect(&host, port).filter(|_| !can_paste) {
        context.ui.report(&Message::Advice(&advice));
    }
}

/// Waits for the browser's response, runs `work` with the servers and the grant, then runs `finish` with the result,
/// and shows the outcome in the browser.
///
/// Before `finish` runs, the connections to the platform are closed, and the revocation of the refresh token starts
/// in the background, whatever the result. The session key is therefore not in memory while `finish` runs.
pub(crate) async fn complete_sign_in<T>(
    context: &Context,
    settings: &SignInSettings,
    mut receiver: ResponseReceiver,
    pending: PendingAuthorization,
    signals: &mut Signals,
    work: impl AsyncFnOnce(&Servers, AuthorizationGrant, &ResponseReceiver, &mut Signals) -> Result<T, CliError>,
    finish: impl AsyncFnOnce(T, &mut Signals) -> Result<Conclusion, CliError>,
) -> Result<(), CliError> {
    let flow = async {
        let coming_back = wait_for_browser(context, settings, &mut receiver, pending);
        let (servers, grant) = signals.cancel_on_signal(coming_back).await??;
        let revocation = grant.revocation();
        let result = work(&servers, grant, &receiver, signals).await;
        let (_running, over) = oneshot::channel();
        disconnect(context, settings, servers, revocation, over);
        finish(result?, signals).await
    };
    let (conclusion, result) = match flow.await {
        Ok(conclusion) => (conclusion, Ok(())),
        Err(error) => (page(&error, &settings.endpoints), Err(error)),
    };
    receiver.conclude(conclusion).await;
    result
}

/// Closes the connections, after starting to revoke the refresh token in the background if the settings require that.
/// The result of the revocation is reported at the end of the run.
fn disconnect(
    context: &Context,
    settings: &SignInSettings,
    servers: Servers,
    revocation: Revocation,
    over: oneshot::Receiver<Infallible>,
) {
    if settings.revokes {
        let (auth_server, clock, ui) = (servers.into_auth_server(), context.clock, Arc::clone(&context.ui));
        context.in_background(async move {
            let revoked = revocation.run(&auth_server, &clock).await;
            drop(auth_server);
            let _ = over.await;
            ui.report(&Message::Revocation(&revoked));
        });
    }
}

/// Waits for the browser's response. Meanwhile connects to the servers.
async fn wait_for_browser(
    context: &Context,
    settings: &SignInSettings,
    source: &mut dyn ResponseSource,
    pending: PendingAuthorization,
) -> Result<(Servers, AuthorizationGrant), CliError> {
    let coming_back = async {
        let grant = wait_for_grant(&context.clock, source, pending, settings.timeout)
            .await
            .map_err(|error| without_response(context, error))?;
        fail_point::reached("callback");
        context.ui.report(&Message::CallbackReceived);
        Ok(grant)
    };
    Servers::connect_while(coming_back, settings, context).await
}

/// Signs in, and passes the list of every organization and its projects to `show`. Creates nothing.
pub(crate) async fn sign_in_and_list(
    context: &Context,
    settings: &SignInSettings,
    signals: &mut Signals,
    show: impl FnOnce(&Catalogue) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let receiver = signals.cancel_on_signal(ResponseReceiver::open(context, settings)).await??;
    let pending = show_sign_in(context, settings, &receiver)?;
    // No key is created, so no name is needed.
    let plan = settings.plan(String::new());
    let observer = |event| context.ui.report(&Message::Flow(&event));
    let work = async |servers: &Servers, grant, receiver: &ResponseReceiver, signals: &mut Signals| {
        receiver.show(Progress::Listing);
        let listing = async {
            let provisioner = servers.provisioner(&plan, &observer);
            let session = provisioner.sign_in(grant).await.map_err(|error| context.explain(error))?;
            context.ui.report(&Message::Reading);
            provisioner.list_targets(&session).await.map_err(|error| context.explain(error))
        };
        signals.cancel_on_signal(listing).await?
    };
    let show =
        async |catalogue: Catalogue, _: &mut Signals| show(&catalogue).map(|()| Outcome::Listed.into());
    complete_sign_in(context, settings, receiver, pending, signals, work, show).await
}
