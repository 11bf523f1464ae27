//! The authorization server: translates requests into calls of the rules, and results into responses.

use crate::form::{self, Pairs};
use crate::response::{Refusal, Response};
use crate::server_state::{Authorization, ServerState, TokenRequest};
use crate::{Request, page};
use serde_json::{Value, json};
use url::{Host, Url};

const FORM: &str = "application/x-www-form-urlencoded";

/// Serves the authorization endpoint (RFC 6749 section 3.1): a page on which the user decides.
pub(crate) fn authorize(state: &mut ServerState, request: &Request) -> Result<Response, Refusal> {
    let authorization = read_authorization(&request.query)
        .map_err(|wrong| Refusal::violation(page::problem(400, &wrong), wrong))?;
    if state.account.scenario.refuses_sign_in {
        return Ok(refused(&authorization));
    }
    let id = state.begin(authorization.clone());
    Ok(page::sign_in(&authorization, &id))
}

/// Serves the page's form. A second click or a page from the history is not a violation.
pub(crate) fn decide(state: &mut ServerState, request: &Request) -> Result<Response, Refusal> {
    let unreadable = |wrong: String| Refusal::violation(page::problem(400, &wrong), wrong);
    if !request.is_of_type(FORM) {
        return Err(unreadable(format!("the content type must be {FORM}")));
    }
    let fields = form::parse(&request.body);
    let [id, decision] = form::exactly(&fields, ["request", "decision"]).map_err(unreadable)?;

    let response = match decision {
        "continue" => state.grant(id).map(|(authorization, code)| granted(&authorization, &code)),
        "refuse" => state.authorizations.refuse(id).map(|authorization| refused(&authorization)),
        _ => return Err(unreadable("decision must be continue or refuse".to_owned())),
    };
    let gone = "this sign-in is unknown here, or it has been decided already";
    response.ok_or_else(|| Refusal::innocent(page::problem(400, gone)))
}

/// Serves the server's metadata (OpenID Connect Discovery section 4).
pub(crate) fn metadata(request: &Request) -> Response {
    let issuer = format!("http://{}", request.header("host").unwrap_or_default());
    let endpoint = |name| format!("{issuer}/oauth/{name}");
    Response::json(
        200,
        &json!({
            "issuer": issuer,
            "authorization_endpoint": endpoint("authorize"),
            "token_endpoint": endpoint("token"),
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code"],
            "code_challenge_methods_supported": ["S256"],
        }),
    )
}

/// Serves the token endpoint (RFC 6749 section 3.2).
pub(crate) fn token(state: &mut ServerState, request: &Request) -> Result<Response, Refusal> {
    let invalid_request = |wrong: String| token_error("invalid_request", &wrong);
    if !request.is_of_type(FORM) {
        return Err(invalid_request(format!("the content type must be {FORM}")));
    }
    let fields = form::parse(&request.body);
    let names = ["client_id", "code_verifier", "code", "grant_type", "redirect_uri"];
    let [client_id, code_verifier, code, grant_type, redirect_uri] =
        form::exactly(&fields, names).map_err(invalid_request)?;
    if grant_type != "authorization_code" {
        return Err(token_error("unsupported_grant_type", "grant_type must be authorization_code"));
    }
    if !is_code_verifier(code_verifier) {
        return Err(invalid_request("code_verifier must be 43 to 128 unreserved characters".to_owned()));
    }

    let tokens = state
        .exchange(&TokenRequest { client_id, code, code_verifier, redirect_uri })
        .map_err(|error| token_error(error.code, error.description))?;
    let body = json!({
        "access_token": tokens.access,
        "id_token": tokens.id,
        "refresh_token": tokens.refresh,
        "token_type": "Bearer",
        "expires_in": 3600,
    });
    Ok(Response::json(200, &body))
}

/// Serves the revocation endpoint (RFC 7009), with the JSON body that the Codex CLI sends. An invalid token is
/// answered with 200, as RFC 7009 section 2.2 requires, but recorded as a violation.
pub(crate) fn revoke(state: &mut ServerState, request: &Request) -> Result<Response, Refusal> {
    let invalid_request = |wrong: String| token_error("invalid_request", &wrong);
    if !request.is_of_type("application/json") {
        return Err(invalid_request("the content type must be application/json".to_owned()));
    }
    let body: Value = serde_json::from_slice(&request.body)
        .map_err(|error| invalid_request(format!("the body is not JSON: {error}")))?;
    let [token, client_id] = ["token", "client_id"].map(|name| body[name].as_str().unwrap_or_default());
    let due = json!({ "token": token, "token_type_hint": "refresh_token", "client_id": client_id });
    if body != due {
        return Err(invalid_request("the body must be token, token_type_hint and client_id".to_owned()));
    }
    match state.revoke(token, client_id) {
        Some(Ok(())) => Ok(Response::empty(200)),
        Some(Err(error)) => Err(token_error(error.code, error.description)),
        None => Err(Refusal::violation(Response::empty(200), "the token is unknown or already revoked")),
    }
}

fn read_authorization(query: &Pairs) -> Result<Authorization, String> {
    let names = [
        "audience",
        "client_id",
        "code_challenge_method",
        "code_challenge",
        "redirect_uri",
        "response_type",
        "scope",
        "state",
    ];
    let values = form::exactly_in_order(query, names)?;
    if let Some((name, _)) = names.iter().zip(values).find(|(_, value)| value.is_empty()) {
        return Err(format!("{name} is empty"));
    }
    let [_audience, client_id, method, code_challenge, redirect_uri, response_type, scope, state] = values;
    if method != "S256" {
        return Err("code_challenge_method must be S256".to_owned());
    }
    if !is_code_challenge(code_challenge) {
        return Err("code_challenge must be 43 characters of base64url without padding".to_owned());
    }
    if response_type != "code" {
        return Err("response_type must be code".to_owned());
    }
    if !is_loopback(redirect_uri) {
        return Err(
            "redirect_uri must be http on localhost, 127.0.0.1 or [::1], without a fragment".to_owned()
        );
    }
    Ok(Authorization {
        client_id: client_id.to_owned(),
        code_challenge: code_challenge.to_owned(),
        redirect_uri: redirect_uri.to_owned(),
        scope: scope.to_owned(),
        state: state.to_owned(),
    })
}

/// Checks a code challenge (RFC 7636 section 4.2, for SHA-256).
fn is_code_challenge(value: &str) -> bool {
    value.len() == 43 && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// Checks a code verifier (RFC 7636 section 4.1).
fn is_code_verifier(value: &str) -> bool {
    (43..=128).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

/// Checks a redirect URI (RFC 8252 sections 7.3 and 8.3).
fn is_loopback(redirect_uri: &str) -> bool {
    let Ok(url) = Url::parse(redirect_uri) else { return false };
    let host_is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    host_is_loopback
        && url.scheme() == "http"
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
}

fn granted(authorization: &Authorization, code: &str) -> Response {
    redirect(authorization, &[("code", code), ("scope", &authorization.scope)])
}

fn refused(authorization: &Authorization) -> Response {
    let description = "The developer refused to sign in.";
    redirect(authorization, &[("error", "access_denied"), ("error_description", description)])
}

/// Redirects to the client, with the state that it sent (RFC 6749 section 4.1.2).
fn redirect(authorization: &Authorization, result: &[(&str, &str)]) -> Response {
    let mut location =
        Url::parse(&authorization.redirect_uri).expect("checked when the authorization was read");
    location.query_pairs_mut().extend_pairs(result).append_pair("state", &authorization.state);
    Response::empty(302).with("location", location).with("cache-control", "no-store")
}

/// Returns an error of the token endpoint (RFC 6749 section 5.2).
fn token_error(code: &str, description: &str) -> Refusal {
    let body = json!({ "error": code, "error_description": description });
    Refusal::violation(Response::json(400, &body), description)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: [(&str, &str); 8] = [
        ("audience", "https://api.openai.com/v1"),
        ("client_id", "app_1"),
        ("code_challenge_method", "S256"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("redirect_uri", "http://localhost:5000/auth/callback"),
        ("response_type", "code"),
        ("scope", "openid email"),
        ("state", "some-state"),
    ];

    #[test]
    fn any_other_value_is_refused() {
        for (name, value) in [
            ("audience", ""),
            ("client_id", ""),
            ("code_challenge_method", "plain"),
            ("code_challenge", "short"),
            ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM"),
            ("redirect_uri", "https://localhost:5000/auth/callback"),
            ("redirect_uri", "http://localhost.example:5000/auth/callback"),
            ("redirect_uri", "http://me@localhost:5000/auth/callback"),
            ("redirect_uri", "http://localhost:5000/auth/callback#here"),
            ("redirect_uri", "/auth/callback"),
            ("response_type", "token"),
            ("scope", ""),
            ("state", ""),
        ] {
            let changed = RIGHT.map(|pair| if pair.0 == name { (name, value) } else { pair });
            let wrong = read_authorization(&owned(&changed)).unwrap_err();
            assert!(wrong.starts_with(name), "{name}={value}: {wrong}");
        }
    }

    #[test]
    fn parameters_are_there_once_and_in_order() {
        for left_out in 0..RIGHT.len() {
            let mut pairs = RIGHT.to_vec();
            let (name, _) = pairs.remove(left_out);
            assert_eq!(read_authorization(&owned(&pairs)).unwrap_err(), format!("{name} is missing"));
        }
        let mut swapped = RIGHT;
        swapped.swap(0, 1);
        assert!(read_authorization(&owned(&swapped)).unwrap_err().starts_with("the order must be"));
    }

    #[test]
    fn every_loopback_host_and_port_may_be_redirected_to() {
        for redirect_uri in
            ["http://localhost/", "http://127.0.0.1:49152/a/b", "http://[::1]:5000/auth/callback"]
        {
            assert!(is_loopback(redirect_uri), "{redirect_uri}");
        }
    }

    #[test]
    fn a_verifier_has_43_to_128_unreserved_characters() {
        for (verifier, accepted) in [
            ("a".repeat(42), false),
            ("a".repeat(43), true),
            ("-._~".repeat(32), true),
            ("a".repeat(129), false),
            ("+".repeat(43), false),
        ] {
            assert_eq!(is_code_verifier(&verifier), accepted, "{verifier}");
        }
    }

    fn owned(pairs: &[(&str, &str)]) -> Pairs {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }
}
