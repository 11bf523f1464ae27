//! The bodies of successful answers: those that are accepted, and those that violate the contract.

use crate::support::{CANARY, PARSED, STEPS, answer, answering, call, failure, good_body, http};
use keymint_domain::ServiceErrorKind::OutOfContract;
use keymint_domain::Step;
use wiremock::ResponseTemplate;

#[tokio::test]
async fn a_body_that_is_not_one_json_object_is_out_of_contract_at_every_step() {
    let good = format!(r#"{{"access_token": "{CANARY}"}}"#);
    let utf_16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let deep = format!("{{\"data\": {}{}}}", "[".repeat(200), "]".repeat(199));
    let bodies: Vec<Vec<u8>> = vec![
        "".into(),
        "null".into(),
        "[]".into(),
        "\"x\"".into(),
        "0".into(),
        "NaN".into(),
        format!("[\"{CANARY}\"]").into(),
        format!("\"{CANARY}\"").into(),
        format!("{{\"x\": \"{CANARY}").into(),
        format!("{{\"x\": {CANARY}}}").into(),
        format!("{{\"{CANARY}\": nope}}").into(),
        format!("{good}{CANARY}").into(),
        format!("{good}{good}").into(),
        format!("\u{feff}{good}").into(),
        utf_16,
        [b"{\"access_token\": \"\xff\xfe".as_slice(), CANARY.as_bytes(), b"\"}"].concat(),
        deep.into(),
    ];
    for &step in PARSED {
        for body in &bodies {
            let error = failure(step, answer(200, body.clone())).await;
            assert_eq!(error.kind, OutOfContract, "{step}: {:?}", String::from_utf8_lossy(body));
        }
    }
}

#[tokio::test]
async fn a_secret_in_the_wrong_place_is_neither_taken_nor_shown() {
    let long = "x".repeat(1_000_000);
    let twice = "it is not an object, or has a duplicate member";
    for (step, rows) in [
        (
            Step::ExchangeCode,
            &[
                ("{}", "access_token is missing"),
                (r#"{"access_token": null}"#, "access_token is missing"),
                (r#"{"access_token": ["CANARY"]}"#, "access_token has the wrong type"),
                (r#"{"access_token": 7}"#, "access_token has the wrong type"),
                (r#"{"access_token": ""}"#, "access_token is not a token"),
                (r#"{"access_token": "CANARY\r\nX: y"}"#, "access_token is not a token"),
                (r#"{"access_token": "CANARYé"}"#, "access_token is not a token"),
                (r#"{"access_token": "LONG"}"#, "access_token is not a token"),
                (r#"{"access_token": "CANARY", "access_token": "CANARY"}"#, twice),
                (r#"{"access_token": "CANARY", "token_type": "mac"}"#, "token_type is not bearer"),
                (r#"{"access_token": "t", "token_type": ["CANARY"]}"#, "token_type has the wrong type"),
            ][..],
        ),
        (
            Step::Login,
            &[
                ("{}", "user.session.sensitive_id is missing"),
                (r#"{"user": {"session": null}}"#, "user.session.sensitive_id is missing"),
                (r#"{"user": "CANARY"}"#, "user has the wrong type"),
                (r#"{"user": [["CANARY"]]}"#, "user has the wrong type"),
                (r#"{"user": {"session": "CANARY"}}"#, "user.session has the wrong type"),
                (
                    r#"{"user": {"session": {"sensitive_id": 7}}}"#,
                    "user.session.sensitive_id has the wrong type",
                ),
                (
                    r#"{"user": {"session": {"sensitive_id": "CANARY CANARY"}}}"#,
                    "user.session.sensitive_id is not a token",
                ),
            ][..],
        ),
        (
            Step::CreateKey,
            &[
                ("{}", "key.sensitive_id is missing"),
                (r#"{"sensitive_id": "CANARY"}"#, "key.sensitive_id is missing"),
                (r#"{"key": "sk-proj-CANARY"}"#, "key has the wrong type"),
                (r#"{"key": ["sk-proj-CANARY"]}"#, "key has the wrong type"),
                (r#"{"key": {"sensitive_id": ["CANARY"]}}"#, "key.sensitive_id has the wrong type"),
                (
                    r#"{"key": {"sensitive_id": "a", "sensitive_id": "CANARY"}}"#,
                    "key has the wrong type, or a duplicate member",
                ),
                (r#"{"key": {"sensitive_id": "CANARY"}, "key": null}"#, twice),
                (r#"{"key": {"sensitive_id": "sk CANARY"}}"#, "key.sensitive_id is not a token"),
            ][..],
        ),
        (Step::ListOrganizations, &[(r#"{"data": "CANARY"}"#, "data has the wrong type")][..]),
        (Step::ListProjects, &[(r#"{"data": {"CANARY": 1}}"#, "data has the wrong type")][..]),
    ] {
        for (body, why) in rows {
            let error =
                failure(step, answer(200, body.replace("CANARY", CANARY).replace("LONG", &long))).await;
            assert_eq!(error.kind, OutOfContract, "{body}");
            let description = format!("answered 200 OK with an unexpected body: {why}");
            assert!(error.detail.contains(&description), "{body}: {error}");
        }
    }
}

#[tokio::test]
async fn json_of_any_other_type_and_any_2xx_is_taken() {
    for step in STEPS {
        for (status, kind) in [(200, "text/plain"), (201, "application/octet-stream"), (202, "x"), (206, "")]
        {
            let template = ResponseTemplate::new(status).set_body_raw(good_body(step), kind);
            let server = answering(template).await;
            call(&http(), &server.uri(), step).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_2xx_without_content_is_out_of_contract() {
    for &step in PARSED {
        for status in [200, 202, 204, 205] {
            assert_eq!(failure(step, ResponseTemplate::new(status)).await.kind, OutOfContract);
        }
    }
}

#[tokio::test]
async fn compressed_bodies_are_not_unpacked() {
    for encoding in ["gzip", "br", "zstd", "deflate"] {
        let packed = answer(200, *b"\x1f\x8b\x08\x00canary").insert_header("content-encoding", encoding);
        assert_eq!(failure(Step::CreateKey, packed).await.kind, OutOfContract);
    }
}
