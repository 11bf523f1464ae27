//! The authorization request and its response (RFC 6749 section 4.1.1 and 4.1.2), as values.
//!
//! [`Client::begin`] makes a [`PendingAuthorization`]; its [`authorize_url`] goes to a browser;
//! what the browser brings back is read by [`read_callback`] or [`read_pasted`]; a granted code
//! turns the pending authorization into an [`AuthorizationGrant`]. Each step consumes the one
//! before it, so an authorization is used once.
//!
//! [`authorize_url`]: PendingAuthorization::authorize_url
//! [`read_callback`]: PendingAuthorization::read_callback
//! [`read_pasted`]: PendingAuthorization::read_pasted

use crate::base_url::BaseUrl;
use crate::pkce::{CodeChallenge, VERIFIER_BYTES};
use crate::query;
use crate::secret::{AuthorizationCode, CodeVerifier};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use subtle::ConstantTimeEq;
use url::Url;
use zeroize::Zeroizing;

/// How many random bytes make a state.
const STATE_BYTES: usize = 32;

/// Who asks, and whom: the client's registration at an authorization server.
///
/// [`Client::default`] is the one of OpenAI's Codex CLI, whose only registered redirect URI is
/// [`REGISTERED_REDIRECT_URI`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Client {
    /// The authorization server.
    pub issuer: BaseUrl,
    /// `client_id` (RFC 6749 section 2.2).
    pub client_id: String,
    /// The API that the access token is meant for.
    pub audience: String,
    /// `scope`, space-delimited (RFC 6749 section 3.3).
    pub scope: String,
}

/// The redirect URI that OpenAI's authorization server knows for the default client.
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
    /// Begins an authorization: draws the code verifier and the state from `entropy` and builds
    /// the authorization request.
    ///
    /// `redirect_uri` is sent as [`Url::as_str`] writes it, the same in both requests: the server
    /// compares it with the registered one byte for byte (RFC 6749 section 3.1.2.3).
    pub fn begin(&self, redirect_uri: Url, entropy: Entropy) -> PendingAuthorization {
        let verifier = CodeVerifier::from_entropy(entropy.verifier());
        let state = URL_SAFE_NO_PAD.encode(entropy.state());
        let mut authorize_url = self.issuer.join(&["oauth", "authorize"]);
        authorize_url
            .query_pairs_mut()
            .append_pair("audience", &self.audience)
            .append_pair("client_id", &self.client_id)
            .append_pair("code_challenge_method", CodeChallenge::METHOD)
            .append_pair("code_challenge", verifier.challenge().as_str())
            .append_pair("redirect_uri", redirect_uri.as_str())
            .append_pair("response_type", "code")
            .append_pair("scope", &self.scope)
            .append_pair("state", &state);
        PendingAuthorization {
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
            redirect_uri,
            verifier,
            state,
            authorize_url,
        }
    }
}

/// Randomness for one authorization: 96 bytes of the operating system's generator, wiped on drop.
pub struct Entropy(Zeroizing<[u8; Self::LEN]>);

impl Entropy {
    /// How many bytes `fill_with` asks for.
    pub const LEN: usize = VERIFIER_BYTES + STATE_BYTES;

    /// Fills the bytes in place, so that no copy of them stays behind.
    ///
    /// # Errors
    ///
    /// Whatever `fill` returns.
    pub fn fill_with<E>(fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        let mut bytes = Zeroizing::new([0; Self::LEN]);
        fill(bytes.as_mut_slice())?;
        Ok(Self(bytes))
    }

    fn verifier(&self) -> &[u8; VERIFIER_BYTES] {
        self.0.first_chunk().expect("it is longer than a verifier")
    }

    fn state(&self) -> &[u8; STATE_BYTES] {
        self.0.last_chunk().expect("it is longer than a state")
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy([redacted])")
    }
}

/// An authorization request that waits for its response.
pub struct PendingAuthorization {
    issuer: BaseUrl,
    client_id: String,
    redirect_uri: Url,
    verifier: CodeVerifier,
    /// Part of the address that the person sees, so not hidden from memory as the verifier is.
    state: String,
    authorize_url: Url,
}

/// What a text from outside turned out to be.
#[derive(Debug)]
pub enum Callback {
    /// Not the response to this request. It changes nothing: whoever sent it did not know the state.
    Stray(Stray),
    /// The response: its sender knew the state. The authorization ends with it, good or bad.
    Response(AuthorizationResponse),
}

/// Why a text is not the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stray {
    /// It is for another path than that of the redirect URI.
    OtherPath,
    /// Its query cannot be read: too long, too many pairs, not strictly percent-encoded UTF-8, or
    /// with control characters in it.
    BadQuery,
    /// Its `state` is missing, doubled, or not ours: another sign-in's, or an attacker's guess.
    ForeignState,
}

/// The authorization response (RFC 6749 section 4.1.2).
#[derive(Debug)]
pub enum AuthorizationResponse {
    /// The person agreed.
    Granted(AuthorizationCode),
    /// The person or the server refused (RFC 6749 section 4.1.2.1).
    Denied {
        /// The error code, such as `access_denied`, exactly as sent.
        error: String,
        /// What the server adds for the developer, exactly as sent.
        description: Option<String>,
    },
    /// Neither exactly one `code` nor exactly one `error`.
    Malformed,
    /// Its `iss` names another authorization server (RFC 9207 section 2.4).
    IssuerMismatch,
}

impl PendingAuthorization {
    /// Where to send the person's browser.
    ///
    /// Show it to the person; keep it out of logs and of argument lists, since it holds the state.
    pub fn authorize_url(&self) -> &Url {
        &self.authorize_url
    }

    /// Reads a request that reached the redirect URI's host: a path and a query
    /// (the origin-form of RFC 9112 section 3.2.1).
    pub fn read_callback(&self, request_target: &str) -> Callback {
        let (path, query) = request_target.split_once('?').unwrap_or((request_target, ""));
        if path == self.redirect_uri.path() {
            self.read_query(query)
        } else {
            Callback::Stray(Stray::OtherPath)
        }
    }

    /// Reads what a person pasted: the address that the browser ended on, or its query alone.
    ///
    /// Quotes, line wraps, `&amp;` and the marks of a bracketed paste do no harm.
    pub fn read_pasted(&self, text: &str) -> Callback {
        let text = text.replace("\u{1b}[200~", "").replace("\u{1b}[201~", "");
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let text = text.trim_matches(['"', '\'', '`', '<', '>']).replace("&amp;", "&");
        let text = text.split_once('#').map_or(text.as_str(), |(address, _)| address);
        match text.split_once('?') {
            Some((address, query)) => {
                // Only the path is compared: a phone or a proxy may have changed the host, and
                // the state is what tells. Browsers do not show the scheme.
                let host_and_path = address.split_once("://").map_or(address, |(_, rest)| rest);
                let path = host_and_path.find('/').map_or("", |at| &host_and_path[at..]);
                if address.is_empty() || path == self.redirect_uri.path() {
                    self.read_query(query)
                } else {
                    Callback::Stray(Stray::OtherPath)
                }
            }
            None => self.read_query(text),
        }
    }

    /// The order is that of trust: the state proves that the sender saw the request; the issuer
    /// tells who answers; only then do `error` and `code` mean anything.
    fn read_query(&self, query: &str) -> Callback {
        let Some(parameters) = query::parse(query) else {
            return Callback::Stray(Stray::BadQuery);
        };
        let Ok(Some(state)) = parameters.single("state") else {
            return Callback::Stray(Stray::ForeignState);
        };
        if !bool::from(state.as_bytes().ct_eq(self.state.as_bytes())) {
            return Callback::Stray(Stray::ForeignState);
        }
        Callback::Response(self.read_response(&parameters))
    }

    fn read_response(&self, parameters: &query::Parameters) -> AuthorizationResponse {
        match parameters.single("iss") {
            Ok(None) => {}
            Ok(Some(issuer)) if self.issuer.is_issuer(issuer) => {}
            _ => return AuthorizationResponse::IssuerMismatch,
        }
        match (parameters.single("code"), parameters.single("error")) {
            (Ok(Some(code)), Ok(None)) if is_vschar(code) => {
                AuthorizationResponse::Granted(AuthorizationCode::from_response(code.to_owned()))
            }
            (Ok(None), Ok(Some(error))) if !error.is_empty() => AuthorizationResponse::Denied {
                error: error.to_owned(),
                description: parameters.single("error_description").ok().flatten().map(str::to_owned),
            },
            _ => AuthorizationResponse::Malformed,
        }
    }

    /// Turns the request into what the token request is made of, with the code that it was granted.
    pub fn into_grant(self, code: AuthorizationCode) -> AuthorizationGrant {
        AuthorizationGrant {
            client_id: self.client_id,
            code,
            verifier: self.verifier,
            redirect_uri: self.redirect_uri,
        }
    }
}

/// RFC 6749 appendix A.11: a code is made of visible ASCII characters and spaces.
fn is_vschar(code: &str) -> bool {
    !code.is_empty() && code.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
}

impl fmt::Debug for PendingAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingAuthorization")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("redirect_uri", &self.redirect_uri.as_str())
            .finish_non_exhaustive()
    }
}

/// The parameters of the token request, no more and no less (RFC 6749 section 4.1.3, RFC 7636
/// section 4.5).
#[derive(Debug)]
pub struct AuthorizationGrant {
    client_id: String,
    code: AuthorizationCode,
    verifier: CodeVerifier,
    redirect_uri: Url,
}

impl AuthorizationGrant {
    /// `client_id`.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// `code`.
    pub fn code(&self) -> &AuthorizationCode {
        &self.code
    }

    /// `code_verifier`.
    pub fn verifier(&self) -> &CodeVerifier {
        &self.verifier
    }

    /// A number that differs between sign-ins, for what need only not be the same everywhere. The
    /// challenge it is made of is public.
    pub(crate) fn jitter_seed(&self) -> u64 {
        self.verifier.challenge().as_str().bytes().fold(0, |seed, byte| seed.rotate_left(6) ^ u64::from(byte))
    }

    /// `redirect_uri`: the very string of the authorization request.
    pub fn redirect_uri(&self) -> &str {
        self.redirect_uri.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn pending() -> PendingAuthorization {
        begun_with(0)
    }

    /// From entropy that counts up from `first`.
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

    /// What the reader makes of a callback, in a word or two.
    fn read(query: &str) -> String {
        describe(pending().read_callback(&format!("/auth/callback?{}", query.replace("STATE", &state()))))
    }

    fn describe(callback: Callback) -> String {
        match callback {
            Callback::Stray(stray) => format!("{stray:?}"),
            Callback::Response(AuthorizationResponse::Granted(code)) => format!("granted {}", code.expose()),
            Callback::Response(AuthorizationResponse::Denied { error, description }) => {
                format!("denied {error}: {}", description.unwrap_or_default())
            }
            Callback::Response(response) => format!("{response:?}"),
        }
    }

    #[test]
    fn the_authorization_request_is_the_contracts_in_its_order() {
        let pending = pending();
        let url = pending.authorize_url();
        assert_eq!(url.as_str().split_once('?').unwrap().0, "https://auth.openai.com/oauth/authorize");
        // Of the first 64 bytes; the state is of the other 32.
        let challenge =
            CodeVerifier::from_entropy(&std::array::from_fn(|i| i.try_into().unwrap())).challenge();
        let pairs: Vec<_> = url.query_pairs().map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
        let expected = [
            ("audience", "https://api.openai.com/v1"),
            ("client_id", "app_2SKx67EdpoN0G6j64rFvigXD"),
            ("code_challenge_method", "S256"),
            ("code_challenge", challenge.as_str()),
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
            ..Client::default()
        };
        let Ok(entropy) = Entropy::fill_with(|_| Ok::<_, std::convert::Infallible>(()));
        let pending = client.begin(REGISTERED_REDIRECT_URI.parse().unwrap(), entropy);
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
        let challenge = pending.verifier.challenge().as_str().to_owned();
        let Callback::Response(AuthorizationResponse::Granted(code)) =
            pending.read_callback(&format!("/auth/callback?code=C&state={}", state()))
        else {
            panic!("not granted");
        };
        let grant = pending.into_grant(code);
        assert_eq!((grant.client_id(), grant.code().expose()), ("app_2SKx67EdpoN0G6j64rFvigXD", "C"));
        assert_eq!(grant.redirect_uri(), REGISTERED_REDIRECT_URI);
        assert_eq!(grant.verifier().challenge().as_str(), challenge);
    }

    #[test]
    fn no_two_sign_ins_wait_for_the_same_random_times() {
        let seed =
            |first| begun_with(first).into_grant(AuthorizationCode::from_response("C".into())).jitter_seed();
        let seeds: HashSet<_> = (0..100).map(seed).collect();
        assert_eq!(seeds.len(), 100);
    }

    #[test]
    fn a_callback_is_read_in_the_order_of_trust() {
        for (query, expected) in [
            ("code=C&state=STATE", "granted C"),
            ("state=STATE&code=C&scope=openid&session_state=1&foo=bar&foo=baz", "granted C"),
            ("code=C.%7E-_%2F%2B/&state=STATE", "granted C.~-_/+/"),
            ("code=a+b&state=STATE", "granted a b"),
            ("code=C&state=STATE&iss=https://auth.openai.com", "granted C"),
            ("code=C&state=STATE&iss=https%3A%2F%2Fauth.openai.com%2F", "granted C"),
            (
                "error=access_denied&error_description=no+thanks&state=STATE",
                "denied access_denied: no thanks",
            ),
            ("error=access_denied&state=STATE", "denied access_denied: "),
            // An address for more about the error is nobody's but the sender's.
            ("error=x&error_uri=javascript:alert(1)&state=STATE", "denied x: "),
            // The state is not ours: nothing else is looked at.
            ("code=C", "ForeignState"),
            ("code=C&state=", "ForeignState"),
            ("code=C&state=STATEx", "ForeignState"),
            ("code=C&state=STATE&state=STATE", "ForeignState"),
            ("error=access_denied&state=x", "ForeignState"),
            ("", "ForeignState"),
            // The state is ours: the sender is known, and what it says counts.
            ("code=A&code=B&state=STATE", "Malformed"),
            ("error=x&code=C&state=STATE", "Malformed"),
            ("state=STATE", "Malformed"),
            ("code=&state=STATE", "Malformed"),
            ("error=&state=STATE", "Malformed"),
            ("code=%C3%A9&state=STATE", "Malformed"),
            ("code=C&state=STATE&iss=https://evil.example", "IssuerMismatch"),
            ("code=C&state=STATE&iss=https://auth.openai.com&iss=https://auth.openai.com", "IssuerMismatch"),
            ("error=x&state=STATE&iss=https://evil.example", "IssuerMismatch"),
            // It cannot be read.
            ("code=%ff&state=STATE", "BadQuery"),
            ("code=%0d%0a&state=STATE", "BadQuery"),
            ("code=%zz&state=STATE", "BadQuery"),
            ("code=é&state=STATE", "BadQuery"),
        ] {
            assert_eq!(read(query), expected, "{query}");
        }
        let (cut, upper) = (&state()[..42], state().to_uppercase());
        assert_eq!(read(&format!("code=C&state={cut}")), "ForeignState");
        assert_eq!(read(&format!("code=C&state={upper}")), "ForeignState");
    }

    #[test]
    fn only_the_exact_path_is_a_callback() {
        for path in [
            "/auth/callback/",
            "/AUTH/callback",
            "//auth/callback",
            "/auth%2Fcallback",
            "/x/../auth/callback",
            "/auth/./callback",
            "/auth/callback;x",
            "/cancel",
            "@evil.example/auth/callback",
            "",
        ] {
            let target = format!("{path}?code=C&state={}", state());
            assert_eq!(describe(pending().read_callback(&target)), "OtherPath", "{path}");
        }
    }

    #[test]
    fn a_pasted_address_survives_quotes_wraps_and_shells() {
        let query = format!("code=C&state={}", state());
        let address = format!("http://localhost:5000/auth/callback?{query}");
        let (start, end) = address.split_at(60);
        for pasted in [
            address.clone(),
            format!("  {address}\r\n"),
            format!("\"{address}\""),
            format!("'{address}'"),
            format!("<{address}>"),
            format!("\u{1b}[200~{address}\u{1b}[201~\n"),
            format!("{start}\n  {end}"),
            address.replace('&', "&amp;"),
            format!("{address}#"),
            format!("https://forwarded.example:443/auth/callback?{query}"),
            format!("localhost:5000/auth/callback?{query}"),
            format!("/auth/callback?{query}"),
            format!("?{query}"),
            query,
        ] {
            assert_eq!(describe(pending().read_pasted(&pasted)), "granted C", "{pasted:?}");
        }
    }

    #[test]
    fn a_wrong_paste_changes_nothing() {
        let pending = pending();
        for (pasted, expected) in [
            ("", "ForeignState"),
            ("C", "ForeignState"),
            ("code=C", "ForeignState"),
            ("http://localhost:5000/auth/callback?code=C&state=other", "ForeignState"),
            ("http://localhost:5000/?code=C", "OtherPath"),
            ("http://?code=C", "OtherPath"),
            ("localhost:5000?code=C", "OtherPath"),
            ("/cancel?code=C", "OtherPath"),
            (pending.authorize_url().as_str(), "OtherPath"),
            (&"x".repeat(1_000_000), "BadQuery"),
        ] {
            assert_eq!(describe(pending.read_pasted(pasted)), expected);
        }
    }

    #[test]
    fn no_secret_shows_in_debug() {
        let entropy = Entropy::fill_with(|_| Ok::<_, ()>(())).unwrap();
        assert_eq!(format!("{entropy:?} {entropy:#?}"), "Entropy([redacted]) Entropy([redacted])");
        let pending = pending();
        let expected = "PendingAuthorization { issuer: BaseUrl(https://auth.openai.com), client_id: \
            \"app_2SKx67EdpoN0G6j64rFvigXD\", redirect_uri: \"http://localhost:5000/auth/callback\", .. }";
        assert_eq!(format!("{pending:?}"), expected);
        let grant = pending.into_grant(AuthorizationCode::from_response("canary".into()));
        let shown = format!("{grant:?}");
        assert!(!shown.contains("canary") && !shown.contains(grant.verifier().expose()), "{shown}");
    }

    proptest! {
        #[test]
        fn no_text_without_the_state_ends_an_authorization(text in ".*") {
            let pending = pending();
            prop_assert!(matches!(pending.read_callback(&text), Callback::Stray(_)));
            let target = format!("/auth/callback?{text}");
            prop_assert!(matches!(pending.read_callback(&target), Callback::Stray(_)));
            prop_assert!(matches!(pending.read_pasted(&text), Callback::Stray(_)));
        }

        #[test]
        fn a_code_arrives_as_the_server_meant_it(code in "[ -~]{1,200}") {
            let query: String = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("code", &code).append_pair("state", &state()).finish();
            let read = describe(pending().read_callback(&format!("/auth/callback?{query}")));
            prop_assert_eq!(read, format!("granted {code}"));
        }
    }
}
