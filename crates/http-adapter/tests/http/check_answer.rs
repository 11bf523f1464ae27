//! The checks whether a server answers, and the requests that the server receives for them.

use crate::support::{answering, base, http};
use keymint_domain::{ConnectFailure, Intermediary, Reason, ServiceError, ServiceErrorKind, Step};
use wiremock::{MockServer, ResponseTemplate};

async fn checked(url: &str) -> [Result<(), ServiceError>; 2] {
    let http = http();
    let auth_server = http.auth_server(base(url)).unwrap();
    let platform = http.platform_api(base(url)).unwrap();
    [auth_server.check_answer().await, platform.check_answer().await]
}

async fn reasons(server: &MockServer) -> [Option<Reason>; 2] {
    checked(&server.uri()).await.map(|checked| checked.err().map(|error| error.reason()))
}

#[tokio::test]
async fn a_server_gets_one_request_for_what_is_public_without_a_credential() {
    let server = answering(ResponseTemplate::new(200)).await;
    assert_eq!(reasons(&server).await, [None, None]);
    let requests = server.received_requests().await.unwrap();
    let paths: Vec<_> =
        requests.iter().map(|request| (request.method.as_str(), request.url.path())).collect();
    assert_eq!(paths, [("GET", "/.well-known/openid-configuration"), ("GET", "/v1/models")]);
    assert!(requests.iter().all(|request| request.url.query().is_none() && request.body.is_empty()));
    assert!(requests.iter().all(|request| !request.headers.contains_key("authorization")));
}

#[tokio::test]
async fn whatever_the_server_itself_answers_is_an_answer() {
    for answer in [
        ResponseTemplate::new(401).set_body_raw(r#"{"error": {"message": "no key"}}"#, "application/json"),
        ResponseTemplate::new(404).set_body_raw("<html>", "text/html"),
        ResponseTemplate::new(503),
    ] {
        assert_eq!(reasons(&answering(answer).await).await, [None, None]);
    }
}

#[tokio::test]
async fn an_answer_of_an_intermediary_and_a_refusal_of_the_country_are_errors() {
    let page = |status| ResponseTemplate::new(status).set_body_raw("<html>", "text/html");
    for (answer, reason) in [
        (page(403).insert_header("cf-mitigated", "challenge"), Reason::Challenge),
        (page(503).insert_header("cf-mitigated", "challenge"), Reason::Challenge),
        (page(407), Reason::Proxy),
        (page(200), Reason::Portal),
        (
            ResponseTemplate::new(403).set_body_raw(r#"{"error": {"type": "request_forbidden"}}"#, "x"),
            Reason::Country,
        ),
        (ResponseTemplate::new(302).insert_header("location", "http://portal.test/"), Reason::Portal),
    ] {
        assert_eq!(reasons(&answering(answer).await).await, [Some(reason), Some(reason)]);
    }
    let challenge = page(403).insert_header("cf-mitigated", "challenge");
    let [of_issuer, _] = checked(&answering(challenge).await.uri()).await;
    let error = of_issuer.unwrap_err();
    assert_eq!(error.step, Step::CheckServer);
    assert_eq!(error.kind, ServiceErrorKind::Intercepted { by: Intermediary::Challenge, status: 403 });
}

#[tokio::test]
async fn a_server_that_is_not_reached_is_reported_with_the_obstacle() {
    for (url, expected) in
        [("http://127.0.0.1:1", ConnectFailure::Connect), ("https://keymint.invalid", ConnectFailure::Dns)]
    {
        for checked in checked(url).await {
            let error = checked.unwrap_err();
            assert_eq!(error.kind, ServiceErrorKind::NotSent(expected), "{error}");
        }
    }
}
