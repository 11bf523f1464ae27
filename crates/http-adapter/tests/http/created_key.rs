//! The key and its details in the answer to the creation.

use crate::support::{answer, answering, base, call, failure, good_body, http, session, target};
use keymint_domain::ServiceErrorKind::{Intercepted, OutOfContract};
use keymint_domain::{Intermediary, KeyId, NewKey, PlatformApi, Step};
use serde_json::json;

#[tokio::test]
async fn a_created_key_is_taken_even_with_an_error_beside_it() {
    let both = r#"{"key": {"sensitive_id": "sk-1"}, "error": {"message": "a warning"}}"#;
    call(&http(), &answering(answer(200, both)).await.uri(), Step::CreateKey).await.unwrap();
}

/// The header proves that the server did nothing only if the status is not 2xx.
#[tokio::test]
async fn a_created_key_is_taken_from_a_success_that_calls_itself_a_challenge() {
    let challenge = |status, body| answer(status, body).insert_header("cf-mitigated", "challenge");
    let server = answering(challenge(200, good_body(Step::CreateKey))).await;
    call(&http(), &server.uri(), Step::CreateKey).await.unwrap();
    let intercepted = |status| Intercepted { by: Intermediary::Challenge, status };
    for (status, kind) in [(200, OutOfContract), (403, intercepted(403)), (503, intercepted(503))] {
        assert_eq!(failure(Step::CreateKey, challenge(status, "<html>")).await.kind, kind);
    }
}

/// The id is displayed, and stored next to the name.
#[tokio::test]
async fn an_id_that_repeats_a_part_of_the_key_is_left_out() {
    let secret = "sk-proj-0123456789abcdef";
    for (id, expected) in [("key_abc", Some("key_abc")), (&secret[8..], None), ("x-456789abcdef", None)] {
        let body = json!({ "key": { "id": id, "sensitive_id": secret } }).to_string();
        let server = answering(answer(200, body)).await;
        let platform = http().platform_api(base(&server.uri())).unwrap();
        let created = platform.create_api_key(&session(), &target(), &NewKey::named("n")).await.unwrap();
        assert_eq!(created.details.id.as_ref().map(KeyId::as_str), expected);
    }
}
