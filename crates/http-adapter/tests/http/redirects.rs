//! Redirects, which are never followed.

use crate::support::{STEPS, answering, failure};
use keymint_domain::Intermediary::Redirect;
use keymint_domain::ServiceErrorKind::Intercepted;
use wiremock::ResponseTemplate;

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let elsewhere = answering(ResponseTemplate::new(200)).await;
    for step in STEPS {
        for status in [301, 302, 303, 307, 308] {
            let location = format!("{}/steal?code=1", elsewhere.uri());
            let error =
                failure(step, ResponseTemplate::new(status).insert_header("location", location)).await;
            assert_eq!(error.kind, Intercepted { by: Redirect, status });
            assert!(error.detail.ends_with(", a redirect to 127.0.0.1, which is not followed"), "{error}");
        }
    }
    assert_eq!(elsewhere.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn of_a_location_nothing_but_the_host_is_shown() {
    for (location, shown) in [
        (
            "https://user:canary-9f3A@other.example/canary-9f3A?code=canary-9f3A",
            ", a redirect to other.example,",
        ),
        ("/login", ", a redirect to 127.0.0.1,"),
        ("https://sk-proj-canary-9f3A.example/", ", a redirect to sk-[redacted],"),
        ("javascript:canary-9f3A", " with no explanation"),
        ("https://[", " with no explanation"),
    ] {
        let answer = ResponseTemplate::new(302).insert_header("location", location);
        let error = failure(STEPS[0], answer).await;
        assert!(error.detail.contains(&format!("answered 302 Found{shown}")), "{error}");
    }
}
