//! Authorization requests and their codes (RFC 6749 section 4.1, RFC 7636).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};

/// The parameters of an authorization request that the rest of the flow depends on.
#[derive(Clone, Debug)]
pub(crate) struct Authorization {
    pub(crate) client_id: String,
    pub(crate) code_challenge: String,
    pub(crate) redirect_uri: String,
    pub(crate) scope: String,
    pub(crate) state: String,
}

/// The parameters of a well-formed token request.
#[derive(Debug)]
pub(crate) struct TokenRequest<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) code: &'a str,
    pub(crate) code_verifier: &'a str,
    pub(crate) redirect_uri: &'a str,
}

/// An error of a code exchange, with its code of RFC 6749 section 5.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExchangeError {
    pub(crate) code: &'static str,
    pub(crate) description: &'static str,
}

const UNKNOWN_CLIENT: &str = "client_id has requested no authorization here";
const UNKNOWN_CODE: &str = "code was not issued here";
const USED: &str = "code has been used before";
const OTHER_CLIENT: &str = "client_id differs from that of the authorization request";
const OTHER_REDIRECT_URI: &str = "redirect_uri differs from that of the authorization request";
const WRONG_VERIFIER: &str = "code_verifier does not hash to the code_challenge";

#[derive(Clone, Debug, Default)]
pub(crate) struct Authorizations {
    clients: HashSet<String>,
    undecided: HashMap<String, Authorization>,
    codes: HashMap<String, Code>,
}

#[derive(Clone, Debug)]
struct Code {
    authorization: Authorization,
    used: bool,
}

impl Authorizations {
    pub(super) fn begin(&mut self, id: String, authorization: Authorization) {
        self.clients.insert(authorization.client_id.clone());
        self.undecided.insert(id, authorization);
    }

    pub(super) fn grant(&mut self, id: &str, code: String) -> Option<Authorization> {
        let authorization = self.undecided.remove(id)?;
        self.codes.insert(code, Code { authorization: authorization.clone(), used: false });
        Some(authorization)
    }

    /// Refuses a request. Returns `None` if the id is unknown or already decided.
    pub(crate) fn refuse(&mut self, id: &str) -> Option<Authorization> {
        self.undecided.remove(id)
    }

    /// Returns every code, used or not.
    pub(super) fn codes(&self) -> impl Iterator<Item = &str> {
        self.codes.keys().map(String::as_str)
    }

    /// Redeems a code. It is used up even if it is refused, so that an attacker has one guess.
    pub(super) fn redeem(&mut self, request: &TokenRequest<'_>) -> Result<(), ExchangeError> {
        if !self.clients.contains(request.client_id) {
            return Err(ExchangeError { code: "invalid_client", description: UNKNOWN_CLIENT });
        }
        let refused = |description| Err(ExchangeError { code: "invalid_grant", description });
        let Some(code) = self.codes.get_mut(request.code) else {
            return refused(UNKNOWN_CODE);
        };
        if std::mem::replace(&mut code.used, true) {
            return refused(USED);
        }
        let authorization = &code.authorization;
        if authorization.client_id != request.client_id {
            return refused(OTHER_CLIENT);
        }
        if authorization.redirect_uri != request.redirect_uri {
            return refused(OTHER_REDIRECT_URI);
        }
        if authorization.code_challenge != s256(request.code_verifier) {
            return refused(WRONG_VERIFIER);
        }
        Ok(())
    }
}

/// `BASE64URL-ENCODE(SHA256(ASCII(code_verifier)))` (RFC 7636 section 4.2).
fn s256(code_verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(code_verifier))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pair of RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    const RIGHT: TokenRequest<'_> = TokenRequest {
        client_id: "app_1",
        code: "code-1",
        code_verifier: VERIFIER,
        redirect_uri: "http://localhost:5000/auth/callback",
    };

    #[test]
    fn a_code_is_redeemed_only_as_it_was_requested_and_once() {
        let other_port = "http://localhost:5001/auth/callback";
        let other_verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK";
        let problem = |redeemed: Result<(), ExchangeError>| redeemed.err().map(|error| error.description);
        for (request, first, second) in [
            (RIGHT, None, Some(USED)),
            (TokenRequest { client_id: "app_9", ..RIGHT }, Some(UNKNOWN_CLIENT), None),
            (TokenRequest { client_id: "app_2", ..RIGHT }, Some(OTHER_CLIENT), Some(USED)),
            (TokenRequest { code: "code-2", ..RIGHT }, Some(UNKNOWN_CODE), None),
            (TokenRequest { redirect_uri: other_port, ..RIGHT }, Some(OTHER_REDIRECT_URI), Some(USED)),
            (TokenRequest { code_verifier: other_verifier, ..RIGHT }, Some(WRONG_VERIFIER), Some(USED)),
        ] {
            let mut authorizations = granted();
            assert_eq!(problem(authorizations.redeem(&request)), first, "{request:?}");
            assert_eq!(problem(authorizations.redeem(&RIGHT)), second, "after {request:?}");
        }
    }

    /// Returns a state in which `code-1` was granted to `app_1`, and `app_2` is undecided.
    fn granted() -> Authorizations {
        let mut authorizations = Authorizations::default();
        for number in ["1", "2"] {
            let authorization = Authorization {
                client_id: format!("app_{number}"),
                code_challenge: CHALLENGE.to_owned(),
                redirect_uri: RIGHT.redirect_uri.to_owned(),
                scope: "openid".to_owned(),
                state: "state".to_owned(),
            };
            authorizations.begin(format!("request-{number}"), authorization);
        }
        authorizations.grant("request-1", "code-1".to_owned()).unwrap();
        authorizations
    }
}
