//! The sign-in with the browser: from binding the port to the page with the outcome.

use crate::call::Call;
use crate::dialog::Answer;
use crate::failure::{Failure, Kind};
use keymint_callback_adapter::{
    BrowserMismatch, Conclusion, Details, LoopbackListener, Outcome, PortOwner, Progress,
};
use keymint_delivery_adapter::{PortLock, threads};
use keymint_domain::text::quote;
use keymint_domain::{
    AdminKey, AuthorizationGrant, Entropy, Event, PendingAuthorization, Plan, Ports, Provisioner, Revocation,
    ServiceError, Session, Target, Title, Url, wait_for_grant,
};
use keymint_host::core_dumps::with_inherited_limit;
use keymint_host::{Advice, HostEnvironment, Opening};
use keymint_http_adapter::{Http, HttpAuthServer, HttpPlatformApi};
use rand::TryRng;
use rand::rngs::SysRng;
use std::process::Command;

/// The maximum length of a title in a message, in characters.
const LONGEST_TITLE: usize = 80;

/// A sign-in whose response has arrived.
pub(crate) struct SignIn {
    listener: LoopbackListener,
    auth_server: HttpAuthServer,
    platform: HttpPlatformApi,
    revocation: Revocation,
    /// Locks the port while it is in use.
    lock: PortLock,
}

/// The outcome page in the browser, which waits for the outcome.
pub(crate) struct Page {
    listener: LoopbackListener,
    _lock: PortLock,
}

impl SignIn {
    /// Binds the port, asks the user to sign in, and waits for the response. `purpose` completes the sentence "Sign
    /// in to ..".
    pub(crate) async fn begin(call: &Call, purpose: &str) -> Result<(Self, AuthorizationGrant), Failure> {
        let settings = &call.settings;
        let http = Http::new(settings.http.clone());
        let (auth_server, platform) = {
            let (http, issuer, api_base) =
                (http.clone(), settings.client.issuer.clone(), settings.api_base.clone());
            // Loading certificates takes milliseconds.
            let setting_up =
                threads::run(move || Ok((http.auth_server(issuer)?, http.platform_api(api_base)?)));
            setting_up.await.map_err(Failure::internal)?.map_err(|error: Failure| error)?
        };
        let port = settings.callback_port;
        let lock = settings.state.lock_port(port).map_err(|error| Failure::locked(port, error))?;
        let mut listener = listen(port).await?;
        let entropy = Entropy::from_os().map_err(Failure::internal)?;
        let pending = settings.client.begin(listener.redirect_uri().clone(), entropy);
        let shown = open(call, &listener, &pending, purpose)?;
        let report = |failure: &ServiceError| call.dialog.progress(failure.detail.clone());
        let coming_back = async {
            let waiting = wait_for_grant(&call.clock, &mut listener, pending, settings.patience);
            tokio::select! {
                grant = waiting => Ok(grant?),
                never = http.keep_connected(&call.clock, &settings.client.issuer, &report) => match never {},
            }
        };
        let id = shown.as_ref().map(|shown| shown.id.clone());
        let (grant, ()) = tokio::try_join!(coming_back, agreement(call, shown))?;
        id.into_iter().for_each(|id| call.dialog.url_done(id));
        call.dialog.progress("Received the browser's response");
        let revocation = grant.revocation();
        Ok((Self { listener, auth_server, platform, revocation, lock }, grant))
    }

    /// Returns a reason to ask the user before the response is used.
    pub(crate) fn browser_mismatch(&self) -> Option<BrowserMismatch> {
        self.listener.browser_mismatch()
    }

    /// Shows the progress in the browser.
    pub(crate) fn show(&self, progress: Progress) {
        self.listener.show(progress);
    }

    /// Opens the session on the platform.
    pub(crate) async fn sign_in(
        &self,
        call: &Call,
        plan: &Plan,
        grant: AuthorizationGrant,
    ) -> Result<Session, Failure> {
        let observer = |event| report(call, &event);
        Ok(self.provisioner(call, plan).observed_by(&observer).sign_in(grant).await?)
    }

    pub(crate) fn provisioner<'a>(&'a self, call: &'a Call, plan: &'a Plan) -> Provisioner<'a> {
        let ports = Ports { auth_server: &self.auth_server, platform: &self.platform, clock: &call.clock };
        Provisioner::new(ports, plan)
    }

    /// Closes the connections to the platform, whose buffers may contain the session key, and revokes the refresh
    /// token in the background.
    pub(crate) fn disconnect(self, call: &Call) -> Page {
        let Self { listener, auth_server, platform: _, revocation, lock } = self;
        if call.settings.revokes {
            let clock = call.clock;
            call.tasks.spawn(async move { revocation.run(&auth_server, &clock).await });
        }
        Page { listener, _lock: lock }
    }
}

impl Page {
    pub(crate) async fn conclude(self, conclusion: Conclusion) {
        self.listener.conclude(conclusion).await;
    }
}

/// Returns the page that the browser shows after a failure.
pub(crate) fn page(failure: &Failure) -> Conclusion {
    let outcome = match failure.kind {
        Kind::SignInRefused => Outcome::Refused,
        Kind::OutcomeUnknown => Outcome::KeyUnknown,
        Kind::DeliveryFailed => Outcome::KeyKept,
        Kind::KeyLost => Outcome::KeyLost,
        _ => Outcome::NoKey,
    };
    outcome.with(Details { reason: Some(failure.message.clone()), ..Details::default() })
}

fn unavailable(message: String, hint: &str) -> Failure {
    Failure::new(Kind::CallbackUnavailable, message, hint)
}

async fn listen(port: u16) -> Result<LoopbackListener, Failure> {
    let listener = LoopbackListener::bind(port).map_err(|error| {
        let owner = PortOwner::of(error.address)
            .map_or_else(String::new, |owner| format!(", which {owner} is using"));
        unavailable(format!("{error}{owner}"), "Have the user end that program, then call the tool again.")
    })?;
    listener
        .self_test()
        .await
        .map_err(|error| unavailable(error.to_string(), "Run the tool `doctor` for details."))?;
    Ok(listener)
}

/// A URL that the client shows to the user.
struct Shown {
    message: String,
    url: Url,
    id: String,
}

/// Opens the browser and reports the URL as progress. If the client can show URLs, returns the URL to show instead.
fn open(
    call: &Call,
    listener: &LoopbackListener,
    pending: &PendingAuthorization,
    purpose: &str,
) -> Result<Option<Shown>, Failure> {
    let host = HostEnvironment::detect();
    let mut message = format!("Sign in at {} to {purpose}.", call.settings.client.issuer);
    let port = listener.redirect_uri().port_or_known_default().unwrap_or_default();
    if let Some(Advice { text, command }) = host.advice(port) {
        message += &format!(" {text}");
        message.extend(command.map(|command| format!(" {command}")));
    }
    if call.dialog.can_show_urls() {
        // The URL is the listener's one-time link, since the state must not be kept in a transcript.
        return Ok(Some(Shown { message, url: listener.start_url(pending), id: random_id()? }));
    }
    let spawn = |command: &mut Command| {
        command.env_remove(AdminKey::VARIABLE);
        with_inherited_limit(|| command.spawn())
    };
    let link = || listener.start_url(pending);
    if call.settings.browser.open(&host, link, spawn) != Opening::Tried {
        let message =
            "cannot show the sign-in: no browser can be opened here, and the client does not show URLs";
        return Err(Failure::new(Kind::Usage, message, call.settings.other_way));
    }
    call.dialog.progress(format!("{message} If no browser opens: {}", pending.authorize_url()));
    Ok(None)
}

/// Waits until the user has agreed to open the URL.
async fn agreement(call: &Call, shown: Option<Shown>) -> Result<(), Failure> {
    let Some(Shown { message, url, id }) = shown else { return Ok(()) };
    match call.dialog.show_url(message, &url, id).await {
        Answer::Yes => {
            call.dialog.progress("Waiting for the sign-in in the browser");
            Ok(())
        }
        Answer::No => Err(Failure::new(
            Kind::SignInRefused,
            "the user declined to sign in",
            "Ask the user before calling the tool again.",
        )),
        // The time limit of the whole sign-in ends before that of the answer.
        Answer::Missing => Err(Failure::new(
            Kind::Usage,
            "the client did not show the URL of the sign-in",
            call.settings.other_way,
        )),
    }
}

/// Returns an unguessable id.
pub(crate) fn random_id() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    SysRng.try_fill_bytes(&mut bytes).map_err(Failure::internal)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Reports an event of the flow as progress.
pub(crate) fn report(call: &Call, event: &Event) {
    let message = match event {
        Event::SignedIn => "Signed in; looking for the project".to_owned(),
        Event::WaitingForProject { observed, .. } => format!("No project yet: {observed}"),
        Event::TargetSelected(target) => format!("Found {}", described(target)),
        Event::Retrying { step, .. } => format!("Retrying: {step}"),
        Event::CreationRequested => "Creating the key".to_owned(),
        _ => return,
    };
    call.dialog.progress(message);
}

/// Describes the project and the organization, with their ids.
pub(crate) fn described(target: &Target) -> String {
    let named = |title: &Option<Title>, id: &str| match title {
        Some(title) => format!("{} ({id})", quote(title.raw(), LONGEST_TITLE)),
        None => id.to_owned(),
    };
    let project = named(&target.project_title, target.project_id.as_str());
    let organization = named(&target.organization_title, target.organization_id.as_str());
    format!("project {project} of organization {organization}")
}
