//! Answers that do not come from the server.

use crate::support::{CANARY, STEPS, answer, answering, call, failure, good_body, http};
use keymint_domain::ServiceErrorKind::{Intercepted, Refused};
use keymint_domain::{Intermediary, Step};
use wiremock::ResponseTemplate;

#[tokio::test]
async fn a_web_page_is_no_answer_whatever_its_content() {
    for kind in ["text/html", "TEXT/HTML; charset=utf-8", "application/xhtml+xml"] {
        for step in STEPS {
            let page = ResponseTemplate::new(200).set_body_raw(good_body(step), kind);
            if step.creates_key() {
                // The key in the answer counts.
                call(&http(), &answering(page).await.uri(), step).await.unwrap();
                continue;
            }
            let error = failure(step, page).await;
            assert_eq!(error.kind, Intercepted { by: Intermediary::WebPage, status: 200 });
            let expected =
                format!("answered 200 OK with a web page of {} bytes instead of JSON", good_body(step).len());
            assert!(error.detail.ends_with(&expected), "{error}");
        }
    }
}

#[tokio::test]
async fn an_answer_of_an_intermediary_is_no_refusal_by_the_platform() {
    let page = |status| ResponseTemplate::new(status).set_body_raw(CANARY, "text/html");
    let challenge = |status| page(status).insert_header("cf-mitigated", "challenge");
    let challenged = "with a challenge that only a browser can pass";
    for (template, status, by, expected) in [
        (challenge(403), 403, Intermediary::Challenge, challenged),
        (challenge(503), 503, Intermediary::Challenge, challenged),
        (challenge(429), 429, Intermediary::Challenge, challenged),
        (page(407), 407, Intermediary::Proxy, "in place of the server"),
        (answer(407, "{}"), 407, Intermediary::Proxy, "in place of the server"),
        (page(511), 511, Intermediary::CaptivePortal, "in place of the server"),
        (page(401), 401, Intermediary::WebPage, "with a web page of 11 bytes instead of JSON"),
        (page(403), 403, Intermediary::WebPage, "with a web page of 11 bytes instead of JSON"),
        (page(404), 404, Intermediary::WebPage, "with a web page of 11 bytes instead of JSON"),
    ] {
        for step in STEPS {
            let error = failure(step, template.clone()).await;
            assert_eq!(error.kind, Intercepted { by, status }, "{step}");
            assert!(error.detail.ends_with(expected), "{error}");
        }
    }
}

/// After a creation, the header alone proves nothing.
#[tokio::test]
async fn a_challenge_with_a_success_is_one_at_each_other_step() {
    for step in STEPS.into_iter().filter(|step| !step.creates_key()) {
        let challenge = answer(200, good_body(step)).insert_header("cf-mitigated", "challenge");
        let kind = failure(step, challenge).await.kind;
        assert_eq!(kind, Intercepted { by: Intermediary::Challenge, status: 200 });
    }
}

#[tokio::test]
async fn a_web_page_with_a_status_that_asks_to_retry_is_a_refusal() {
    for status in [408, 425, 429, 500, 502, 503, 504, 520] {
        let page = ResponseTemplate::new(status).set_body_raw("<html>", "text/html");
        let error = failure(Step::Login, page.insert_header("cf-mitigated", "block")).await;
        assert_eq!(error.kind, Refused { status, retry_after: None });
    }
}
