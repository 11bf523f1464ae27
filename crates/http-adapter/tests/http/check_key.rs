//! Key checks.

use crate::support::{base, http};
use keymint_domain::{ApiKey, KeyCheck, ServiceErrorKind, check_key};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Checks a key that the platform answers like this.
async fn asked(answer: ResponseTemplate) -> Result<KeyCheck, ServiceErrorKind> {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/v1/models"))
        .and(header("authorization", "Bearer sk-proj-0123456789"))
        .respond_with(answer)
        .expect(1)
        .mount(&server)
        .await;
    let platform = http().platform_api(base(&server.uri())).unwrap();
    let key = ApiKey::parse("sk-proj-0123456789".to_owned()).unwrap();
    check_key(&platform, &key).await.map_err(|error| {
        assert!(!error.to_string().contains(key.expose()), "{error}");
        error.kind
    })
}

fn refusal(status: u16, code: &str) -> ResponseTemplate {
    let error = serde_json::json!({ "error": { "code": code, "message": "no: sk-proj-0123456789" } });
    ResponseTemplate::new(status).set_body_json(error)
}

#[tokio::test]
async fn each_answer_says_what_it_means_for_the_key() {
    let models = serde_json::json!({ "data": [] });
    assert_eq!(asked(ResponseTemplate::new(200).set_body_json(models)).await, Ok(KeyCheck::Works));
    assert_eq!(asked(refusal(401, "invalid_api_key")).await, Ok(KeyCheck::NotAccepted));
    assert_eq!(asked(refusal(429, "insufficient_quota")).await, Ok(KeyCheck::NoCredit));
    assert_eq!(asked(refusal(403, "missing_scope")).await, Ok(KeyCheck::Restricted));
    for (status, code) in [
        (429, "rate_limit_exceeded"),
        (403, "unsupported_country_region_territory"),
        (500, "insufficient_quota"),
    ] {
        let refused = ServiceErrorKind::Refused { status, retry_after: None };
        assert_eq!(asked(refusal(status, code)).await, Err(refused));
    }
    // A proxy may have sent this answer.
    let unidentified = ServiceErrorKind::Unidentified { status: 401 };
    assert_eq!(asked(ResponseTemplate::new(401)).await, Err(unidentified));
}
