//! The verdict on a request. This module depends on no other one of the crate.

use keymint_domain::Stray;

/// The verdict on a request, other than one for the outcome page. Its page repeats nothing of the
/// request, so a request cannot inject anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The browser is redirected to the authorization server.
    Redirected,
    /// The authorization response was received.
    Received,
    /// The authorization response was received, but is malformed or from another issuer.
    Unusable,
    /// The request is malformed, or not one that a browser sends.
    BadRequest,
    /// The state is not that of the pending authorization.
    ForeignState,
    /// The cookie is wrong: the browser is not the one that opened the start URL.
    OtherBrowser,
    /// Another browser opened the start URL before.
    OpenedBefore,
    /// The request comes from an embedded resource, a script or a prefetch, not from the user.
    NotANavigation,
    /// The path does not exist.
    NotFound,
    /// The method is not `GET`.
    OtherMethod,
    /// The authorization response was received before.
    TooLate,
    /// The request is for another host than `localhost` at the listener's port.
    Misdirected {
        /// That port.
        port: u16,
    },
    /// The head is longer than that of a browser with many cookies.
    TooLarge,
}

impl From<Stray> for Verdict {
    fn from(stray: Stray) -> Self {
        match stray {
            Stray::OtherPath => Self::NotFound,
            Stray::ForeignState => Self::ForeignState,
            _ => Self::BadRequest,
        }
    }
}
