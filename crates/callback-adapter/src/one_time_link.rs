//! The one-time link at which the browser is opened, and the cookie that identifies this browser when it returns.
//!
//! A callback with the right state proves only that its sender saw the authorization request. Another
//! user who saw it could sign in with another account, and the key would be created there. The browser
//! that was opened is recognized by a cookie.
//!
//! A callback without the cookie is accepted, since a user may paste the authorization request's URL into
//! another browser or profile. A front end can then ask the user for confirmation.

use crate::nonce::Nonce;
use hyper::HeaderMap;
use hyper::header::{self, HeaderValue};
use std::fmt;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use url::Url;

/// The lifetime of the cookie in seconds: an hour, which is longer than a sign-in may take.
const COOKIE_AGE: u32 = 3600;

/// A reason to ask the user before the authorization response is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BrowserMismatch {
    /// One browser opened the start URL, and a browser without the cookie returned. The user may have
    /// signed in with another browser or profile, or keep no cookies, or it is another user's account.
    AnotherBrowser,
    /// Two browsers opened the start URL, which is meant for one.
    TwoBrowsers,
    /// The response came from a program that is not known to be this user's. Only systems that show the owner of a
    /// connection report this. Another user may have signed in with their account.
    AnotherUser,
}

impl BrowserMismatch {
    /// Compares the browsers that opened the start URL with the one that brought the response.
    pub(crate) fn detect(open_count: OpenCount, sender: Option<Sender>) -> Option<Self> {
        match (open_count, sender) {
            (_, Some(Sender { is_this_users: false, .. })) => Some(Self::AnotherUser),
            (OpenCount::Several, _) => Some(Self::TwoBrowsers),
            (OpenCount::One, Some(Sender { cookie: CookieMatch::Missing, .. })) => Some(Self::AnotherBrowser),
            _ => None,
        }
    }
}

/// Writes the reason in words for the user.
impl fmt::Display for BrowserMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AnotherBrowser => "the response came from a different browser than the one that was opened",
            Self::TwoBrowsers => "two browsers opened the one-time sign-in link",
            Self::AnotherUser => "the response came from a program that may belong to another user",
        })
    }
}

/// The browser that brought the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sender {
    pub(crate) cookie: CookieMatch,
    /// True if it is known to be this user's, or if the system does not show owners.
    pub(crate) is_this_users: bool,
}

/// The number of browsers that opened the start URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpenCount {
    Zero,
    One,
    Several,
}

/// The value of the listener's cookie in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CookieMatch {
    Missing,
    /// The right value: it is the browser that opened the start URL.
    Ours,
    /// Another value, or several.
    Foreign,
}

/// The result of a request for the start URL.
pub(crate) enum Opening {
    /// There is no authorization request yet.
    NotReady,
    /// The browser is redirected.
    Redirect {
        /// The authorization request's URL.
        location: HeaderValue,
        /// The `Set-Cookie` of the response.
        cookie: HeaderValue,
    },
    /// Another browser opened the start URL before.
    OpenedBefore,
}

pub(crate) struct OneTimeLink {
    /// The nonce of the start URL, after [`paths::START`](crate::paths::START).
    pub(crate) nonce: Nonce,
    cookie_name: String,
    cookie: Nonce,
    state: Mutex<State>,
}

struct State {
    location: Option<HeaderValue>,
    open_count: OpenCount,
}

impl OneTimeLink {
    pub(crate) fn random() -> io::Result<Self> {
        Ok(Self {
            nonce: Nonce::random()?,
            // The name is random, so that cookies of earlier sign-ins have no effect.
            cookie_name: format!("km_{}", &Nonce::random()?.as_str()[..8]),
            cookie: Nonce::random()?,
            state: Mutex::new(State { location: None, open_count: OpenCount::Zero }),
        })
    }

    /// Sets the authorization request that the start URL redirects to.
    pub(crate) fn set_target(&self, authorize_url: &Url) {
        let location = HeaderValue::try_from(authorize_url.as_str()).expect("a URL is written in ASCII");
        self.state().location = Some(location);
    }

    pub(crate) fn open_count(&self) -> OpenCount {
        self.state().open_count
    }

    /// Opens the start URL. One browser is redirected, as often as it opens it.
    pub(crate) fn open(&self, headers: &HeaderMap) -> Opening {
        let mut state = self.state();
        let Some(location) = state.location.clone() else {
            return Opening::NotReady;
        };
        let is_the_same = self.cookie_match(headers) == CookieMatch::Ours;
        match state.open_count {
            OpenCount::Zero => state.open_count = OpenCount::One,
            OpenCount::One | OpenCount::Several if is_the_same => {}
            OpenCount::One | OpenCount::Several => {
                state.open_count = OpenCount::Several;
                return Opening::OpenedBefore;
            }
        }
        Opening::Redirect { location, cookie: self.set_cookie() }
    }

    /// Looks for the cookie among those of all programs on this machine, since cookies do not depend on the
    /// port (RFC 6265 section 8.5).
    pub(crate) fn cookie_match(&self, headers: &HeaderMap) -> CookieMatch {
        let mut values = headers
            .get_all(header::COOKIE)
            .iter()
            .flat_map(|cookies| cookies.as_bytes().split(|byte| *byte == b';'))
            .filter_map(|cookie| cookie.trim_ascii().strip_prefix(self.cookie_name.as_bytes()))
            .filter_map(|rest| rest.strip_prefix(b"="));
        match (values.next(), values.next()) {
            (None, _) => CookieMatch::Missing,
            (Some(value), None) if self.cookie.matches(value) => CookieMatch::Ours,
            _ => CookieMatch::Foreign,
        }
    }

    /// Returns the `Set-Cookie` that marks a browser.
    ///
    /// Every program that serves `localhost` can see the cookie, so it grants nothing: it only
    /// distinguishes two browsers that both know the state. The path is `/`, not that of the callback, so
    /// that the browser sends the cookie to the start URL too and is recognized when it reloads. `Lax`, not
    /// `Strict`: the browser returns from another site.
    pub(crate) fn set_cookie(&self) -> HeaderValue {
        let (name, value) = (&self.cookie_name, self.cookie.as_str());
        let cookie = format!("{name}={value}; HttpOnly; SameSite=Lax; Path=/; Max-Age={COOKIE_AGE}");
        HeaderValue::try_from(cookie).expect("base64url is ASCII")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others_and_counts_once() {
        let link = OneTimeLink {
            nonce: Nonce::from("NONCE"),
            cookie_name: "km_name".to_owned(),
            cookie: Nonce::from("value"),
            state: Mutex::new(State { location: None, open_count: OpenCount::Zero }),
        };
        let many = format!("{}km_name=value", "other=0123456789; ".repeat(500));
        for (cookies, expected) in [
            (&[][..], CookieMatch::Missing),
            (&[""], CookieMatch::Missing),
            (&["km_other=value; session=1"], CookieMatch::Missing),
            (&["km_names=value; xkm_name=value; km_name; KM_NAME=value"], CookieMatch::Missing),
            (&["km_name=value"], CookieMatch::Ours),
            (&["a=b;km_name=value ; km_other=x; c"], CookieMatch::Ours),
            (&["a=b", "km_name=value"], CookieMatch::Ours),
            (&["caf\u{e9}=\u{e9}; km_name=value"], CookieMatch::Ours),
            (&[&many], CookieMatch::Ours),
            (&["km_name="], CookieMatch::Foreign),
            (&["km_name=VALUE"], CookieMatch::Foreign),
            (&["km_name=\"value\""], CookieMatch::Foreign),
            (&["km_name=value; km_name=value"], CookieMatch::Foreign),
            (&["km_name=value", "km_name=x"], CookieMatch::Foreign),
        ] {
            let mut headers = HeaderMap::new();
            for cookie in cookies {
                headers.append(header::COOKIE, HeaderValue::from_bytes(cookie.as_bytes()).unwrap());
            }
            assert_eq!(link.cookie_match(&headers), expected, "{cookies:?}");
        }
    }

    #[test]
    fn a_user_who_pastes_is_asked_if_two_browsers_opened_the_start_url() {
        for (open_count, expected) in [
            (OpenCount::Zero, None),
            (OpenCount::One, None),
            (OpenCount::Several, Some(BrowserMismatch::TwoBrowsers)),
        ] {
            assert_eq!(BrowserMismatch::detect(open_count, None), expected, "{open_count:?}");
        }
    }

    #[test]
    fn the_user_is_asked_about_a_program_that_is_not_known_to_be_theirs_whatever_it_knows() {
        for open_count in [OpenCount::Zero, OpenCount::One, OpenCount::Several] {
            for cookie in [CookieMatch::Missing, CookieMatch::Ours] {
                let sender = Sender { cookie, is_this_users: false };
                let mismatch = BrowserMismatch::detect(open_count, Some(sender));
                assert_eq!(mismatch, Some(BrowserMismatch::AnotherUser), "{open_count:?} {cookie:?}");
            }
        }
    }
}
