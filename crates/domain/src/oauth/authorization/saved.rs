//! An authorization that is completed in another process.

use super::entropy::STATE_BYTES;
use super::{Client, PendingAuthorization};
use crate::oauth::pkce::VERIFIER_BYTES;
use crate::secret::{CodeVerifier, State};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::Url;
use zeroize::Zeroizing;

/// The parts of a [`PendingAuthorization`], for a front end that completes the sign-in in another process. Only this
/// type can save and restore a pending authorization.
///
/// The front end writes it to a file that other users cannot read, and removes the file before it restores the
/// authorization, which can be completed once. Any reader of the file could complete the sign-in.
///
/// With the feature `serde` it serializes **in plain text, with the code verifier and the state**. Write that text
/// only to such a private file, never to a log, a response or a browser.
pub struct SavedAuthorization {
    /// The client and the issuer. The issuer is compared with that of the response (RFC 9207), and the client id is
    /// sent in the token request.
    pub client: Client,
    /// The redirect URI, identical in both requests.
    pub redirect_uri: Url,
    /// The state, which proves that a response belongs to this request.
    pub state: State,
    /// The code verifier, which proves that the token request comes from the program that began the authorization.
    pub code_verifier: CodeVerifier,
}

/// The reason why a saved authorization cannot be restored: it differs from what [`into_saved`] returned.
///
/// [`into_saved`]: PendingAuthorization::into_saved
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the saved sign-in is damaged: invalid {0}")]
pub struct InvalidSaved(&'static str);

impl PendingAuthorization {
    /// Returns the parts of the authorization, to be [restored](Self::restore) in another process.
    pub fn into_saved(self) -> SavedAuthorization {
        SavedAuthorization {
            client: self.client,
            redirect_uri: self.redirect_uri,
            state: self.state,
            code_verifier: self.verifier,
        }
    }

    /// Restores the authorization that was saved, with the same [`authorize_url`](Self::authorize_url).
    ///
    /// # Errors
    ///
    /// [`InvalidSaved`] if the state or the code verifier does not have the form that [`begin`](Client::begin)
    /// gives it.
    pub fn restore(saved: SavedAuthorization) -> Result<Self, InvalidSaved> {
        let SavedAuthorization { client, redirect_uri, state, code_verifier } = saved;
        if !is_base64url_of(STATE_BYTES, state.expose()) {
            return Err(InvalidSaved("state"));
        }
        if !is_base64url_of(VERIFIER_BYTES, code_verifier.expose()) {
            return Err(InvalidSaved("code verifier"));
        }
        Ok(Self::new(client, redirect_uri, state, code_verifier))
    }
}

fn is_base64url_of(bytes: usize, text: &str) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok_and(|decoded| Zeroizing::new(decoded).len() == bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::authorization::{AuthorizationResponse, Callback};
    use crate::testing::pending;

    #[test]
    fn a_restored_authorization_is_the_one_that_was_saved() {
        let original = pending();
        let restored = PendingAuthorization::restore(pending().into_saved()).unwrap();
        assert_eq!(restored.authorize_url(), original.authorize_url());
        assert_eq!(restored.verifier.expose(), original.verifier.expose());
        let response = format!("code=C&iss=https://evil.example&state={}", original.state.expose());
        assert!(matches!(
            restored.read_pasted(&response),
            Callback::Response(AuthorizationResponse::IssuerMismatch)
        ));
    }

    #[test]
    fn values_that_no_sign_in_began_with_are_neither_restored_nor_shown() {
        let whole = pending().into_saved();
        let (state, verifier) = (whole.state.expose(), whole.code_verifier.expose());
        for (state, verifier, part) in [
            ("", verifier, "state"),
            (&state[1..], verifier, "state"),
            (verifier, verifier, "state"),
            (&*format!("{}+", &state[1..]), verifier, "state"),
            (state, "", "code verifier"),
            (state, state, "code verifier"),
            (state, &*format!("{} ", &verifier[1..]), "code verifier"),
        ] {
            let damaged = SavedAuthorization {
                state: State::from_text(state.to_owned()),
                code_verifier: CodeVerifier::from_text(verifier.to_owned()),
                ..pending().into_saved()
            };
            let error = PendingAuthorization::restore(damaged).unwrap_err();
            assert_eq!(error.to_string(), format!("the saved sign-in is damaged: invalid {part}"));
        }
    }
}
