//! The refresh token in an answer that is refused.

use crate::support::{Fault, FaultyServer, answer, answering, base, http};
use keymint_domain::testing::{FakeAuthServer, FakeClock, granted};
use keymint_domain::{AuthServer, RevocationOutcome};
use wiremock::ResponseTemplate;

/// Otherwise, the token would stay valid for weeks.
#[tokio::test]
async fn a_refresh_token_is_revoked_although_its_answer_is_refused() {
    let refresh = r#""refresh_token": "the-refresh-token""#;
    let good = format!(r#"{{"access_token": "token-1", {refresh}}}"#);
    for template in [
        answer(200, format!("{{{refresh}}}")),
        answer(200, format!(r#"{{"access_token": 7, {refresh}}}"#)),
        answer(200, good.replacen('{', r#"{"token_type": "mac", "#, 1)),
        answer(200, good.replacen('{', r#"{"error": "no", "#, 1)),
        ResponseTemplate::new(200).set_body_raw(good.clone(), "text/html"),
    ] {
        is_revoked_after_a_failure(&answering(template).await.uri()).await;
    }
    let cut = format!("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{good}");
    is_revoked_after_a_failure(&FaultyServer::start(Fault::Write(cut.into_bytes())).await.url).await;
}

async fn is_revoked_after_a_failure(issuer: &str) {
    let (auth_server, grant) = (http().auth_server(base(issuer)).unwrap(), granted());
    let revocation = grant.revocation();
    auth_server.exchange_code(&grant).await.expect_err("the answer is a bad one");
    let clock = FakeClock::new();
    // The fake did not issue this token.
    let outcome = clock.run(revocation.run(&FakeAuthServer::new(&clock), &clock));
    assert!(matches!(outcome, RevocationOutcome::Failed(_)));
}
