//! The channels of the authorization response: the listener, and a URL that the user pastes. The first response
//! counts.

use crate::config::{Endpoints, SignInSettings};
use crate::error::{CliError, ErrorKind};
use crate::explain::delivery::state as state_error;
use crate::explain::listener as explain;
use crate::flow::context::Context;
use crate::flow::paste::{PasteError, Pasted, no_input};
use crate::ui::format::{DASHBOARD, stop_sign_in};
use crate::ui::message::{Message, ResponseChannel};
use crate::ui::reporter::Reporter;
use async_trait::async_trait;
use keymint_callback_adapter::{
    BindError, BrowserMismatch, Conclusion, Details, LoopbackListener, Outcome, PortOwner, Progress,
};
use keymint_delivery_adapter::{PortLock, PortLockError, StateDir};
use keymint_domain::{
    AuthorizationResponse, PendingAuthorization, ProvisionError, ResponseSource, SourceError,
};
use std::future;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use url::Url;

const START_AND_FINISH: &str = "If no user can type here, `keymint start` prints the URL to open and ends, and \
                                `keymint finish` takes the URL of the last page.";

/// Receives the response over the open channels.
pub(crate) struct ResponseReceiver {
    listener: Option<LoopbackListener>,
    /// The URL that the user pastes.
    pasted: Option<Pasted>,
    /// A response that is already known.
    known: Option<AuthorizationResponse>,
    /// Locks the port while it is in use.
    _lock: Option<PortLock>,
}

impl ResponseReceiver {
    /// Opens the listener, and standard input if the user may paste the URL.
    pub(crate) async fn open(context: &Context, settings: &SignInSettings) -> Result<Self, CliError> {
        let port = settings.endpoints.callback_port;
        let prompter = context.prompter(settings.may_ask);
        let pasted =
            (prompter.is_interactive() || !settings.listens).then(|| Pasted::new(&context.ui, context.clock));
        if !settings.listens {
            if !settings.may_ask && io::stdin().is_terminal() {
                let message = "--no-listen needs a pasted URL, and --no-input forbids asking for it";
                return Err(CliError::new(ErrorKind::Usage, message).hint(START_AND_FINISH));
            }
            return Ok(Self { listener: None, pasted, known: None, _lock: None });
        }
        let lock = if settings.persists { Some(lock(port)?) } else { None };
        let listener = match listen(port, &context.ui).await {
            Ok(listener) => Some(listener),
            Err(failure) if pasted.is_some() => {
                prompter.warn(&failure.invitation_to_paste(port));
                None
            }
            Err(failure) => {
                return Err(failure.error.and_hint("`keymint start` and `keymint finish` need no port."));
            }
        };
        Ok(Self { listener, pasted, known: None, _lock: lock })
    }

    /// Creates a receiver with a response that is already known.
    pub(crate) fn answered(response: AuthorizationResponse) -> Self {
        Self { listener: None, pasted: None, known: Some(response), _lock: None }
    }

    pub(crate) fn listener(&self) -> Option<&LoopbackListener> {
        self.listener.as_ref()
    }

    pub(crate) fn channel(&self) -> ResponseChannel {
        match (&self.listener, &self.pasted) {
            (Some(_), None) => ResponseChannel::Listener,
            (Some(_), Some(_)) => ResponseChannel::ListenerOrPaste,
            (None, _) => ResponseChannel::Paste,
        }
    }

    /// Returns a reason to ask the user before the response is used.
    pub(crate) fn browser_mismatch(&self) -> Option<BrowserMismatch> {
        self.listener.as_ref().and_then(LoopbackListener::browser_mismatch)
    }

    /// Shows the progress in the browser.
    pub(crate) fn show(&self, progress: Progress) {
        if let Some(listener) = &self.listener {
            listener.show(progress);
        }
    }

    /// Shows the outcome in the browser.
    pub(crate) async fn conclude(self, conclusion: Conclusion) {
        if let Some(listener) = self.listener {
            listener.conclude(conclusion).await;
        }
    }
}

/// Locks the port, unless another sign-in of this user holds it.
fn lock(port: u16) -> Result<PortLock, CliError> {
    let cannot_write = |error| {
        let message = "cannot record that a sign-in is in progress";
        state_error(ErrorKind::DestinationUnusable, message, error)
    };
    StateDir::open_default().map_err(cannot_write)?.lock_port(port).map_err(|error| match error {
        PortLockError::Held(holder) => CliError::new(
            ErrorKind::CallbackUnavailable,
            format!("another sign-in of yours waits for the browser on port {port}: {holder}"),
        )
        .hint(format!("{} Then run this again.", stop_sign_in(&holder))),
        PortLockError::Io(error) => cannot_write(error),
        error => CliError::internal(error),
    })
}

/// A port on which no browser would reach this program.
struct NoListener {
    error: CliError,
    /// The program that listens on the port, if it is known.
    owner: Option<PortOwner>,
}

impl NoListener {
    fn of_bind(error: BindError) -> Self {
        let owner = PortOwner::of(error.address);
        Self { error: explain::bind(error, owner.as_ref()), owner }
    }

    /// Returns a warning to a user who can paste the URL.
    fn invitation_to_paste(&self, port: u16) -> String {
        let Self { error, owner } = self;
        let (why, hints) = match owner {
            Some(owner) => (format!("port {port} is used by {owner}"), None),
            None => (error.message(), error.hints()),
        };
        let hints = hints.map_or_else(String::new, |hints| format!(" {hints}"));
        format!("{why}, so the last page will not load. Paste its URL below.{hints}")
    }
}

async fn listen(port: u16, reporter: &Arc<Reporter>) -> Result<LoopbackListener, NoListener> {
    let observer = Arc::clone(reporter);
    let listener = LoopbackListener::bind(port)
        .map_err(NoListener::of_bind)?
        .observed_by(move |warning| observer.report(&Message::Listener(warning)));
    // The program on the port is this one now.
    let unreached = |error| NoListener { error: explain::self_test(error), owner: None };
    listener.self_test().await.map_err(unreached)?;
    Ok(listener)
}

/// Returns the error of a port that cannot be bound, with the program that listens there.
pub(crate) fn bind_error(error: BindError) -> CliError {
    NoListener::of_bind(error).error
}

/// Returns the redirect URI of a listener on this port.
pub(crate) fn redirect_uri(port: u16) -> Url {
    Url::parse(&format!("http://localhost:{port}/auth/callback")).expect("a port fits into a URL")
}

#[async_trait]
impl ResponseSource for ResponseReceiver {
    async fn receive(
        &mut self,
        pending: &PendingAuthorization,
    ) -> Result<AuthorizationResponse, SourceError> {
        let Self { listener, pasted, known, .. } = self;
        if let Some(response) = known.take() {
            return Ok(response);
        }
        let Some(listener) = listener else {
            return pasted.as_mut().expect("one way at least").receive(pending).await;
        };
        let by_paste = async {
            if let Some(pasted) = pasted
                && let Ok(response) = pasted.receive(pending).await
            {
                return response;
            }
            // The listener continues to wait.
            future::pending().await
        };
        tokio::select! {
            biased;
            response = listener.receive(pending) => response,
            response = by_paste => {
                listener.stop_accepting();
                Ok(response)
            }
        }
    }
}

/// Returns the error of a sign-in that received no response.
pub(crate) fn without_response(context: &Context, error: ProvisionError) -> CliError {
    let ProvisionError::NoResponse(source) = &error else { return context.explain(error) };
    match source.cause().downcast_ref::<PasteError>() {
        None => context.explain(error),
        Some(&ended @ PasteError::Input) => no_input(
            CliError::new(ErrorKind::Usage, "no user can paste a URL here")
                .because(ended)
                .hint(START_AND_FINISH),
        ),
        Some(&ended @ PasteError::Tries) => CliError::from_source(ErrorKind::SignInRefused, ended)
            .hint("Run it again, and paste the whole URL of the last page."),
    }
}

/// Returns the page that lists the platform's keys, if these are the endpoints of that platform.
pub(crate) fn keys_page(endpoints: &Endpoints) -> Option<Url> {
    endpoints.are_openai().then(|| Url::parse(DASHBOARD).expect("a constant"))
}

/// Returns the page that the browser shows after an error.
pub(crate) fn page(error: &CliError, endpoints: &Endpoints) -> Conclusion {
    let outcome = match error.kind {
        ErrorKind::SignInRefused => Outcome::Refused,
        ErrorKind::OutcomeUnknown => Outcome::KeyUnknown,
        ErrorKind::DeliveryFailed { is_lost: true, .. } => Outcome::KeyLost,
        ErrorKind::DeliveryFailed { is_delivered: true, .. } => Outcome::KeyPartlyDelivered,
        ErrorKind::DeliveryFailed { .. } => Outcome::KeyKept,
        _ => Outcome::NoKey,
    };
    let may_exist = !matches!(outcome, Outcome::Refused | Outcome::NoKey);
    let keys_page = keys_page(endpoints).filter(|_| may_exist);
    outcome.with(Details { reason: Some(error.message()), keys_page, ..Details::default() })
}
