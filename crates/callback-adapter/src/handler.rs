//! The handler of every request, on any connection.

use crate::admission::{Admission, Admitted};
use crate::connection_state::ConnectionState;
use crate::one_time_link::{CookieMatch, OneTimeLink, Opening};
use crate::outcome::Outcome;
use crate::outcome_viewer::OutcomeViewer;
use crate::page;
use crate::response::{Body, plain, sent_on, streamed};
use crate::self_test::Identity;
use crate::verdict::Verdict;
use crate::warnings::{ListenerWarning, Warnings};
use hyper::Response;
use hyper::http::HeaderMap;
use hyper::http::header::SET_COOKIE;
use hyper::http::request::Parts;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{mpsc, oneshot, watch};

pub(crate) struct Handler {
    admission: Admission,
    shared: Shared,
    callbacks: mpsc::Sender<PendingCallback>,
    page: watch::Receiver<Page>,
    /// Whether the winner came without the cookie, so that it may ask for the page without it, too.
    winner_has_no_cookie: AtomicBool,
    page_was_asked_for: AtomicBool,
    outcome_viewer: OutcomeViewer,
}

/// The state that the listener and its handler share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) warnings: Arc<Warnings>,
    pub(crate) link: Arc<OneTimeLink>,
    pub(crate) identity: Arc<Identity>,
}

impl Shared {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            warnings: Arc::default(),
            link: Arc::new(OneTimeLink::random()?),
            identity: Arc::new(Identity::random()?),
        })
    }
}

/// What is to be seen at [`PAGE_PATH`](crate::paths::OUTCOME).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// Nothing: no browser was sent there.
    Absent,
    /// A beginning. The end follows when the outcome is known, or the listener is dropped.
    Open,
    /// The whole.
    Complete(Outcome),
}

/// A request that may be the authorization response, and waits for the verdict.
pub(crate) struct PendingCallback {
    target: String,
    cookie: CookieMatch,
    answer: oneshot::Sender<Verdict>,
    connection: ConnectionState,
}

impl PendingCallback {
    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    /// Whether it comes from the browser that opened the start address.
    pub(crate) fn cookie_match(&self) -> CookieMatch {
        self.cookie
    }

    /// Whether the browser is still there to see it makes no difference.
    pub(crate) fn answer(self, answer: Verdict) {
        let _ = self.answer.send(answer);
    }

    /// The winner's connection stays until it has its answer.
    pub(crate) fn answer_winner(self, answer: Verdict) {
        self.connection.hold();
        self.answer(answer);
    }
}

impl Handler {
    pub(crate) fn new(
        admission: Admission,
        shared: Shared,
        callbacks: mpsc::Sender<PendingCallback>,
        page: watch::Receiver<Page>,
    ) -> Self {
        Self {
            admission,
            shared,
            callbacks,
            page,
            winner_has_no_cookie: AtomicBool::new(false),
            page_was_asked_for: AtomicBool::new(false),
            outcome_viewer: OutcomeViewer::default(),
        }
    }

    pub(crate) async fn answer(&self, head: &Parts, connection: &ConnectionState) -> Response<Body> {
        match self.admission.check(head) {
            Ok(Admitted::Callback { target }) => {
                let cookie = self.shared.link.cookie_match(&head.headers);
                let verdict = self.verdict(target, cookie, connection).await;
                self.tell(verdict, cookie)
            }
            // It hands out the state, so it is there for the person's own browser alone.
            Ok(Admitted::Start) if connection.is_another_users() => Verdict::NotFound.into_response(),
            Ok(Admitted::Start) => self.start(&head.headers),
            Ok(Admitted::Page) => self.show_page(&head.headers, connection),
            Ok(Admitted::Probe) => plain(self.shared.identity.answer().as_str()),
            Err(refusal) => refusal.into_response(),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.admission.port
    }

    pub(crate) fn warnings(&self) -> &Warnings {
        &self.shared.warnings
    }

    /// Returns whether the listener made this connection itself, for the self-test.
    pub(crate) fn is_probe(&self, client: SocketAddr) -> bool {
        self.shared.identity.is_probe(client)
    }

    /// Returns whether a browser was redirected to the outcome page and has not requested it yet.
    pub(crate) fn awaits_viewer(&self) -> bool {
        *self.page.borrow() != Page::Absent && !self.page_was_asked_for.load(Ordering::Acquire)
    }

        // A browser without the cookie gets it now, so that its request for the page is recognized.
    /// Returns the cookie as a browser sends it.
    #[cfg(test)]
    pub(crate) fn cookie(&self) -> String {
        let cookie = self.shared.link.set_cookie();
        cookie.to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    fn start(&self, headers: &HeaderMap) -> Response<Body> {
        match self.shared.link.open(headers) {
            Opening::Nowhere => Verdict::NotFound.into_response(),
            Opening::On { .. } if self.callbacks.is_closed() => Verdict::TooLate.into_response(),
            Opening::On { location, cookie } => sent_on(location, cookie),
            Opening::Again => {
                self.shared.warnings.tell(ListenerWarning::StartOpenedTwice);
                Verdict::OpenedBefore.into_response()
            }
        }
    }

    async fn verdict(&self, target: String, cookie: CookieMatch, connection: &ConnectionState) -> Verdict {
        let (answer, verdict) = oneshot::channel();
        let callback = PendingCallback { target, cookie, answer, connection: connection.clone() };
        if self.callbacks.send(callback).await.is_err() {
            return Verdict::TooLate;
        }
        tokio::select! {
            // The winner's verdict is there before the closing, so it is looked for first.
            biased;
            verdict = verdict => verdict.unwrap_or(Verdict::TooLate),
            () = self.callbacks.closed() => Verdict::TooLate,
        }
    }

    /// A winner that has no cookie gets it now, so that it is known when it asks for the page.
    fn tell(&self, verdict: Verdict, cookie: CookieMatch) -> Response<Body> {
        let mut response = verdict.into_response();
        if verdict == Verdict::Received && cookie == CookieMatch::Missing {
            self.winner_has_no_cookie.store(true, Ordering::Release);
            response.headers_mut().insert(SET_COOKIE, self.shared.link.set_cookie());
        }
        response
    }

    fn may_be_the_winner(&self, has_cookie: bool, connection: &ConnectionState) -> bool {
        has_cookie || self.winner_has_no_cookie.load(Ordering::Acquire) && !connection.is_another_users()
    }

    fn show_page(&self, headers: &HeaderMap, connection: &ConnectionState) -> Response<Body> {
        let mut page_now = self.page.clone();
        let beginning = match *page_now.borrow() {
            Page::Absent => return Verdict::NotFound.into_response(),
            Page::Open => page::BEGINNING,
            Page::Complete(_) => page::OPENING,
        };
        let has_cookie = self.shared.link.cookie_match(headers) == CookieMatch::Ours;
        if self.may_be_the_winner(has_cookie, connection) {
            self.outcome_viewer.let_in(connection, has_cookie);
            // After that: whoever sees that the page was asked for also sees who is held.
            self.page_was_asked_for.store(true, Ordering::Release);
        }
        streamed(beginning, async move {
            match page_now.wait_for(|page| matches!(page, Page::Complete(_))).await.as_deref() {
                Ok(Page::Complete(outcome)) => page::end(*outcome),
                _ => page::interrupted(),
            }
        })
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A handler on port 5000, and the listener's ends of its channels.
    pub(crate) struct HandlerAlone {
        pub(crate) handler: Handler,
        pub(crate) callbacks: mpsc::Receiver<PendingCallback>,
        pub(crate) page: watch::Sender<Page>,
    }

    impl HandlerAlone {
        pub(crate) fn new() -> Self {
            let (to_receive, callbacks) = mpsc::channel(1);
            let (page, page_of_handler) = watch::channel(Page::Absent);
            let shared = Shared::new().unwrap();
            let admission = Admission {
                port: 5000,
                callback_path: "/auth/callback".to_owned(),
                start_nonce: shared.link.nonce().clone(),
                probe_nonce: shared.identity.nonce().clone(),
            };
            let handler = Handler::new(admission, shared, to_receive, page_of_handler);
            Self { handler, callbacks, page }
        }
    }
}
