//! The one-time link, and the recognition of the browser that opened it.

use crate::support::{Browser, Receiving, SignIn, header, status};
use keymint_callback_adapter::{BrowserMismatch, ListenerWarning, LoopbackListener};
use std::sync::mpsc::{Receiver, channel};

/// A sign-in whose start URL was not opened yet.
struct Started {
    browser: Browser,
    receiving: Receiving,
    warnings: Receiver<ListenerWarning>,
    /// The path of the start URL.
    start: String,
    authorize_url: String,
}

impl Started {
    fn begin() -> Self {
        let (observer, warnings) = channel();
        let listener = LoopbackListener::bind(0).unwrap();
        let sign_in = SignIn::begin_at(listener.observed_by(move |warning| observer.send(warning).unwrap()));
        let start = sign_in.listener.start_url(&sign_in.pending).path().to_owned();
        let authorize_url = sign_in.pending.authorize_url().to_string();
        let (browser, receiving) = sign_in.receive();
        Self { browser, receiving, warnings, start, authorize_url }
    }

    /// Opens the start URL with these cookies.
    async fn open(&self, cookies: &str) -> String {
        self.browser.send(self.browser.open(&self.start, cookies)).await
    }

    /// Returns to the redirect URI with these cookies.
    async fn come_back(&self, cookies: &str) -> String {
        self.browser.send(self.browser.open("/auth/callback?code=C&state=STATE", cookies)).await
    }

    fn reported(&self) -> Vec<ListenerWarning> {
        self.warnings.try_iter().collect()
    }

    async fn browser_mismatch(self) -> Option<BrowserMismatch> {
        self.receiving.end().await.0.browser_mismatch()
    }
}

/// Returns `km_name=value` of a response that sets it.
fn cookie(answer: &str) -> &str {
    header(answer, "set-cookie").split(';').next().unwrap()
}

fn is_base64url(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[tokio::test]
async fn the_start_url_leads_to_the_authorization_request_with_a_cookie() {
    let sign_in = SignIn::begin();
    let url = sign_in.listener.start_url(&sign_in.pending);
    assert_eq!(url, sign_in.listener.start_url(&sign_in.pending));
    let nonce = url.as_str().strip_prefix(&sign_in.browser.fill_in("http://localhost:PORT/start/")).unwrap();
    assert!(nonce.len() == 43 && is_base64url(nonce), "{nonce}");

    let answer = sign_in.browser.send(sign_in.browser.open(url.path(), "")).await;
    assert_eq!(status(&answer), "303");
    assert_eq!(header(&answer, "location"), sign_in.pending.authorize_url().as_str());
    assert_eq!(header(&answer, "referrer-policy"), "no-referrer");
    let (name, value) = cookie(&answer).split_once('=').unwrap();
    let random = name.strip_prefix("km_").unwrap();
    assert!(random.len() == 8 && is_base64url(random), "{name}");
    assert!(value.len() == 43 && is_base64url(value) && value != nonce, "{value}");
    let expected = format!("{name}={value}; HttpOnly; SameSite=Lax; Path=/; Max-Age=3600");
    assert_eq!(header(&answer, "set-cookie"), expected);
}

#[tokio::test]
async fn the_same_browser_is_sent_on_again_and_another_one_is_not() {
    let started = Started::begin();
    let first = started.open("session=1").await;
    for _ in 0..2 {
        let again = started.open(&format!("session=1; {}", cookie(&first))).await;
        assert_eq!((status(&again), header(&again, "location")), ("303", &*started.authorize_url));
        assert_eq!(cookie(&again), cookie(&first));
    }
    assert_eq!(started.reported(), []);

    let wrong = format!("{}x", cookie(&first));
    let twice = format!("{0}; {0}", cookie(&first));
    for cookies in ["", "km_AAAAAAAA=x", &wrong, &twice] {
        let other = started.open(cookies).await;
        assert_eq!(
            (status(&other), cookie(&other), header(&other, "location")),
            ("410", "", ""),
            "{cookies}"
        );
    }
    assert_eq!(started.reported(), [ListenerWarning::StartOpenedTwice]);
    assert_eq!(status(&started.open(cookie(&first)).await), "303");
    assert_eq!(status(&started.come_back(cookie(&first)).await), "303");
    assert_eq!(started.browser_mismatch().await, Some(BrowserMismatch::TwoBrowsers));
}

#[tokio::test]
async fn a_request_that_does_not_open_the_start_url_does_not_count() {
    let started = Started::begin();
    let good = started.browser.open(&started.start, "");
    let with = |header: &str| good.replace("Cookie: ", header);
    for (request, expected) in [
        (good.replace("GET", "HEAD"), "405"),
        (good.replace("GET", "POST"), "405"),
        (good.replace("localhost", "127.0.0.1"), "421"),
        (with("Content-Length: 5"), "400"),
        (with("Sec-Purpose: prefetch"), "403"),
        (with("Sec-Purpose: prefetch;prerender"), "403"),
        (with("Sec-Fetch-Mode: no-cors"), "403"),
        (with("Sec-Fetch-Dest: image"), "403"),
        (started.browser.open("/start/", ""), "404"),
        (started.browser.open(&format!("/{}", started.start), ""), "404"),
        (started.browser.open("/start/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", ""), "404"),
        (started.browser.open(&started.start[..started.start.len() - 1], ""), "404"),
        (started.browser.open(&format!("{}A", started.start), ""), "404"),
        (started.browser.open(&started.start.to_ascii_lowercase(), ""), "404"),
    ] {
        let answer = started.browser.send(&request).await;
        assert_eq!((status(&answer), cookie(&answer)), (expected, ""), "{request}");
    }
    let first = started.open("").await;
    assert_eq!(status(&first), "303");
    assert_eq!(status(&started.come_back(cookie(&first)).await), "303");
    assert_eq!(started.reported(), []);
    assert_eq!(started.browser_mismatch().await, None);
}

#[tokio::test]
async fn a_start_url_that_was_not_given_out_leads_nowhere() {
    let unknown = Started::begin().start;
    let (browser, receiving) = SignIn::begin().receive();
    assert_eq!(status(&browser.send(browser.open(&unknown, "")).await), "404");
    receiving.ends_well(&browser).await;
}

#[tokio::test]
async fn the_user_is_asked_if_another_browser_may_have_answered() {
    const NONE: &str = "";
    const OURS: &str = "OURS";
    for (opened_with, answered_with, expected) in [
        // The launched browser did not open it: the user pasted the authorization request's URL.
        (&[][..], NONE, None),
        (&[], "km_AAAAAAAA=another", None),
        (&[NONE], OURS, None),
        (&[NONE, OURS], OURS, None),
        (&[NONE], "km_AAAAAAAA=older; OURS; session=1", None),
        (&["km_AAAAAAAA=older"], OURS, None),
        (&[NONE], NONE, Some(BrowserMismatch::AnotherBrowser)),
        (&[NONE], "km_AAAAAAAA=older", Some(BrowserMismatch::AnotherBrowser)),
        (&[NONE, OURS], NONE, Some(BrowserMismatch::AnotherBrowser)),
        (&[NONE, NONE], OURS, Some(BrowserMismatch::TwoBrowsers)),
        (&[NONE, NONE, OURS], NONE, Some(BrowserMismatch::TwoBrowsers)),
    ] {
        let started = Started::begin();
        let mut ours = String::new();
        for cookies in opened_with {
            let answer = started.open(&cookies.replace("OURS", &ours)).await;
            if ours.is_empty() {
                ours = cookie(&answer).to_owned();
            }
        }
        let answer = started.come_back(&answered_with.replace("OURS", &ours)).await;
        assert_eq!(status(&answer), "303", "{opened_with:?}, {answered_with}");
        assert_eq!(started.browser_mismatch().await, expected, "{opened_with:?}, {answered_with}");
    }
}

#[tokio::test]
async fn many_cookies_of_other_programs_do_no_harm() {
    let started = Started::begin();
    let first = started.open("").await;
    let many = "another=0123456789; ".repeat(8 * 1024 / 20);
    assert_eq!(status(&started.come_back(&format!("{many}{}", cookie(&first))).await), "303");
    assert_eq!(started.browser_mismatch().await, None);
}

#[tokio::test]
async fn a_wrong_or_doubled_cookie_changes_nothing() {
    for wrong in ["NAME=", "NAME=x", "OURSx", "OURS; OURS", "OURS; NAME=x", "NAME=x; OURS"] {
        let started = Started::begin();
        let first = started.open("").await;
        let (ours, name) = (cookie(&first), cookie(&first).split('=').next().unwrap());
        let wrong = wrong.replace("OURS", ours).replace("NAME", name);
        assert_eq!(status(&started.come_back(&wrong).await), "403", "{wrong}");
        // Without the state, the response does not depend on the cookie.
        let foreign = started.browser.open("/auth/callback?code=C&state=x", &wrong);
        assert_eq!(status(&started.browser.send(foreign).await), "400", "{wrong}");

        assert_eq!(status(&started.come_back(ours).await), "303", "{wrong}");
        assert_eq!(started.browser_mismatch().await, None, "{wrong}");
    }
}

/// Any program that serves localhost can set a cookie of the same name.
#[tokio::test]
async fn a_browser_with_two_cookies_gets_instructions_to_continue() {
    let started = Started::begin();
    let first = started.open("").await;
    let ours = cookie(&first);
    let refused = started.come_back(&format!("{}; {ours}", ours.replace('=', "=evil"))).await;
    assert_eq!(status(&refused), "403");
    for way in ["Clear this browser\u{2019}s cookies for localhost and reload", "in another browser"] {
        assert!(refused.contains(way), "{refused}");
    }
    // Both ways lead to a request without the cookie.
    assert_eq!(status(&started.come_back("").await), "303");
    assert_eq!(started.browser_mismatch().await, Some(BrowserMismatch::AnotherBrowser));
}

#[tokio::test]
async fn after_the_response_the_start_url_leads_nowhere_but_a_second_browser_still_counts() {
    let started = Started::begin();
    let first = started.open("").await;
    assert_eq!(status(&started.come_back(cookie(&first)).await), "303");
    let Started { browser, receiving, warnings, start, .. } = started;
    let (listener, _) = receiving.end().await;
    for (cookies, mismatch) in [(cookie(&first), None), ("", Some(BrowserMismatch::TwoBrowsers))] {
        let answer = browser.send(browser.open(&start, cookies)).await;
        assert_eq!((status(&answer), cookie(&answer), header(&answer, "location")), ("410", "", ""));
        assert_eq!(listener.browser_mismatch(), mismatch);
    }
    assert_eq!(warnings.try_iter().collect::<Vec<_>>(), [ListenerWarning::StartOpenedTwice]);
}
