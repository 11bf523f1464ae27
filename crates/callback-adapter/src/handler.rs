//! The handler of every request, on any connection.

use crate::admission::{Admission, Admitted};
use crate::connection_state::ConnectionState;
use crate::one_time_link::{CookieMatch, OneTimeLink, Opening, Sender};
use crate::outcome::{Conclusion, OutcomePage};
use crate::outcome_viewer::OutcomeViewer;
use crate::page;
use crate::response::{Body, plain, redirect, streamed};
use crate::self_test::Identity;
use crate::verdict::Verdict;
use crate::warnings::{ListenerWarning, Warnings};
use futures_util::{Stream, StreamExt, stream};
use hyper::Response;
use hyper::http::HeaderMap;
use hyper::http::header::SET_COOKIE;
use hyper::http::request::Parts;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{mpsc, oneshot, watch};

pub(crate) struct Handler {
    pub(crate) admission: Admission,
    pub(crate) shared: Shared,
    callbacks: mpsc::Sender<PendingCallback>,
    page: watch::Receiver<OutcomePage>,
    /// True if the accepted callback had no cookie: its browser may request the page without one.
    accepted_without_cookie: AtomicBool,
    page_was_requested: AtomicBool,
    viewer: OutcomeViewer,
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

impl Handler {
    pub(crate) fn new(
        port: u16,
        callback_path: &str,
        shared: Shared,
        callbacks: mpsc::Sender<PendingCallback>,
        page: watch::Receiver<OutcomePage>,
    ) -> Self {
        let admission = Admission {
            port,
            callback_path: callback_path.to_owned(),
            start_nonce: shared.link.nonce.clone(),
            probe_nonce: shared.identity.nonce.clone(),
        };
        Self {
            admission,
            shared,
            callbacks,
            page,
            accepted_without_cookie: AtomicBool::new(false),
            page_was_requested: AtomicBool::new(false),
            viewer: OutcomeViewer::default(),
        }
    }

    /// Returns a handler on port 5000, and the listener's halves of its channels.
    #[cfg(test)]
    pub(crate) fn alone() -> (Self, mpsc::Receiver<PendingCallback>, watch::Sender<OutcomePage>) {
        let (to_listener, callbacks) = mpsc::channel(1);
        let (page, shown_page) = watch::channel(OutcomePage::Absent);
        let shared = Shared::new().unwrap();
        (Self::new(5000, crate::paths::CALLBACK, shared, to_listener, shown_page), callbacks, page)
    }

    pub(crate) async fn respond(&self, head: &Parts, connection: &ConnectionState) -> Response<Body> {
        match self.admission.check(head) {
            Ok(Admitted::Callback { target }) => self.callback(target, &head.headers, connection).await,
            // The redirect contains the state, so only the user's own browser may see it.
            Ok(Admitted::Start) if !connection.is_this_users() => {
                self.shared.warnings.report(ListenerWarning::StartRefused);
                Verdict::NotFound.into_response()
            }
            Ok(Admitted::Start) => self.start(&head.headers),
            Ok(Admitted::OutcomePage) => self.outcome_page(&head.headers, connection),
            Ok(Admitted::Probe) => plain(self.shared.identity.answer.as_str()),
            Err(verdict) => verdict.into_response(),
        }
    }

    /// Returns whether a browser was redirected to the outcome page and has not requested it yet.
    pub(crate) fn awaits_viewer(&self) -> bool {
        *self.page.borrow() != OutcomePage::Absent && !self.page_was_requested.load(Ordering::Acquire)
    }

    /// Returns the cookie as a browser sends it.
    #[cfg(test)]
    pub(crate) fn cookie(&self) -> String {
        let cookie = self.shared.link.set_cookie();
        cookie.to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    fn start(&self, headers: &HeaderMap) -> Response<Body> {
        match self.shared.link.open(headers) {
            Opening::NotReady => Verdict::NotFound.into_response(),
            Opening::Redirect { .. } if self.callbacks.is_closed() => Verdict::TooLate.into_response(),
            Opening::Redirect { location, cookie } => redirect(location, cookie),
            Opening::OpenedBefore => {
                self.shared.warnings.report(ListenerWarning::StartOpenedTwice);
                Verdict::OpenedBefore.into_response()
            }
        }
    }

    async fn callback(
        &self,
        target: String,
        headers: &HeaderMap,
        connection: &ConnectionState,
    ) -> Response<Body> {
        let cookie = self.shared.link.cookie_match(headers);
        let (callback, verdict) = PendingCallback::new(target, cookie, connection);
        if self.callbacks.send(callback).await.is_err() {
            return Verdict::TooLate.into_response();
        }
        let verdict = tokio::select! {
            // The verdict of the accepted callback is sent before the channel closes, so look for it first.
            biased;
            verdict = verdict => verdict.unwrap_or(Verdict::TooLate),
            () = self.callbacks.closed() => Verdict::TooLate,
        };
        let mut response = verdict.into_response();
        // A browser without the cookie gets it now, so that its request for the page is recognized.
        if verdict == Verdict::Received && cookie == CookieMatch::Missing {
            self.accepted_without_cookie.store(true, Ordering::Release);
            response.headers_mut().insert(SET_COOKIE, self.shared.link.set_cookie());
        }
        response
    }

    fn outcome_page(&self, headers: &HeaderMap, connection: &ConnectionState) -> Response<Body> {
        if *self.page.borrow() == OutcomePage::Absent {
            return Verdict::NotFound.into_response();
        }
        let has_cookie = self.shared.link.cookie_match(headers) == CookieMatch::Ours;
        let may_have_been_accepted =
            has_cookie || self.accepted_without_cookie.load(Ordering::Acquire) && connection.is_this_users();
        if may_have_been_accepted {
            self.viewer.admit(connection, has_cookie);
            // Set last, so that a task that reads the flag also sees which connection is held.
            self.page_was_requested.store(true, Ordering::Release);
        }
        // Another program of this user or of another user may request the page.
        streamed(parts(self.page.clone(), has_cookie && connection.is_this_users()))
    }
}

/// Returns the parts of the outcome page: at once if the outcome is known, and otherwise as it proceeds.
fn parts(mut page: watch::Receiver<OutcomePage>, shows_details: bool) -> impl Stream<Item = String> {
    let outcome = move |conclusion: &Conclusion| page::outcome(conclusion, shows_details);
    let beginning = match &*page.borrow() {
        OutcomePage::Complete(conclusion) => Some(outcome(conclusion).page()),
        _ => None,
    };
    if let Some(whole) = beginning {
        return stream::iter([whole]).left_stream();
    }
    page.mark_changed();
    let sections = stream::unfold(Some(page), move |page| async move {
        let mut page = page?;
        let changed = page.changed().await;
        let shown = changed.map_or(OutcomePage::Absent, |()| page.borrow_and_update().clone());
        Some(match shown {
            OutcomePage::Open(progress) => (page::waiting(progress), Some(page)),
            OutcomePage::Complete(conclusion) => (outcome(&conclusion).end(), None),
            OutcomePage::Absent => (page::interrupted().end(), None),
        })
    });
    stream::iter([page::BEGINNING.to_owned()]).chain(sections).right_stream()
}

/// A request that may be the authorization response. It waits for the verdict.
pub(crate) struct PendingCallback {
    /// Path and query, as sent.
    pub(crate) target: String,
    pub(crate) cookie: CookieMatch,
    verdict: oneshot::Sender<Verdict>,
    connection: ConnectionState,
}

impl PendingCallback {
    pub(crate) fn new(
        target: String,
        cookie: CookieMatch,
        connection: &ConnectionState,
    ) -> (Self, oneshot::Receiver<Verdict>) {
        let (verdict, pending_verdict) = oneshot::channel();
        (Self { target, cookie, verdict, connection: connection.clone() }, pending_verdict)
    }

    /// Returns the sender, with the facts that are known about it.
    pub(crate) fn sender(&self) -> Sender {
        Sender { cookie: self.cookie, is_this_users: self.connection.is_this_users() }
    }

    /// Accepts the callback, and holds its connection until it has the response.
    pub(crate) fn accept(self, verdict: Verdict) {
        self.connection.hold();
        self.reject(verdict);
    }

    pub(crate) fn reject(self, verdict: Verdict) {
        // The result does not matter: the browser may have disconnected.
        let _ = self.verdict.send(verdict);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Details, Outcome, Progress};
    use crate::paths;
    use crate::peer::Owner;
    use http_body_util::BodyExt;
    use hyper::Request;
    use hyper::http::header::{COOKIE, HOST};
    use url::Url;

    #[tokio::test]
    async fn only_a_program_that_is_known_to_be_this_users_is_given_the_authorization_request() {
        for (owner, status) in [
            (Owner::ThisUser, 303),
            (Owner::AnotherUser, 404),
            (Owner::Unknown, 404),
            // A system that cannot be asked would refuse every browser.
            (Owner::Unsupported, 303),
        ] {
            let (handler, _callbacks, _page) = Handler::alone();
            handler.shared.link.set_target(&Url::parse("https://auth.example/?state=canary").unwrap());
            let start = [paths::START, handler.shared.link.nonce.as_str()].concat();
            let (head, ()) =
                Request::get(start).header(HOST, "localhost:5000").body(()).unwrap().into_parts();
            let response = handler.respond(&head, &ConnectionState::owned_by(owner)).await;
            assert_eq!(response.status().as_u16(), status, "{owner:?}");
            assert_eq!(response.headers().contains_key("location"), status == 303, "{owner:?}");
        }
    }

    #[test]
    fn a_callback_of_a_program_that_is_not_known_to_be_this_users_says_so() {
        for (owner, is_this_users) in [
            (Owner::ThisUser, true),
            (Owner::AnotherUser, false),
            (Owner::Unknown, false),
            (Owner::Unsupported, true),
        ] {
            let connection = ConnectionState::owned_by(owner);
            let (callback, _verdict) = PendingCallback::new(String::new(), CookieMatch::Ours, &connection);
            assert_eq!(callback.sender(), Sender { cookie: CookieMatch::Ours, is_this_users }, "{owner:?}");
        }
    }

    #[tokio::test]
    async fn only_the_browser_that_is_known_by_its_cookie_is_shown_the_details() {
        for (has_cookie, owner, shows_details) in [
            (true, Owner::ThisUser, true),
            (true, Owner::Unsupported, true),
            (true, Owner::AnotherUser, false),
            (true, Owner::Unknown, false),
            (false, Owner::ThisUser, false),
            (false, Owner::Unsupported, false),
        ] {
            let (handler, _callbacks, page) = Handler::alone();
            let cookie = if has_cookie { handler.cookie() } else { String::new() };
            // The callback may have come without the cookie.
            handler.accepted_without_cookie.store(true, Ordering::Release);
            for is_late in [false, true] {
                let complete = || {
                    let details = Details { last_four: Some("9f3A".to_owned()), ..Details::default() };
                    page.send_replace(OutcomePage::Complete(Arc::new(Outcome::KeyDelivered.with(details))));
                };
                page.send_replace(OutcomePage::Open(Progress::Creating));
                if is_late {
                    complete();
                }
                let request =
                    Request::get(paths::OUTCOME).header(HOST, "localhost:5000").header(COOKIE, &cookie);
                let (head, ()) = request.body(()).unwrap().into_parts();
                let response = handler.respond(&head, &ConnectionState::owned_by(owner)).await;
                complete();
                let body = response.into_body().collect().await.unwrap().to_bytes();
                let body = str::from_utf8(&body).unwrap();
                assert!(body.contains("Key ready") && body.contains("<title>\u{2713} "), "{body}");
                assert_eq!(body.contains("9f3A"), shows_details, "{has_cookie} {owner:?} {body}");
            }
        }
    }
}
