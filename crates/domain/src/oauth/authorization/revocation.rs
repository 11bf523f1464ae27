//! The revocation of the refresh token that belongs to a grant (RFC 7009).

use super::AuthorizationGrant;
use crate::secret::RefreshToken;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// The refresh token that the exchange of a grant issues, to be [revoked](Self::run) after the last request.
///
/// A flow creates its key without the refresh token, which would otherwise stay valid for weeks. Take the
/// revocation from the [grant](AuthorizationGrant::revocation) before the sign-in, and run it after the
/// key is created or the flow has ended without one. It is independent of the flow: it works after an
/// error of any step and after the flow's future is dropped. It can also run in a separate task.
///
/// A revocation that is dropped leaves the token valid, and wipes this program's copy of it.
#[must_use = "the refresh token stays valid until the revocation runs"]
pub struct Revocation {
    pub(crate) client_id: String,
    issued: IssuedToken,
}

/// The refresh token, once it is issued and until it is revoked.
#[derive(Clone, Default)]
pub(super) struct IssuedToken(Arc<Mutex<Option<RefreshToken>>>);

impl IssuedToken {
    fn replace(&self, token: Option<RefreshToken>) -> Option<RefreshToken> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), token)
    }
}

impl AuthorizationGrant {
    /// Returns the revocation of the refresh token that the exchange of this grant will issue.
    pub fn revocation(&self) -> Revocation {
        Revocation { client_id: self.client_id.clone(), issued: self.issued.clone() }
    }

    /// Keeps the issued refresh token for the revocation. An [`AuthServer`](crate::AuthServer) calls it for a token
    /// in an answer that it refuses, since the exchange returns no tokens then.
    pub fn keep_refresh_token(&self, token: RefreshToken) {
        self.issued.replace(Some(token));
    }
}

impl Revocation {
    /// Takes the token, so that it is revoked once.
    pub(crate) fn take(&self) -> Option<RefreshToken> {
        self.issued.replace(None)
    }
}

impl fmt::Debug for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocation").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IssuedToken([redacted])")
    }
}
