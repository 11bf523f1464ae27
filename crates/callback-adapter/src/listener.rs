//! What a program holds while it waits for the browser.

use crate::admission::Admission;
use crate::handler::{Handler, Page, PendingCallback, Shared};
use crate::one_time_link::{BrowserMismatch, CookieMatch};
use crate::outcome::Outcome;
use crate::paths;
use crate::self_test::{self, SelfTestError};
use crate::server::Server;
use crate::sockets::{BindError, Sockets};
use crate::verdict::Verdict;
use crate::warnings::ListenerWarning;
use async_trait::async_trait;
use keymint_domain::{
    AuthorizationResponse, Callback, PendingAuthorization, ResponseSource, SourceError, Stray,
};
use std::fmt;
use std::net::SocketAddr;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use url::Url;

/// Waits on `localhost` for the browser that brings the authorization response, and shows the
/// person how it ended.
///
/// It serves from [`bind`](Self::bind) on, in a task of its own. A browser that comes before
/// [`receive`](ResponseSource::receive) is called waits for its answer.
///
/// When it is dropped, both ports close and every task ends: as soon as the runtime gets to it, or
/// up to 2 s later if a browser still has to be told that the program stopped.
pub struct LoopbackListener {
    redirect_uri: Url,
    addresses: Vec<SocketAddr>,
    shared: Shared,
    callbacks: mpsc::Receiver<PendingCallback>,
    /// What the browser presented that the response came from.
    answered: Option<CookieMatch>,
    page: watch::Sender<Page>,
    concluded: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl LoopbackListener {
    /// Listens on `port` of 127.0.0.1 and, where there is IPv6, of `[::1]`, for the registered
    /// path `/auth/callback`. Port 0 stands for one that is free on both.
    ///
    /// Nothing is ever sent to whoever else holds the port.
    ///
    /// # Errors
    ///
    /// If the port cannot be had on both addresses, or the operating system has no randomness. No
    /// address is held then.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O and time enabled.
    pub fn bind(port: u16) -> Result<Self, BindError> {
        Self::bind_at(port, paths::CALLBACK)
    }

    /// Like [`bind`](Self::bind), for a client that is registered with another path than
    /// `/auth/callback`.
    ///
    /// `path` is written as [`Url::set_path`] writes it, and compared byte for byte from then on.
    /// Any path will do except `/auth/done`, where the page about the end of the sign-in is, and
    /// those below `/start/` and `/.keymint/`.
    ///
    /// # Errors
    ///
    /// As for [`bind`](Self::bind).
    ///
    /// # Panics
    ///
    /// As for [`bind`](Self::bind).
    pub fn bind_at(port: u16, path: &str) -> Result<Self, BindError> {
        let shared = Shared::new().map_err(|error| BindError::without_randomness(port, error))?;
        let sockets = Sockets::bind(port, &shared.warnings)?;
        let addresses = sockets.addresses();
        Ok(Self::served_by(sockets.port(), path, addresses, shared, |handler, when_concluded| {
            Server::new(sockets, handler).run(when_concluded)
        }))
    }

    /// The listener whose connections `serve` brings to the handler.
    pub(crate) fn served_by<S: Future<Output = ()> + Send + 'static>(
        port: u16,
        path: &str,
        addresses: Vec<SocketAddr>,
        shared: Shared,
        serve: impl FnOnce(Handler, oneshot::Receiver<()>) -> S,
    ) -> Self {
        let mut redirect_uri = Url::parse("http://localhost").expect("a constant");
        redirect_uri.set_port(Some(port)).expect("an http URL has a port");
        redirect_uri.set_path(path);

        let (to_receive, callbacks) = mpsc::channel(1);
        let (page, page_of_handler) = watch::channel(Page::Absent);
        let (concluded, when_concluded) = oneshot::channel();
        let admission = Admission {
            port,
            callback_path: redirect_uri.path().to_owned(),
            start_nonce: shared.link.nonce().clone(),
            probe_nonce: shared.identity.nonce().clone(),
        };
        let handler = Handler::new(admission, shared.clone(), to_receive, page_of_handler);
        let server = tokio::spawn(serve(handler, when_concluded));
        Self { redirect_uri, addresses, shared, callbacks, answered: None, page, concluded, server }
    }

    /// Tells `observer` what a person should know while the listener waits, and first what there
    /// is to tell already. One observer at a time: the last one.
    ///
    /// It is called by the listener's tasks, which wait for it: it should do no more than send to a
    /// channel or write a line.
    #[must_use]
    pub fn observed_by(self, observer: impl FnMut(ListenerWarning) + Send + 'static) -> Self {
        self.shared.warnings.observe(Box::new(observer));
        self
    }

    /// The redirect URI of the authorization request, such as
    /// `http://localhost:5000/auth/callback`.
    pub fn redirect_uri(&self) -> &Url {
        &self.redirect_uri
    }

    /// Where to open a browser: an address of the listener's own, such as
    /// `http://localhost:5000/start/7Hn…`, that leads to the authorization request of `pending`.
    /// Called again, the same address leads to the newer one.
    ///
    /// The address of the authorization request holds the state, so it does not belong into the
    /// argument list of a process, which everybody on the machine may read. This one may be read:
    /// the first browser that opens it gets a cookie and is sent on, and so it is again when it
    /// reloads; another one is refused, and a person is told
    /// ([`ListenerWarning::StartOpenedTwice`]) and may be asked ([`browser_mismatch`](Self::browser_mismatch)).
    pub fn start_url(&self, pending: &PendingAuthorization) -> Url {
        self.shared.link.lead_to(pending.authorize_url());
        let mut url = self.redirect_uri.clone();
        url.set_path(&[paths::START, self.shared.link.nonce().as_str()].concat());
        url
    }

    /// Whether a person should be asked before the response is used, since it may be somebody
    /// else's: it would be their account in which a key is created. `None` if
    /// [`start_url`](Self::start_url) was never opened, or all fits.
    ///
    /// Ask after [`receive`](ResponseSource::receive), and best right before what cannot be undone:
    /// a second browser may come late. It is right as well after a response that came another way.
    pub fn browser_mismatch(&self) -> Option<BrowserMismatch> {
        BrowserMismatch::detect(self.shared.link.open_count(), self.answered)
    }

    /// Makes sure that a browser that is sent to `localhost` reaches this listener and nobody else.
    /// Do it right before the browser opens; it takes about a millisecond and can be repeated.
    ///
    /// Each loopback address that is listened on is connected to, and asked with one small request
    /// for what only this listener knows. What `localhost` resolves to must be among them; a system
    /// that cannot resolve it does not matter, since browsers do not ask it then. When nobody
    /// answers, it takes 2 s.
    ///
    /// # Errors
    ///
    /// If an address is not reached, somebody else answers there, or `localhost` leads elsewhere.
    /// The listener goes on all the same.
    pub async fn self_test(&self) -> Result<(), SelfTestError> {
        let port = self.redirect_uri.port_or_known_default().unwrap_or_default();
        self_test::run(&self.shared.identity, &self_test::resolve(port).await, &self.addresses).await
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn identity(&self) -> &crate::self_test::Identity {
        &self.shared.identity
    }

    /// Takes note that the response came another way: a callback is told from now on that it comes
    /// too late. The page about the end is for browsers that come back here, so there is none.
    pub fn stop_accepting(&mut self) {
        self.callbacks.close();
    }

    /// Tells the browser how it ended, and closes both ports.
    ///
    /// Returns when the browser has the whole page, at the latest after 2 s; after half a second
    /// if it has not asked for it; and at once if no browser was promised one. Whatever matters,
    /// such as the delivery of the key, comes first, then this.
    pub async fn conclude(self, outcome: Outcome) {
        self.page.send_if_modified(|page| {
            let promised = !matches!(page, Page::Absent);
            if promised {
                *page = Page::Complete(outcome);
            }
            promised
        });
        // The server is gone only if its runtime is shutting down: then there is nobody to tell.
        let _ = self.concluded.send(());
        let _ = self.server.await;
    }
}

#[async_trait]
impl ResponseSource for LoopbackListener {
    /// One listener receives one response. After that, and on a runtime that shuts down, it is an
    /// error.
    async fn receive(
        &mut self,
        pending: &PendingAuthorization,
    ) -> Result<AuthorizationResponse, SourceError> {
        // What follows `recv` does not wait, so a response that was taken is returned.
        while let Some(callback) = self.callbacks.recv().await {
            match pending.read_callback(callback.target()) {
                Callback::Stray(stray) => {
                    if stray == Stray::ForeignState {
                        self.shared.warnings.tell(ListenerWarning::ForeignState);
                    }
                    callback.answer(stray.into());
                }
                // It knows the state; still, no browser that was given a cookie brings another one.
                Callback::Response(_) if callback.cookie_match() == CookieMatch::Foreign => {
                    callback.answer(Verdict::OtherBrowser);
                }
                Callback::Response(response) => {
                    self.answered = Some(callback.cookie_match());
                    self.page.send_replace(promised_page(&response));
                    callback.answer_winner(Verdict::from(&response));
                    // From here on every other callback is told that it came too late.
                    self.callbacks.close();
                    return Ok(response);
                }
            }
        }
        Err(SourceError::new("the loopback listener is not listening any more"))
    }
}

/// What the winner, if it is sent on to the page, finds there until [`LoopbackListener::conclude`].
fn promised_page(response: &AuthorizationResponse) -> Page {
    match response {
        AuthorizationResponse::Granted(_) => Page::Open,
        AuthorizationResponse::Denied { .. } => Page::Complete(Outcome::Refused),
        AuthorizationResponse::Malformed | AuthorizationResponse::IssuerMismatch => Page::Absent,
    }
}

impl fmt::Debug for LoopbackListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopbackListener")
            .field("redirect_uri", &self.redirect_uri.as_str())
            .finish_non_exhaustive()
    }
}
