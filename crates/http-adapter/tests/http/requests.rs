//! Every request, byte for byte.

use crate::support::{acme, answering, base, call, good_body, http, session, target, token};
use keymint_domain::testing::granted;
use keymint_domain::{AuthServer, KeyId, KeyScope, NewKey, PlatformApi, Step};
use keymint_http_adapter::{Http, HttpOptions};
use std::time::Duration;
use wiremock::{Request, ResponseTemplate};

/// Returns the only request that the step sends.
async fn request(step: Step) -> Request {
    request_to(step, "", &http()).await
}

async fn request_to(step: Step, path: &str, http: &Http) -> Request {
    let server = answering(ResponseTemplate::new(200).set_body_string(good_body(step))).await;
    call(http, &format!("{}{path}", server.uri()), step).await.unwrap();
    let [request] = server.received_requests().await.unwrap().try_into().unwrap();
    request
}

fn target_of(request: &Request) -> String {
    let query = request.url.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{} {}{query}", request.method, request.url.path())
}

/// Returns the headers except the host, sorted by name.
fn headers(request: &Request) -> Vec<String> {
    let mut headers: Vec<_> = request
        .headers
        .iter()
        .filter(|(name, _)| *name != "host")
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    headers
}

#[tokio::test]
async fn the_token_request() {
    let request = request(Step::ExchangeCode).await;
    assert_eq!(target_of(&request), "POST /oauth/token");
    let verifier = granted().verifier().expose().to_owned();
    let body = format!(
        "client_id=app_2SKx67EdpoN0G6j64rFvigXD&code_verifier={verifier}&code=the-code\
         &grant_type=authorization_code&redirect_uri=http%3A%2F%2Flocalhost%3A5000%2Fauth%2Fcallback"
    );
    assert_eq!(String::from_utf8(request.body.clone()).unwrap(), body);
    assert_eq!(
        headers(&request),
        [
            "accept-encoding: identity".to_owned(),
            "accept: application/json".to_owned(),
            format!("content-length: {}", body.len()),
            "content-type: application/x-www-form-urlencoded".to_owned(),
            "user-agent: Codex-Create-API-Key/1.0".to_owned(),
        ]
    );
}

#[tokio::test]
async fn the_revocation_request() {
    let request = request(Step::RevokeToken).await;
    assert_eq!(target_of(&request), "POST /oauth/revoke");
    let body = r#"{"token":"the-refresh-token","token_type_hint":"refresh_token","client_id":"app_2SKx67EdpoN0G6j64rFvigXD"}"#;
    assert_eq!(String::from_utf8(request.body.clone()).unwrap(), body);
    assert_eq!(
        headers(&request),
        [
            "accept-encoding: identity".to_owned(),
            "accept: application/json".to_owned(),
            format!("content-length: {}", body.len()),
            "content-type: application/json".to_owned(),
            "user-agent: Codex-Create-API-Key/1.0".to_owned(),
        ]
    );
}

#[tokio::test]
async fn the_requests_of_the_platform() {
    let session = "authorization: Bearer sess-the-session";
    let json = "content-type: application/json";
    for (step, target, body, expected) in [
        (
            Step::Login,
            "POST /dashboard/onboarding/login",
            r#"{"app":"api"}"#,
            &["authorization: Bearer the-access-token", "content-length: 13", json][..],
        ),
        (Step::ListOrganizations, "GET /v1/organizations", "", &[session]),
        (
            Step::ListProjects,
            "GET /dashboard/organizations/org-acme/projects?detail=basic&limit=100",
            "",
            &[session, "openai-organization: org-acme"],
        ),
        (
            Step::CreateKey,
            "POST /dashboard/organizations/org-acme/projects/proj_1/api_keys",
            r#"{"action":"create","name":"Codex CLI"}"#,
            &[session, "content-length: 38", json],
        ),
    ] {
        let request = request(step).await;
        assert_eq!(target_of(&request), target);
        assert_eq!(request.body, body.as_bytes());
        let first = ["accept-encoding: identity", "accept: application/json"];
        let last = ["user-agent: Codex-Create-API-Key/1.0"];
        assert_eq!(headers(&request), [&first, expected, &last].concat());
    }
}

#[tokio::test]
async fn a_base_with_a_path_and_slashes_keeps_the_path() {
    let request = request_to(Step::ExchangeCode, "/tenant/a//", &http()).await;
    assert_eq!(target_of(&request), "POST /tenant/a/oauth/token");
}

#[tokio::test]
async fn the_user_agent_can_be_chosen() {
    let mut options = HttpOptions::default();
    options.user_agent = "Acme-Launcher/2.0".to_owned();
    let request = request_to(Step::Login, "", &Http::new(options)).await;
    assert_eq!(request.headers["user-agent"], "Acme-Launcher/2.0");
}

#[test]
fn a_user_agent_that_no_header_takes_is_an_error_at_set_up() {
    let mut options = HttpOptions::default();
    options.user_agent = "two\nlines".to_owned();
    assert!(Http::new(options).auth_server(base("http://127.0.0.1:1")).is_err());
}

#[tokio::test]
async fn a_cookie_is_never_sent_back() {
    let answer = ResponseTemplate::new(200)
        .insert_header("set-cookie", "session=1; Path=/")
        .set_body_string(good_body(Step::Login));
    let server = answering(answer).await;
    let platform = http().platform_api(base(&server.uri())).unwrap();
    for _ in 0..2 {
        platform.login(&token(), "api").await.unwrap();
    }
    let requests = server.received_requests().await.unwrap();
    assert!(requests.iter().all(|request| !request.headers.contains_key("cookie")));
}

#[tokio::test]
async fn the_results_have_the_values_of_the_answers() {
    async fn server(body: &str) -> (wiremock::MockServer, keymint_domain::BaseUrl) {
        let server = answering(ResponseTemplate::new(201).set_body_string(body)).await;
        let base = base(&server.uri());
        (server, base)
    }

    let (_server, issuer) =
        server(r#"{"token_type": "BEARER", "access_token": "at-1", "id_token": 7, "expires_in": null}"#)
            .await;
    let tokens = http().auth_server(issuer).unwrap().exchange_code(&granted()).await.unwrap();
    assert_eq!(tokens.access_token.expose(), "at-1");
    assert!(tokens.email.is_none() && tokens.refresh_token.is_none());

    for (refresh_token, expected) in [(r#""rt-1""#, Some("rt-1")), ("7", None), (r#""a b""#, None)] {
        let answer = format!(r#"{{"access_token": "at-1", "refresh_token": {refresh_token}}}"#);
        let (_server, issuer) = server(&answer).await;
        let tokens = http().auth_server(issuer).unwrap().exchange_code(&granted()).await.unwrap();
        assert_eq!(tokens.refresh_token.as_ref().map(|token| token.expose()), expected);
    }

    // {"email":"dev@example.com"}
    let (_server, issuer) =
        server(r#"{"access_token": "at-1", "id_token": "e30.eyJlbWFpbCI6ImRldkBleGFtcGxlLmNvbSJ9.c2ln"}"#)
            .await;
    let tokens = http().auth_server(issuer).unwrap().exchange_code(&granted()).await.unwrap();
    assert_eq!(tokens.email.unwrap().as_str(), "dev@example.com");
    let (_server, issuer) =
        server(r#"{"access_token": "example", "id_token": "e30.eyJlbWFpbCI6ImRldkBleGFtcGxlLmNvbSJ9.c2ln"}"#)
            .await;
    let tokens = http().auth_server(issuer).unwrap().exchange_code(&granted()).await.unwrap();
    assert!(tokens.email.is_none(), "the address has the token in it");

    let (_server, api) =
        server(r#"{"user": {"session": {"sensitive_id": "sess-2", "x": 1}, "y": []}}"#).await;
    let login = http().platform_api(api).unwrap().login(&token(), "api").await.unwrap();
    assert_eq!(login.session.expose(), "sess-2");

    let (_server, api) = server(r#"{"z": {}, "key": {"name": "n", "sensitive_id": "sk-3"}}"#).await;
    let platform = http().platform_api(api).unwrap();
    let key = platform.create_api_key(&session(), &target(), &NewKey::named("n")).await.unwrap();
    assert_eq!(key.secret.expose(), "sk-3");

    let (_server, api) = server(r#"{"data": null}"#).await;
    let projects = http().platform_api(api).unwrap().projects(&session(), &acme()).await.unwrap();
    assert_eq!(projects, Vec::new().into());
}

#[tokio::test]
async fn a_lifetime_and_scopes_are_sent_only_if_they_are_set() {
    let mut key = NewKey::named("n");
    for (expires_in, scopes, body) in [
        (None, &[][..], r#"{"action":"create","name":"n"}"#),
        (Some(7_776_000), &[], r#"{"action":"create","name":"n","expires_in_seconds":7776000}"#),
        (None, &["api.all.read"], r#"{"action":"create","name":"n","scopes":["api.all.read"]}"#),
        (
            Some(1),
            &["model.request", "api.model.read"],
            r#"{"action":"create","name":"n","expires_in_seconds":1,"scopes":["model.request","api.model.read"]}"#,
        ),
    ] {
        key.expires_in = expires_in.map(|seconds| Duration::from_secs(seconds).try_into().unwrap());
        key.scopes = scopes.iter().map(|name| KeyScope::parse(name).unwrap()).collect();
        let answer = ResponseTemplate::new(200).set_body_string(good_body(Step::CreateKey));
        let server = answering(answer).await;
        let platform = http().platform_api(base(&server.uri())).unwrap();
        platform.create_api_key(&session(), &target(), &key).await.unwrap();
        let [request] = server.received_requests().await.unwrap().try_into().unwrap();
        assert_eq!(String::from_utf8(request.body).unwrap(), body);
    }
}

#[tokio::test]
async fn the_description_of_a_created_key_is_read_where_it_makes_sense_and_never_costs_the_key() {
    for (members, id, created_at, expires_at, scopes) in [
        (r#""object": "x""#, None, None, None, None),
        (
            r#""id": "key_1", "created_at": 1764151200, "expires_at": 1771927200, "scopes": ["a", "b"]"#,
            Some("key_1"),
            Some(1_764_151_200),
            Some(1_771_927_200),
            Some(&["a", "b"][..]),
        ),
        (r#""created": 7, "expires_at": null, "scopes": []"#, None, Some(7), None, Some(&[])),
        (r#""id": 7, "created_at": "now", "created": 8, "scopes": [1]"#, None, Some(8), None, None),
        (r#""id": "../x", "created_at": -1, "expires_at": 1e99, "scopes": "a""#, None, None, None, None),
        (r#""created": 1764151200000, "expires_at": 18446744073709551615"#, None, None, None, None),
        (r#""id": "sk-proj-3""#, None, None, None, None),
        (r#""id": "key_1", "id": "key_2", "created_at": 1"#, None, None, None, None),
    ] {
        let body = format!(r#"{{"key": {{{members}, "sensitive_id": "sk-proj-3"}}}}"#);
        let server = answering(ResponseTemplate::new(200).set_body_string(body)).await;
        let platform = http().platform_api(base(&server.uri())).unwrap();
        let created = platform.create_api_key(&session(), &target(), &NewKey::named("n")).await.unwrap();
        assert_eq!(created.secret.expose(), "sk-proj-3");
        let details = created.details;
        assert_eq!(details.id.as_ref().map(KeyId::as_str), id, "{members}");
        assert_eq!((details.created_at, details.expires_at), (created_at, expires_at), "{members}");
        let listed = details.scopes.as_ref().map(|scopes| scopes.iter().map(String::as_str).collect());
        assert_eq!(listed, scopes.map(<[&str]>::to_vec), "{members}");
    }
}
