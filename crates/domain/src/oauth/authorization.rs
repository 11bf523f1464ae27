//! The authorization request and its response (RFC 6749 section 4.1.1 and 4.1.2), as values.
//!
//! [`Client::begin`] returns a [`PendingAuthorization`]. Its [`authorize_url`] goes to a browser. [`read_callback`]
//! or [`read_pasted`] reads the response that the browser brings back. [`accept`] turns the pending authorization
//! into an [`AuthorizationGrant`], if access was granted. Each step consumes the previous value, so an
//! authorization is used once. A [`SavedAuthorization`] can continue in another process.
//!
//! [`accept`]: PendingAuthorization::accept
//! [`authorize_url`]: PendingAuthorization::authorize_url
//! [`read_callback`]: PendingAuthorization::read_callback
//! [`read_pasted`]: PendingAuthorization::read_pasted

mod callback;
mod entropy;
mod revocation;
mod saved;

use crate::oauth::base_url::BaseUrl;
use crate::oauth::pkce::CHALLENGE_METHOD;
use crate::secret::{AuthorizationCode, CodeVerifier, State};
use crate::text::quote_unless_word;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
pub use callback::{AuthorizationResponse, Callback, Stray, pasted_state};
pub use entropy::Entropy;
use revocation::IssuedToken;
pub use revocation::Revocation;
pub use saved::{InvalidSaved, SavedAuthorization};
use std::fmt;
use url::Url;

/// The maximum length of a server's text in a message, in characters.
const LONGEST_QUOTE: usize = 300;

/// The registration of a client at an authorization server.
///
/// [`Client::default`] is OpenAI's Codex CLI, whose only registered redirect URI is [`REGISTERED_REDIRECT_URI`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Client {
    /// The authorization server.
    pub issuer: BaseUrl,
    /// `client_id` (RFC 6749 section 2.2).
    pub client_id: String,
    /// `audience`: the API that accepts the access token.
    pub audience: String,
    /// `scope`, space-delimited (RFC 6749 section 3.3).
    pub scope: String,
}

/// The redirect URI of the default client that is registered at OpenAI's authorization server.
pub const REGISTERED_REDIRECT_URI: &str = "http://localhost:5000/auth/callback";

impl Default for Client {
    fn default() -> Self {
        Self {
            issuer: BaseUrl::parse("https://auth.openai.com").expect("a constant"),
            client_id: "app_2SKx67EdpoN0G6j64rFvigXD".to_owned(),
            audience: "https://api.openai.com/v1".to_owned(),
            scope: "openid email profile offline_access".to_owned(),
        }
    }
}

impl Client {
    /// Returns the default client for another authorization server, such as a sandbox.
    pub fn at(issuer: BaseUrl) -> Self {
        Self { issuer, ..Self::default() }
    }

    /// Begins an authorization: takes the code verifier and the state from `entropy`, and builds the authorization
    /// request.
    ///
    /// `redirect_uri` is sent as [`Url::as_str`] writes it, identically in both requests, since the server compares
    /// it with the registered one byte for byte (RFC 6749 section 3.1.2.3).
    pub fn begin(&self, redirect_uri: Url, entropy: Entropy) -> PendingAuthorization {
        let state = State::from_text(URL_SAFE_NO_PAD.encode(entropy.state()));
        PendingAuthorization::new(
            self.clone(),
            redirect_uri,
            state,
            CodeVerifier::from_entropy(entropy.verifier()),
        )
    }
}

/// An authorization request whose response has not arrived.
pub struct PendingAuthorization {
    client: Client,
    redirect_uri: Url,
    verifier: CodeVerifier,
    state: State,
    authorize_url: Url,
}

impl PendingAuthorization {
    /// Builds the authorization request (RFC 6749 section 4.1.1, RFC 7636 section 4.3).
    fn new(client: Client, redirect_uri: Url, state: State, verifier: CodeVerifier) -> Self {
        let mut authorize_url = client.issuer.join(&["oauth", "authorize"]);
        authorize_url
            .query_pairs_mut()
            .append_pair("audience", &client.audience)
            .append_pair("client_id", &client.client_id)
            .append_pair("code_challenge_method", CHALLENGE_METHOD)
            .append_pair("code_challenge", &verifier.challenge())
            .append_pair("redirect_uri", redirect_uri.as_str())
            .append_pair("response_type", "code")
            .append_pair("scope", &client.scope)
            .append_pair("state", state.expose());
        Self { client, redirect_uri, verifier, state, authorize_url }
    }

    /// Returns the URL to open in the user's browser.
    ///
    /// Show it to the user. Keep it out of logs and argument lists, since it contains the state.
    pub fn authorize_url(&self) -> &Url {
        &self.authorize_url
    }

    /// Accepts the response, which ends the authorization.
    ///
    /// # Errors
    ///
    /// [`AuthorizationError`] if the response does not grant access.
    pub fn accept(self, response: AuthorizationResponse) -> Result<AuthorizationGrant, AuthorizationError> {
        match response {
            AuthorizationResponse::Granted(code) => Ok(self.into_grant(code)),
            AuthorizationResponse::Denied { error, description } => {
                Err(AuthorizationError::Denied { error, description })
            }
            AuthorizationResponse::Malformed => Err(AuthorizationError::MalformedResponse),
            AuthorizationResponse::IssuerMismatch => Err(AuthorizationError::IssuerMismatch),
        }
    }

    /// Adds the granted code to the values of the request that the token request needs.
    fn into_grant(self, code: AuthorizationCode) -> AuthorizationGrant {
        AuthorizationGrant {
            client_id: self.client.client_id,
            code,
            verifier: self.verifier,
            redirect_uri: self.redirect_uri,
            issued: IssuedToken::default(),
        }
    }
}

/// The reason why a response does not grant access.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorizationError {
    /// The user or the authorization server refused (RFC 6749 section 4.1.2.1).
    #[error("the sign-in was refused: {}", denial(error, description.as_deref()))]
    Denied {
        /// The error code, exactly as sent.
        error: String,
        /// The server's explanation, exactly as sent.
        description: Option<String>,
    },
    /// The response had the right state, and neither exactly one code nor exactly one error.
    #[error("the authorization server's response is malformed")]
    MalformedResponse,
    /// The response came from another authorization server (RFC 9207 section 2.4).
    #[error("the response came from a different authorization server")]
    IssuerMismatch,
}

fn denial(error: &str, description: Option<&str>) -> String {
    let parts = [Some(error), description].into_iter().flatten().filter(|part| !part.is_empty());
    parts.map(|part| quote_unless_word(part, LONGEST_QUOTE)).collect::<Vec<_>>().join(": ")
}

impl fmt::Debug for PendingAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingAuthorization")
            .field("issuer", &self.client.issuer)
            .field("client_id", &self.client.client_id)
            .field("redirect_uri", &self.redirect_uri.as_str())
            .finish_non_exhaustive()
    }
}

/// A granted authorization: the exact parameters of the token request (RFC 6749 section 4.1.3, RFC 7636 section 4.5).
///
/// It also holds the refresh token that the exchange issues, until that token is [revoked](Revocation).
#[derive(Debug)]
pub struct AuthorizationGrant {
    client_id: String,
    code: AuthorizationCode,
    verifier: CodeVerifier,
    redirect_uri: Url,
    issued: IssuedToken,
}

impl AuthorizationGrant {
    /// Returns the `client_id`.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Returns the `code`.
    pub fn code(&self) -> &AuthorizationCode {
        &self.code
    }

    /// Returns the `code_verifier`.
    pub fn verifier(&self) -> &CodeVerifier {
        &self.verifier
    }

    /// Returns a number that differs between sign-ins, as a seed for jitter. It depends on the challenge, which is
    /// public.
    pub(crate) fn jitter_seed(&self) -> u64 {
        self.verifier.challenge().bytes().fold(0, |seed, byte| seed.rotate_left(6) ^ u64::from(byte))
    }

    /// Returns the `redirect_uri`, identical to that of the authorization request.
    pub fn redirect_uri(&self) -> &str {
        self.redirect_uri.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn pending() -> PendingAuthorization {
        begun_with(0)
    }

    /// Begins an authorization with entropy that counts up from `first`.
    fn begun_with(first: u8) -> PendingAuthorization {
        let entropy = Entropy::fill_with(|bytes| {
            bytes.iter_mut().zip(first..).for_each(|(byte, i)| *byte = i);
            Ok::<_, ()>(())
        });
        Client::default().begin(REGISTERED_REDIRECT_URI.parse().unwrap(), entropy.unwrap())
    }

    fn state() -> String {
        URL_SAFE_NO_PAD.encode((64..96).collect::<Vec<u8>>())
    }

    #[test]
    fn the_authorization_request_is_the_contracts_in_its_order() {
        let pending = pending();
        let url = pending.authorize_url();
        assert_eq!(url.as_str().split_once('?').unwrap().0, "https://auth.openai.com/oauth/authorize");
        // The hash of the verifier. The verifier uses the first 64 bytes, and the state the other 32.
        let challenge =
            CodeVerifier::from_entropy(&std::array::from_fn(|i| i.try_into().unwrap())).challenge();
        let pairs: Vec<_> = url.query_pairs().map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
        let expected = [
            ("audience", "https://api.openai.com/v1"),
            ("client_id", "app_2SKx67EdpoN0G6j64rFvigXD"),
            ("code_challenge_method", "S256"),
            ("code_challenge", &challenge),
            ("redirect_uri", "http://localhost:5000/auth/callback"),
            ("response_type", "code"),
            ("scope", "openid email profile offline_access"),
            ("state", &state()),
        ];
        assert_eq!(pairs, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn every_parameter_is_encoded_exactly_once() {
        const ODD: &str = "a b+c%20d&e=f#g/é";
        let client = Client {
            client_id: format!("id {ODD}"),
            audience: format!("audience {ODD}"),
            scope: format!("scope {ODD}"),
            ..Client::at(BaseUrl::parse("https://issuer.example").unwrap())
        };
        let Ok(entropy) = Entropy::fill_with(|_| Ok::<_, std::convert::Infallible>(()));
        let pending = client.begin(REGISTERED_REDIRECT_URI.parse().unwrap(), entropy);
        assert_eq!(pending.authorize_url().host_str(), Some("issuer.example"));
        let pairs: Vec<_> = pending.authorize_url().query_pairs().into_owned().collect();
        assert_eq!(pairs.len(), 8);
        for (name, value) in
            [("client_id", client.client_id), ("audience", client.audience), ("scope", client.scope)]
        {
            assert!(pairs.contains(&(name.to_owned(), value)), "{name}: {pairs:?}");
        }
    }

    #[test]
    fn a_grant_has_the_parameters_of_the_request_that_it_came_from() {
        let pending = pending();
        let challenge = pending.verifier.challenge();
        let Callback::Response(AuthorizationResponse::Granted(code)) =
            pending.read_callback(&format!("/auth/callback?code=C&state={}", state()))
        else {
            panic!("not granted");
        };
        let grant = pending.into_grant(code);
        assert_eq!((grant.client_id(), grant.code().expose()), ("app_2SKx67EdpoN0G6j64rFvigXD", "C"));
        assert_eq!(grant.redirect_uri(), REGISTERED_REDIRECT_URI);
        assert_eq!(grant.verifier().challenge(), challenge);
    }

    #[test]
    fn no_two_sign_ins_wait_for_the_same_random_times() {
        let seed =
            |first| begun_with(first).into_grant(AuthorizationCode::from_response("C".into())).jitter_seed();
        let seeds: HashSet<_> = (0..100).map(seed).collect();
        assert_eq!(seeds.len(), 100);
    }
}
