//! The verdict on a request. It depends on nothing else of this crate.

use keymint_domain::{AuthorizationResponse, Stray};

/// What is said to a request, other than the page about the end of the sign-in. Nothing of the
/// request is repeated, so there is nothing to inject into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The browser is sent on to the authorization server.
    SentOn,
    /// The authorization response was received.
    Received,
    /// The authorization response was received, and makes no sense.
    Unusable,
    /// Not what a browser sends.
    BadRequest,
    /// The state is not that of the pending authorization.
    ForeignState,
    /// The browser is not the one that opened the start address, and pretends to be.
    OtherBrowser,
    /// Another browser opened the start address before.
    OpenedBefore,
    /// An embedded resource, a script or a prefetch asks, not a person.
    NotANavigation,
    /// There is nothing at that path.
    NotFound,
    /// The method is not `GET`.
    OtherMethod,
    /// The authorization response was received before.
    TooLate,
    /// It is meant for another host.
    Misdirected,
    /// The head is longer than a browser's, unless it has a great many cookies.
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

impl From<&AuthorizationResponse> for Verdict {
    fn from(response: &AuthorizationResponse) -> Self {
        match response {
            AuthorizationResponse::Granted(_) | AuthorizationResponse::Denied { .. } => Self::Received,
            AuthorizationResponse::Malformed | AuthorizationResponse::IssuerMismatch => Self::Unusable,
        }
    }
}
