//! Reads the authorization response that the browser brings back (RFC 6749 section 4.1.2).

use super::PendingAuthorization;
use crate::oauth::query;
use crate::secret::{AuthorizationCode, State};
use subtle::ConstantTimeEq;

/// The classification of a text that may be the authorization response.
#[derive(Debug)]
pub enum Callback {
    /// Not the response to this request. The authorization stays pending, since the sender did not prove that it
    /// knows the state.
    Stray(Stray),
    /// The response. Its sender knew the state, so the authorization ends with it, successful or not.
    Response(AuthorizationResponse),
}

/// The reason why a text is not the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stray {
    /// The path is not that of the redirect URI.
    OtherPath,
    /// The query is invalid: too long, too many pairs, or `state`, `iss`, `code`, `error` or a name is not strictly
    /// percent-encoded UTF-8 without control characters.
    BadQuery,
    /// The `state` is missing, repeated or wrong: it belongs to another sign-in, or is an attacker's guess.
    ForeignState,
}

/// The authorization response (RFC 6749 section 4.1.2).
#[derive(Debug)]
pub enum AuthorizationResponse {
    /// The user granted access.
    Granted(AuthorizationCode),
    /// The user or the server denied access (RFC 6749 section 4.1.2.1).
    Denied {
        /// The error code, such as `access_denied`, exactly as sent.
        error: String,
        /// The server's explanation for the developer, exactly as sent. `None` if it has control characters.
        description: Option<String>,
    },
    /// The response has neither exactly one `code` nor exactly one `error`.
    Malformed,
    /// The `iss` names another authorization server (RFC 9207 section 2.4).
    IssuerMismatch,
}

/// Returns the state in a text that the user pasted, which identifies the sign-in. `None` if the text has no state, or
/// several.
pub fn pasted_state(text: &str) -> Option<State> {
    let text = address_of(text);
    let query = text.split_once('?').map_or(text.as_str(), |(_, query)| query);
    query::parse(query)?.single("state").ok()?.map(|state| State::from_text(state.to_owned()))
}

/// Returns the URL or the query in a text that the user pasted, without the surrounding characters.
fn address_of(text: &str) -> String {
    let text = text.replace("\u{1b}[200~", "").replace("\u{1b}[201~", "");
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let mut text = text.trim_matches(['"', '\'', '`', '<', '>']).replace("&amp;", "&");
    text.truncate(text.find('#').unwrap_or(text.len()));
    text
}

impl PendingAuthorization {
    /// Reads the target of a request to the redirect URI's host: a path and a query (the origin-form of RFC 9112
    /// section 3.2.1).
    pub fn read_callback(&self, request_target: &str) -> Callback {
        let (path, query) = request_target.split_once('?').unwrap_or((request_target, ""));
        if path == self.redirect_uri.path() {
            self.read_query(query)
        } else {
            Callback::Stray(Stray::OtherPath)
        }
    }

    /// Reads a text that the user pasted: the URL of the browser's last page, or only its query.
    ///
    /// Quotes, line wraps, `&amp;` and the markers of a bracketed paste are ignored.
    pub fn read_pasted(&self, text: &str) -> Callback {
        let text = address_of(text);
        match text.split_once('?') {
            Some((address, query)) => {
                // Only the path is compared: a phone or a proxy may have changed the host, and the state identifies
                // the response. Browsers do not show the scheme.
                let host_and_path = address.split_once("://").map_or(address, |(_, rest)| rest);
                let path = host_and_path.find('/').map_or("", |at| &host_and_path[at..]);
                if address.is_empty() || path == self.redirect_uri.path() {
                    self.read_query(query)
                } else {
                    Callback::Stray(Stray::OtherPath)
                }
            }
            None => self.read_query(&text),
        }
    }

    /// Checks the parameters in the order of trust. The state proves that the sender saw the request, and the
    /// issuer identifies the server. Only then do `error` and `code` count.
    fn read_query(&self, query: &str) -> Callback {
        // A server's explanation may have line breaks, or another encoding.
        let decides = ["state", "iss", "code", "error"];
        let parameters = query::parse(query).filter(|all| decides.iter().all(|name| all.is_readable(name)));
        let Some(parameters) = parameters else {
            return Callback::Stray(Stray::BadQuery);
        };
        let Ok(Some(state)) = parameters.single("state") else {
            return Callback::Stray(Stray::ForeignState);
        };
        if !bool::from(state.as_bytes().ct_eq(self.state.expose().as_bytes())) {
            return Callback::Stray(Stray::ForeignState);
        }
        Callback::Response(self.read_response(&parameters))
    }

    fn read_response(&self, parameters: &query::Parameters) -> AuthorizationResponse {
        match parameters.single("iss") {
            Ok(None) => {}
            Ok(Some(issuer)) if self.client.issuer.is_issuer(issuer) => {}
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
}

/// Returns whether the code has only visible ASCII characters and spaces (RFC 6749 appendix A.11).
fn is_vschar(code: &str) -> bool {
    !code.is_empty() && code.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::pending;
    use proptest::prelude::*;

    fn state() -> String {
        pending().state.expose().to_owned()
    }

    /// Returns the classification of a callback, in one or two words.
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
            // Only the parameters that decide must be readable.
            (
                "error=access_denied&error_description=no.%0d%0aTrace%3a+1&state=STATE",
                "denied access_denied: ",
            ),
            ("error=access_denied&error_description=refus%E9&state=STATE", "denied access_denied: "),
            ("code=C&session_state=%00&scope=%zz&state=STATE", "granted C"),
            // `error_uri` is never displayed, since the sender chooses it.
            ("error=x&error_uri=javascript:alert(1)&state=STATE", "denied x: "),
            // With a wrong state, no other parameter is read.
            ("code=C", "ForeignState"),
            ("code=C&state=", "ForeignState"),
            ("code=C&state=STATEx", "ForeignState"),
            ("code=C&state=STATE&state=STATE", "ForeignState"),
            ("error=access_denied&state=x", "ForeignState"),
            ("", "ForeignState"),
            // The state is right, so the sender is known and the other parameters count.
            ("code=A&code=B&state=STATE", "Malformed"),
            ("error=x&code=C&state=STATE", "Malformed"),
            ("state=STATE", "Malformed"),
            ("code=&state=STATE", "Malformed"),
            ("error=&state=STATE", "Malformed"),
            ("code=%C3%A9&state=STATE", "Malformed"),
            ("code=C&state=STATE&iss=https://evil.example", "IssuerMismatch"),
            ("code=C&state=STATE&iss=https://auth.openai.com&iss=https://auth.openai.com", "IssuerMismatch"),
            ("error=x&state=STATE&iss=https://evil.example", "IssuerMismatch"),
            // The value is not percent-encoded UTF-8 without control characters.
            ("code=%ff&state=STATE", "BadQuery"),
            ("code=%0d%0a&state=STATE", "BadQuery"),
            ("code=%zz&state=STATE", "BadQuery"),
            ("code=é&state=STATE", "BadQuery"),
            ("error=%0a&state=STATE", "BadQuery"),
            ("code=C&state=STATE&iss=%0a", "BadQuery"),
            ("code=C&state=STATE&code=%0a", "BadQuery"),
            ("code=C&state=STATE%0a", "BadQuery"),
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
    fn a_pasted_url_survives_quotes_wraps_and_shells() {
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
