//! The browser's part, and the token endpoint.

use crate::client::{
    Call, DONE, Loopback, VERIFIER, access_token, authorize_url, code, get, post, token_request,
};
use keymint_sandbox::{Consent, Origin, Sandbox, Scenario, sign_in};
use serde_json::json;

#[tokio::test]
async fn continuing_brings_a_code_back_with_scope_and_state() {
    let sandbox = Sandbox::start(Scenario::ready()).await.unwrap();
    let loopback = Loopback::serving(&[DONE]);

    let page = sign_in(&authorize_url(&sandbox, &loopback.redirect_uri), Consent::Allow).await.unwrap();

    assert_eq!((page.status, page.body.as_str()), (200, "done"));
    assert!(page.url.starts_with(&loopback.redirect_uri));
    let response = loopback.response();
    assert!(matches!(&response[0], (name, code) if name == "code" && !code.is_empty()));
    assert_eq!(response[1..], pairs(&[("scope", "openid email"), ("state", "some state")]));
    assert!(sandbox.violations().is_empty());
}

#[tokio::test]
async fn a_refusal_returns_access_denied_with_the_state_and_that_of_the_server_needs_no_consent() {
    for (scenario, consent, requests) in
        [(Scenario::ready(), Consent::Deny, 2), (Scenario::ready().refuse_sign_in(), Consent::Allow, 1)]
    {
        let sandbox = Sandbox::start(scenario).await.unwrap();
        let loopback = Loopback::serving(&[DONE]);
        sign_in(&authorize_url(&sandbox, &loopback.redirect_uri), consent).await.unwrap();
        let response = loopback.response();
        assert_eq!(response[0], ("error".to_owned(), "access_denied".to_owned()));
        assert_eq!(response[1].0, "error_description");
        assert_eq!(response[2], ("state".to_owned(), "some state".to_owned()));
        assert_eq!(sandbox.requests().len(), requests);
    }
}

#[tokio::test]
async fn the_browser_follows_redirects_with_cookies_and_reads_a_stream_to_its_end() {
    let sandbox = Sandbox::start(Scenario::ready()).await.unwrap();
    let redirect = "HTTP/1.1 303 See Other\r\nlocation: /auth/done\r\nset-cookie: tab=7; HttpOnly\r\n\
                    content-length: 0\r\nconnection: close\r\n\r\n";
    let stream = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nwait\r\n5\r\n done\r\n0\r\n\r\n";
    let loopback = Loopback::serving(&[redirect, stream]);

    let page = sign_in(&authorize_url(&sandbox, &loopback.redirect_uri), Consent::Allow).await.unwrap();

    assert_eq!(page.body, "wait done");
    assert!(page.url.ends_with("/auth/done"));
    let requests = loopback.requests();
    assert!(requests[1].starts_with("GET /auth/done HTTP/1.1"));
    assert!(requests[1].contains("cookie: tab=7"));
    for request in requests {
        assert!(request.contains("sec-fetch-mode: navigate\nsec-fetch-dest: document"), "{request}");
    }
}

#[tokio::test]
async fn the_browser_reports_a_redirect_to_a_closed_port() {
    let sandbox = Sandbox::start(Scenario::ready()).await.unwrap();
    let loopback = Loopback::serving(&[]);
    let url = authorize_url(&sandbox, &loopback.redirect_uri);
    loopback.requests();
    assert!(sign_in(&url, Consent::Allow).await.is_err());
}

#[tokio::test]
async fn the_page_runs_nothing_and_is_not_stored() {
    let sandbox = Sandbox::start(Scenario::ready()).await.unwrap();
    let page = get(authorize_url(&sandbox, "http://localhost:5000/auth/callback")).send().await;

    assert_eq!(page.status, 200);
    assert!(page.text.contains("sandbox: no real account") && page.text.contains("app_1"));
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
}

#[tokio::test]
async fn a_wrong_authorization_request_is_never_redirected() {
    let sandbox = Sandbox::start(Scenario::ready()).await.unwrap();
    let page = get(authorize_url(&sandbox, "https://example.com/<b>")).send().await;

    assert_eq!((page.status, page.header("location")), (400, None));
    assert!(page.text.contains("redirect_uri must be http on localhost"));
    assert!(sandbox.violations()[0].starts_with("authorize request: redirect_uri must be"));
}

#[tokio::test]
async fn a_page_can_be_decided_once() {
    let sandbox = Sandbox::start(Scenario::ready()).await.unwrap();
    for (first, second) in [("refuse", "continue"), ("continue", "refuse")] {
        let page = get(authorize_url(&sandbox, "http://localhost:5000/auth/callback")).send().await;
        let (_, rest) = page.text.split_once(r#"name="request" value=""#).unwrap();
        let id = rest.split('"').next().unwrap();
        let decide = |decision| {
            let fields = [("request", id), ("decision", decision)];
            post(format!("{}/oauth/authorize/decision", sandbox.issuer())).form(&fields).send()
        };

        assert_eq!(decide(first).await.status, 302);
        assert_eq!(decide(second).await.status, 400);
    }
    assert!(sandbox.violations().is_empty(), "a second click is no violation");
}

#[tokio::test]
async fn a_code_is_exchanged_for_tokens_once() {
    let sandbox = Sandbox::start(Scenario::ready()).await.unwrap();
    let (code, redirect_uri) = code(&sandbox).await;

    let response = token_request(&sandbox, &code, &redirect_uri).send().await;
    assert_eq!((response.status, response.header("cache-control")), (200, Some("no-store")));
    let tokens = response.json();
    // A longer prefix could have enough in common with an id to be taken for a part of it.
    for (name, prefix) in [("access_token", "at-"), ("refresh_token", "rt-")] {
        let token = tokens[name].as_str().unwrap();
        assert!(token.starts_with(prefix) && token.len() == prefix.len() + 43, "{token}");
    }
    assert_eq!(tokens["id_token"].as_str().unwrap().split('.').count(), 3);
    assert_eq!(tokens["token_type"], "Bearer");
    assert!(sandbox.violations().is_empty());

    let again = token_request(&sandbox, &code, &redirect_uri).send().await;
    assert_eq!((again.status, again.json()["error"].as_str()), (400, Some("invalid_grant")));
    assert_eq!(sandbox.violations(), ["token request: code has been used before"]);
}

#[tokio::test]
async fn a_wrong_token_request_is_refused_with_the_standards_words() {
    let other_verifier = "A".repeat(43);
    for (field, value, error) in [
        ("client_id", "app_9", "invalid_client"),
        ("code_verifier", other_verifier.as_str(), "invalid_grant"),
        ("code_verifier", "too short", "invalid_request"),
        ("code", "made-up", "invalid_grant"),
        ("grant_type", "refresh_token", "unsupported_grant_type"),
        ("redirect_uri", "http://localhost:1/auth/callback", "invalid_grant"),
        ("scope", "one field too many", "invalid_request"),
    ] {
        let sandbox = Sandbox::start(Scenario::ready()).await.unwrap();
        let (code, redirect_uri) = code(&sandbox).await;
        let mut fields = vec![
            ("client_id", "app_1"),
            ("code_verifier", VERIFIER),
            ("code", code.as_str()),
            ("grant_type", "authorization_code"),
            ("redirect_uri", redirect_uri.as_str()),
        ];
        fields.retain(|(name, _)| *name != field);
        fields.push((field, value));

        let response = post(format!("{}/oauth/token", sandbox.issuer())).form(&fields).send().await;
        assert_eq!(
            (response.status, response.json()["error"].as_str()),
            (400, Some(error)),
            "{field}={value}"
        );
        assert_eq!(sandbox.violations().len(), 1, "{field}={value}");
    }
}

#[tokio::test]
async fn a_refresh_token_is_revoked_for_its_client_once() {
    let sandbox = Sandbox::start(Scenario::ready()).await.unwrap();
    access_token(&sandbox).await;
    let issued = sandbox.refresh_tokens().remove(0);
    assert!(!issued.is_revoked);
    let right = json!({ "token": issued.value, "token_type_hint": "refresh_token", "client_id": "app_1" });
    let revoke = |field: &str, value: serde_json::Value| {
        let mut body = right.clone();
        body[field] = value;
        post(format!("{}/oauth/revoke", sandbox.issuer())).json(&body).send()
    };
    for (field, value, error) in [
        ("client_id", json!("app_2"), "invalid_client"),
        ("client_id", json!(null), "invalid_request"),
        ("token_type_hint", json!("access_token"), "invalid_request"),
        ("more", json!(1), "invalid_request"),
    ] {
        let response = revoke(field, value).await;
        assert_eq!((response.status, response.json()["error"].as_str()), (400, Some(error)), "{field}");
    }
    assert_eq!((sandbox.violations().len(), sandbox.refresh_tokens()), (4, vec![issued.clone()]));

    for violations in [4, 5] {
        assert_eq!(revoke("client_id", json!("app_1")).await.status, 200);
        assert_eq!(sandbox.violations().len(), violations);
        assert!(sandbox.refresh_tokens()[0].is_revoked);
    }
    assert_eq!(revoke("token", json!("made-up")).await.status, 200);
    assert_eq!(sandbox.violations()[5], "revocation request: the token is unknown or already revoked");
}

#[tokio::test]
async fn only_the_protocols_paths_and_methods_exist() {
    let sandbox = Sandbox::start(Scenario::ready()).await.unwrap();
    let [issuer, api] = [sandbox.issuer(), sandbox.api_base()];
    for (method, url, status) in [
        ("GET", format!("{issuer}/oauth/token"), 405),
        ("POST", format!("{issuer}/oauth/authorize"), 405),
        ("GET", format!("{issuer}/v1/organizations"), 404),
        ("POST", format!("{api}/v1/organizations"), 405),
        ("POST", format!("{api}/oauth/token"), 404),
        ("GET", format!("{api}//v1/models"), 404),
    ] {
        assert_eq!(Call::new(method, &url).send().await.status, status, "{method} {url}");
    }
    assert_eq!(sandbox.violations().len(), 6);
}

#[tokio::test]
async fn every_request_is_kept_as_it_came() {
    let sandbox = Sandbox::start(Scenario::ready()).await.unwrap();
    access_token(&sandbox).await;

    let requests = sandbox.requests();
    let seen: Vec<_> =
        requests.iter().map(|it| (it.origin, it.method.as_str(), it.path.as_str(), it.status)).collect();
    assert_eq!(
        seen,
        [
            (Origin::AuthServer, "GET", "/oauth/authorize", Some(200)),
            (Origin::AuthServer, "POST", "/oauth/authorize/decision", Some(302)),
            (Origin::AuthServer, "POST", "/oauth/token", Some(200)),
        ]
    );
    assert_eq!(requests[0].query[0], ("audience".to_owned(), "https://api.openai.com/v1".to_owned()));
    assert_eq!(requests[2].header("user-agent"), Some("test/1"));
    assert!(requests[2].text().contains("grant_type=authorization_code"));
}

#[tokio::test]
async fn the_ports_are_free_again_when_the_sandbox_is_dropped() {
    let sandbox = Sandbox::start(Scenario::ready()).await.unwrap();
    let [issuer, api] =
        [sandbox.issuer(), sandbox.api_base()].map(|url| url["http://".len()..].parse().unwrap());
    assert!(Sandbox::start_on(Scenario::ready(), issuer, api).await.is_err());

    drop(sandbox);
    tokio::task::yield_now().await;
    Sandbox::start_on(Scenario::ready(), issuer, api).await.unwrap();
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
