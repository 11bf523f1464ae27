//! Refusals by the server, with any status.

use crate::support::{CANARY, STEPS, answer, answering, call, failure, good_body, http};
use keymint_domain::ServiceErrorKind::{Refused, Unidentified};
use keymint_domain::{Advice, Reason, Step};
use std::time::Duration;
use wiremock::ResponseTemplate;

#[tokio::test]
async fn a_whole_answer_with_another_status_is_a_refusal() {
    for step in STEPS {
        for status in [101, 304, 400, 401, 403, 404, 408, 409, 422, 425, 429, 500, 502, 503, 504, 520, 599] {
            let body = format!(r#"{{"error": {{"message": "no", "param": "{CANARY}"}}}}"#);
            let error = failure(step, answer(status, body)).await;
            assert_eq!(error.kind, Refused { status, retry_after: None });
        }
        for status in [101, 304, 408, 425, 429, 500, 502, 503, 504, 520, 599] {
            let error = failure(step, answer(status, format!(r#"{{"x": "{CANARY}"}}"#))).await;
            assert_eq!(error.kind, Refused { status, retry_after: None });
        }
    }
}

#[tokio::test]
async fn a_success_with_an_error_in_it_is_a_refusal() {
    for step in STEPS {
        for (error, description, reason) in [
            (r#""invalid_grant""#, "answered 200 OK: invalid_grant", Reason::Rejected),
            (
                r#"{"type": "request_forbidden", "message": "no"}"#,
                "answered 200 OK: request_forbidden: no",
                Reason::Country,
            ),
            ("{}", "of application/json", Reason::Rejected),
        ] {
            let good = if step.creates_key() { "{}" } else { good_body(step) };
            for body in [
                format!(r#"{{"error": {error}}}"#),
                good.replacen('{', &format!(r#"{{"error": {error}, "#), 1),
            ] {
                // A token of one letter would be redacted in every word.
                let body = body.replace(", }", "}").replace(r#""t""#, r#""token-1""#);
                let failed = failure(step, answer(200, body.clone())).await;
                assert_eq!(failed.kind, Refused { status: 200, retry_after: None }, "{body}");
                assert_eq!(failed.reason(), reason, "{body}");
                assert!(failed.detail.ends_with(description), "{failed}");
            }
        }
        for none in ["null", "false", r#""""#] {
            let body = good_body(step).replacen('{', &format!(r#"{{"error": {none}, "#), 1);
            call(&http(), &answering(answer(200, body.replace(", }", "}"))).await.uri(), step).await.unwrap();
        }
    }
}

#[tokio::test]
async fn the_code_and_the_type_of_an_error_are_read_at_every_step() {
    for body in [
        r#"{"error": {"code": "unsupported_country_region_territory", "message": "no"}}"#,
        r#"{"error": {"code": null, "type": "request_forbidden", "param": null, "message": "no"}}"#,
        r#"{"error": "unsupported_country_region_territory", "error_description": "no"}"#,
        r#"{"detail": {"code": "unsupported_country_region_territory"}}"#,
        r#"{"type": "request_forbidden", "message": "no"}"#,
    ] {
        for step in STEPS {
            assert_eq!(failure(step, answer(403, body)).await.reason(), Reason::Country, "{step}: {body}");
        }
    }
}

/// A proxy or a firewall sends such answers as well, so they say nothing about the account.
#[tokio::test]
async fn the_sender_of_a_refusal_without_an_error_of_the_servers_form_is_unknown() {
    for step in STEPS {
        for status in [400, 401, 403, 404, 409, 422, 451] {
            let empty = ResponseTemplate::new(status);
            let text = ResponseTemplate::new(status).set_body_raw("Forbidden", "text/plain");
            let bodies = [
                r#"{"message": "Forbidden"}"#,
                r#"{"type": "about:blank", "title": "Forbidden", "detail": "no"}"#,
                r#"{"error": {}}"#,
                r#"{"error": null}"#,
                "{}",
                "[]",
                "null",
                "{",
            ];
            let json = bodies.map(|body| answer(status, body));
            for template in [empty, text].into_iter().chain(json) {
                let error = failure(step, template).await;
                assert_eq!(error.kind, Unidentified { status }, "{error}");
                assert_eq!((error.reason(), error.advice()), (Reason::Unidentified, Advice::IdentifyServer));
            }
        }
    }
}

#[tokio::test]
async fn the_wait_that_the_server_asks_for_is_reported() {
    let answer = ResponseTemplate::new(429).insert_header("retry-after", "2");
    let expected = Refused { status: 429, retry_after: Some(Duration::from_secs(2)) };
    assert_eq!(failure(Step::CreateKey, answer).await.kind, expected);
}
