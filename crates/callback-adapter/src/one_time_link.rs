//! The address that the browser is opened at, and whether it is the same browser that comes back.
//!
//! A callback with the right state proves that its sender saw the authorization request, and no
//! more: whoever else saw it could sign in with another account, and the key would be created
//! there. The browser that was opened is known by a cookie.
//!
//! A callback without the cookie counts all the same, since a person may paste the address of the
//! authorization request into another browser or profile. But then a person can be asked.

use crate::nonce::Nonce;
use hyper::HeaderMap;
use hyper::header::{self, HeaderValue};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use url::Url;

/// How long the browser keeps the cookie, in seconds: an hour, which is longer than a sign-in is
/// waited for.
const COOKIE_AGE: u32 = 3600;

/// Why a person should be asked before anything is done with the authorization response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BrowserMismatch {
    /// One browser opened the start address, and another one came back: it has not the cookie.
    /// The person may have signed in with another browser or profile, or keep no cookies; or it is
    /// somebody else's account.
    AnotherBrowser,
    /// Two browsers opened the start address, and it was meant for one.
    TwoBrowsers,
}

impl BrowserMismatch {
    /// What to make of who opened the start address, and who answered.
    pub(crate) fn detect(open_count: OpenCount, answered: Option<CookieMatch>) -> Option<Self> {
        match (open_count, answered) {
            (OpenCount::Several, _) => Some(Self::TwoBrowsers),
            (OpenCount::One, Some(CookieMatch::Missing)) => Some(Self::AnotherBrowser),
            _ => None,
        }
    }
}

/// How many browsers opened the start address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpenCount {
    Zero,
    One,
    Several,
}

/// What a request has under the name of our cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CookieMatch {
    Missing,
    /// The cookie: it is the browser that opened the start address.
    Ours,
    /// Another value, or more than one.
    Foreign,
}

/// What opening the start address comes to.
pub(crate) enum Opening {
    /// It leads nowhere yet.
    Nowhere,
    /// The browser is sent on.
    On {
        /// To the authorization server.
        location: HeaderValue,
        /// With this `Set-Cookie`.
        cookie: HeaderValue,
    },
    /// It was opened by another browser before.
    Again,
}

pub(crate) struct OneTimeLink {
    nonce: Nonce,
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
            // A name of its own, so that cookies of sign-ins before this one do no harm.
            cookie_name: format!("km_{}", &Nonce::random()?.as_str()[..8]),
            cookie: Nonce::random()?,
            state: Mutex::new(State { location: None, open_count: OpenCount::Zero }),
        })
    }

    /// What the address has after [`paths::START`](crate::paths::START).
    pub(crate) fn nonce(&self) -> &Nonce {
        &self.nonce
    }

    /// From now on the browser is sent there.
    pub(crate) fn lead_to(&self, authorize_url: &Url) {
        let location = HeaderValue::try_from(authorize_url.as_str()).expect("a URL is written in ASCII");
        self.state().location = Some(location);
    }

    pub(crate) fn open_count(&self) -> OpenCount {
        self.state().open_count
    }

    /// One browser is sent on, as often as it comes.
    pub(crate) fn open(&self, headers: &HeaderMap) -> Opening {
        let mut state = self.state();
        let Some(location) = state.location.clone() else {
            return Opening::Nowhere;
        };
        let is_the_same = self.cookie_match(headers) == CookieMatch::Ours;
        match state.open_count {
            OpenCount::Zero => state.open_count = OpenCount::One,
            OpenCount::One | OpenCount::Several if is_the_same => {}
            OpenCount::One | OpenCount::Several => {
                state.open_count = OpenCount::Several;
                return Opening::Again;
            }
        }
        Opening::On { location, cookie: self.set_cookie() }
    }

    /// Looks for our cookie among those of all programs on this machine: a cookie knows no port
    /// (RFC 6265 section 8.5).
    pub(crate) fn cookie_match(&self, headers: &HeaderMap) -> CookieMatch {
        let mut values = headers
            .get_all(header::COOKIE)
            .iter()
            .flat_map(|cookies| cookies.as_bytes().split(|byte| *byte == b';'))
            .filter_map(|cookie| cookie.trim_ascii().strip_prefix(self.cookie_name.as_bytes()))
            .filter_map(|rest| rest.strip_prefix(b"="));
        match (values.next(), values.next()) {
            (None, _) => CookieMatch::Missing,
            (Some(value), None) if self.cookie.is(value) => CookieMatch::Ours,
            _ => CookieMatch::Foreign,
        }
    }

    /// Every program that serves `localhost` may see it, so it opens nothing: it only tells two
    /// browsers apart that both know the state.
    ///
    /// The path is `/`, not that of the callback, so that the browser shows the cookie at the
    /// start address too, and is known again when it reloads. `Lax`, not `Strict`: the browser
    /// comes back from another site.
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
    fn a_person_is_asked_when_browsers_do_not_fit() {
        use CookieMatch::*;
        use OpenCount::*;
        for (open_count, answered, expected) in [
            (Zero, None, None),
            (Zero, Some(Missing), None),
            (One, None, None),
            (One, Some(Ours), None),
            (One, Some(Missing), Some(BrowserMismatch::AnotherBrowser)),
            (Several, None, Some(BrowserMismatch::TwoBrowsers)),
            (Several, Some(Ours), Some(BrowserMismatch::TwoBrowsers)),
            (Several, Some(Missing), Some(BrowserMismatch::TwoBrowsers)),
        ] {
            assert_eq!(
                BrowserMismatch::detect(open_count, answered),
                expected,
                "{open_count:?}, {answered:?}"
            );
        }
    }
}
