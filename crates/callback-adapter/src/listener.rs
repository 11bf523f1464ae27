//! The public interface of the listener.

use crate::handler::{Handler, PendingCallback, Shared};
use crate::one_time_link::{BrowserMismatch, CookieMatch, Sender};
use crate::outcome::{Conclusion, Outcome, OutcomePage, Progress};
use crate::paths;
use crate::self_test::{self, SelfTestError};
use crate::server;
use crate::sockets::{BindError, Sockets};
use crate::verdict::Verdict;
use crate::warnings::ListenerWarning;
use async_trait::async_trait;
use keymint_domain::{
    AuthorizationResponse, Callback, PendingAuthorization, ResponseSource, SourceError, Stray,
};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use url::Url;

/// A server on `localhost` that waits for the browser with the authorization response, and shows the
/// outcome in it.
///
/// It serves in its own task, from [`bind`](Self::bind) on. A browser that connects before
/// [`receive`](ResponseSource::receive) is called waits for its response.
///
/// When the listener is dropped, both ports close and all its tasks end: as soon as the runtime
/// schedules them, or up to 2 s later if a browser must still be shown that the program stopped.
pub struct LoopbackListener {
    redirect_uri: Url,
    addresses: Vec<SocketAddr>,
    pub(crate) shared: Shared,
    callbacks: mpsc::Receiver<PendingCallback>,
    /// The browser that brought the response.
    sender: Option<Sender>,
    page: watch::Sender<OutcomePage>,
    concluded: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl LoopbackListener {
    /// Listens on `port` of 127.0.0.1 and, if the system has IPv6, of `[::1]`, for the registered path
    /// `/auth/callback`. Port 0 selects a port that is free on both.
    ///
    /// The listener never sends anything to another program that has the port.
    ///
    /// # Errors
    ///
    /// Fails if the port cannot be bound on both addresses, or the operating system provides no
    /// randomness. It holds no address then.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime with I/O and time enabled.
    pub fn bind(port: u16) -> Result<Self, BindError> {
        Self::bind_at(port, paths::CALLBACK)
    }

    /// Listens as [`bind`](Self::bind) does, for a client that is registered with another path.
    ///
    /// `path` is normalized by [`Url::set_path`] and then compared byte for byte. It may be any path
    /// except `/auth/done`, the path of the outcome page, and those below `/start/` and `/.keymint/`.
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
        Ok(Self::with_server(sockets.port(), path, addresses, shared, |handler, when_concluded| {
            server::run(sockets, handler, when_concluded)
        }))
    }

    /// Returns a listener whose server is the future that `serve` returns.
    pub(crate) fn with_server<S: Future<Output = ()> + Send + 'static>(
        port: u16,
        path: &str,
        addresses: Vec<SocketAddr>,
        shared: Shared,
        serve: impl FnOnce(Handler, oneshot::Receiver<()>) -> S,
    ) -> Self {
        let mut redirect_uri = Url::parse("http://localhost").expect("a constant");
        redirect_uri.set_port(Some(port)).expect("an http URL has a port");
        redirect_uri.set_path(path);

        let (to_listener, callbacks) = mpsc::channel(1);
        let (page, shown_page) = watch::channel(OutcomePage::Absent);
        let (concluded, when_concluded) = oneshot::channel();
        let handler = Handler::new(port, redirect_uri.path(), shared.clone(), to_listener, shown_page);
        let server = tokio::spawn(serve(handler, when_concluded));
        Self { redirect_uri, addresses, shared, callbacks, sender: None, page, concluded, server }
    }

    /// Reports warnings to `observer`, starting with those that occurred before. It replaces an earlier
    /// observer.
    ///
    /// The listener's tasks call the observer and wait for it, so it should only send to a channel or
    /// write a line.
    #[must_use]
    pub fn observed_by(self, observer: impl FnMut(ListenerWarning) + Send + 'static) -> Self {
        self.shared.warnings.observe(Box::new(observer));
        self
    }

    /// Returns the redirect URI of the authorization request, such as
    /// `http://localhost:5000/auth/callback`.
    pub fn redirect_uri(&self) -> &Url {
        &self.redirect_uri
    }

    /// Returns the start URL, a one-time link for a browser such as `http://localhost:5000/start/7Hn…`.
    /// It redirects to the authorization request of `pending`. After another call, the same URL redirects
    /// to the newer request.
    ///
    /// The URL of the authorization request contains the state, so it should not be in the argument list
    /// of a process, which every user of the machine can read. The start URL may be: the first browser that
    /// opens it gets a cookie and is redirected, also when it reloads. Any other browser is refused, which
    /// is reported as [`ListenerWarning::StartOpenedTwice`] and by
    /// [`browser_mismatch`](Self::browser_mismatch).
    pub fn start_url(&self, pending: &PendingAuthorization) -> Url {
        self.shared.link.set_target(pending.authorize_url());
        let mut url = self.redirect_uri.clone();
        url.set_path(&[paths::START, self.shared.link.nonce.as_str()].concat());
        url
    }

    /// Returns a reason to ask the user before the response is used, since it may be another user's: the
    /// key would be created in their account. `None` if [`start_url`](Self::start_url) was never opened, or
    /// only one browser was involved, and on Linux the response came from a program of this user.
    ///
    /// Call it after [`receive`](ResponseSource::receive), right before a step that cannot be undone: a
    /// second browser may open the start URL late. It also applies to a response from another source.
    pub fn browser_mismatch(&self) -> Option<BrowserMismatch> {
        BrowserMismatch::detect(self.shared.link.open_count(), self.sender)
    }

    /// Checks that a browser that is redirected to `localhost` reaches this listener. Call it right before
    /// the browser opens. It takes about a millisecond, or 2 s without a response, and can be repeated.
    ///
    /// The test connects to each bound loopback address and sends one small request that only this
    /// listener can answer. It also checks that `localhost` resolves to no other address. A system that
    /// cannot resolve it passes, since browsers resolve it by themselves.
    ///
    /// # Errors
    ///
    /// Fails if an address cannot be reached, another program answers there, or `localhost` resolves to
    /// another address. The listener continues.
    pub async fn self_test(&self) -> Result<(), SelfTestError> {
        let port = self.redirect_uri.port_or_known_default().unwrap_or_default();
        self_test::run(&self.shared.identity, &self_test::resolve(port).await, &self.addresses).await
    }

    /// Refuses every later callback as too late, since the response came from another source. There is no
    /// outcome page then.
    pub fn stop_accepting(&mut self) {
        self.callbacks.close();
    }

    /// Shows the progress in the browser that brought the response, until the next call or
    /// [`conclude`](Self::conclude).
    pub fn show(&self, progress: Progress) {
        self.page.send_if_modified(|page| {
            let is_news = matches!(page, OutcomePage::Open(shown) if *shown != progress);
            if is_news {
                *page = OutcomePage::Open(progress);
            }
            is_news
        });
    }

    /// Shows the outcome in the browser, and closes both ports.
    ///
    /// Returns when the browser has the whole page, at the latest after 2 s; after half a second if the
    /// browser has not requested it; and at once if no browser was redirected to it. Deliver the key
    /// first, then call this.
    pub async fn conclude(self, conclusion: impl Into<Conclusion>) {
        let complete = OutcomePage::Complete(Arc::new(conclusion.into()));
        self.page.send_if_modified(|page| {
            let is_awaited = matches!(page, OutcomePage::Open(_));
            if is_awaited {
                *page = complete;
            }
            is_awaited
        });
        // The server has ended only if its runtime shuts down. Then no browser can be shown anything.
        let _ = self.concluded.send(());
        let _ = self.server.await;
    }
}

#[async_trait]
impl ResponseSource for LoopbackListener {
    /// Receives the response. It fails on a second call, and on a runtime that shuts down.
    async fn receive(
        &mut self,
        pending: &PendingAuthorization,
    ) -> Result<AuthorizationResponse, SourceError> {
        // Nothing after `recv` awaits, so a received response is never lost if the future is dropped.
        while let Some(callback) = self.callbacks.recv().await {
            match pending.read_callback(&callback.target) {
                Callback::Stray(stray) => {
                    if stray == Stray::ForeignState {
                        self.shared.warnings.report(ListenerWarning::ForeignState);
                    }
                    callback.reject(stray.into());
                }
                // A browser that got the cookie does not send another value, even if this one knows the state.
                Callback::Response(_) if callback.cookie == CookieMatch::Foreign => {
                    callback.reject(Verdict::OtherBrowser);
                }
                Callback::Response(response) => {
                    self.sender = Some(callback.sender());
                    let (verdict, page) = answer_to(&response);
                    self.page.send_replace(page);
                    callback.accept(verdict);
                    // Every later callback is too late.
                    self.callbacks.close();
                    return Ok(response);
                }
            }
        }
        Err(SourceError::new("the loopback listener is closed"))
    }
}

/// Returns the verdict on the response, and the outcome page until [`LoopbackListener::conclude`].
fn answer_to(response: &AuthorizationResponse) -> (Verdict, OutcomePage) {
    use AuthorizationResponse::{Denied, Granted, IssuerMismatch, Malformed};
    match response {
        Granted(_) => (Verdict::Received, OutcomePage::Open(Progress::default())),
        Denied { .. } => (Verdict::Received, OutcomePage::Complete(Arc::new(Outcome::Refused.into()))),
        Malformed | IssuerMismatch => (Verdict::Unusable, OutcomePage::Absent),
    }
}

impl fmt::Debug for LoopbackListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopbackListener")
            .field("redirect_uri", &self.redirect_uri.as_str())
            .finish_non_exhaustive()
    }
}
