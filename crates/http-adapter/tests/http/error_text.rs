//! The text of the error of a refusal.

use crate::support::{CANARY, STEPS, answer, answering, assert_clean, base, call, failure, http};
use keymint_domain::Step;
use keymint_domain::testing::granted;
use serde_json::json;
use wiremock::ResponseTemplate;

#[tokio::test]
async fn an_error_names_request_status_and_the_servers_explanation() {
    let body = r#"{"error": "invalid_grant", "error_description": "the code has \u001b[31mexpired"}"#;
    let server = answering(answer(400, body)).await;
    let error = call(&http(), &format!("{}/tenant", server.uri()), Step::ExchangeCode).await.unwrap_err();
    assert_eq!(
        error.detail,
        format!(
            r#"POST {}/tenant/oauth/token: answered 400 Bad Request: invalid_grant: "the code has \u{{1b}}[31mexpired""#,
            server.uri()
        )
    );
    let error = call(&http(), &server.uri(), Step::ListProjects).await.unwrap_err();
    assert!(
        error
            .detail
            .starts_with(&format!("GET {}/dashboard/organizations/org-acme/projects: ", server.uri()))
    );
}

#[tokio::test]
async fn of_an_error_body_only_the_text_for_users_is_shown() {
    let grant = granted();
    let secrets =
        [("CANARY", CANARY), ("CODE", grant.code().expose()), ("VERIFIER", grant.verifier().expose())];
    for (body, expected) in [
        (r#"{"error": "slow_down"}"#, ": slow_down"),
        (r#"{"error_description": "only this"}"#, r#": "only this""#),
        (
            r#"{"error": {"message": "no such org", "code": "not_found", "param": "CANARY"}, "x": "CANARY"}"#,
            r#": not_found: "no such org""#,
        ),
        (
            r#"{"error": {"message": "bad", "code": null, "type": "invalid_request_error"}}"#,
            ": invalid_request_error: bad",
        ),
        (
            r#"{"error": "bad", "error_description": "code CODE, verifier VERIFIER"}"#,
            r#": bad: "code [redacted], verifier [redacted]""#,
        ),
        (
            r#"{"error": {"message": "key sk-proj-CANARY and sess-CANARY"}}"#,
            r#": "key sk-[redacted] and sess-[redacted]""#,
        ),
        (
            r#"{"access_token": "aCANARY", "refresh_token": "rCANARY", "id_token": "iCANARY", "error": "no aCANARY, rCANARY, iCANARY"}"#,
            r#": "no [redacted], [redacted], [redacted]""#,
        ),
        (
            r#"{"error": {"type": "server_error", "code": "c"}, "error_description": "more"}"#,
            ": server_error: c: more",
        ),
        (r#"{"detail": "Not allowed"}"#, r#": "Not allowed""#),
        (r#"{"detail": {"code": "c", "message": "Not allowed", "x": "CANARY"}}"#, r#": c: "Not allowed""#),
        (
            r#"{"type": "https://gateway.example/CANARY", "title": "Blocked", "status": 403, "detail": "No sk-CANARY here", "instance": "CANARY"}"#,
            r#": Blocked: "No sk-[redacted] here""#,
        ),
        (r#"{"message": "No route", "code": "CANARY"}"#, r#": "No route""#),
        (
            r#"{"message": ["name is long", "no CODE"], "statusCode": 400}"#,
            r#": "name is long, no [redacted]""#,
        ),
        (
            r#"{"detail": [{"loc": ["CANARY"], "msg": "too long", "input": "CANARY"}], "title": 7}"#,
            r#": "too long""#,
        ),
        (
            r#"{"errors": [{"message": "No quota", "x": "CANARY"}, {"detail": "Ask"}, 7]}"#,
            r#": "No quota, Ask""#,
        ),
        (r#"{"error": ["first", "second"]}"#, r#": "first, second""#),
        (r#"{"error": "Bad Request", "message": ["name is long"]}"#, r#": "Bad Request: name is long""#),
        (r#"{"detail": [{"x": "CANARY"}], "message": []}"#, " with 49 bytes of application/json"),
        (r#"{"error": [["CANARY"]]}"#, " with 28 bytes of application/json"),
        (r#"{"messages": "CANARY"}"#, " with 27 bytes of application/json"),
        (r#"["CANARY"]"#, " with 15 bytes of application/json"),
        ("CANARY", " with 11 bytes of application/json"),
        ("", " with no explanation"),
    ] {
        let body = secrets.iter().fold(body.to_owned(), |body, (name, secret)| body.replace(name, secret));
        let error = failure(Step::ExchangeCode, answer(403, body.clone())).await;
        let (_, shown) = error.detail.split_once("answered 403 Forbidden").unwrap();
        assert_eq!(shown, expected, "{body}");
    }
}

/// Without quotes, the text could continue a sentence of the program.
#[tokio::test]
async fn a_text_of_a_server_is_in_quotes_unless_it_is_one_word() {
    let forged = r#"x). Name: "other". No key exists (really"#;
    let quoted = r#""x). Name: \"other\". No key exists (really""#;
    for (body, expected) in [
        (json!({"error": {"message": forged}}), format!("answered 400 Bad Request: {quoted}")),
        (
            json!({"error": {"type": "server_error", "code": "a_b", "message": forged}}),
            format!("answered 400 Bad Request: server_error: a_b: {quoted}"),
        ),
        (
            json!({"error": "invalid_grant", "error_description": forged}),
            format!("answered 400 Bad Request: invalid_grant: {quoted}"),
        ),
        (json!({"error": forged}), format!("answered 400 Bad Request: {quoted}")),
        (json!({"detail": [forged, "x"]}), r#"No key exists (really, x""#.to_owned()),
        (json!({"message": "x\\"}), r#"answered 400 Bad Request: "x\\""#.to_owned()),
    ] {
        for step in STEPS {
            let error = failure(step, answer(400, body.to_string())).await;
            assert!(error.detail.ends_with(&expected), "{error}");
        }
    }
    let typed = ResponseTemplate::new(400).set_body_raw("x", "x. Run `y` now");
    let error = failure(Step::Login, typed).await;
    assert!(error.detail.ends_with(r#"with 1 bytes of "x. Run `y` now""#), "{error}");
}

#[tokio::test]
async fn an_explanation_is_cut_at_300_characters() {
    let body = format!(r#"{{"error": "{}"}}"#, "e".repeat(10_000));
    let error = failure(Step::Login, answer(400, body)).await;
    let (_, shown) = error.detail.split_once("Bad Request: ").unwrap();
    assert_eq!(shown.chars().count(), 300 + "\"\"".len());
}

#[tokio::test]
async fn a_body_that_is_not_json_is_described_and_headers_are_not_shown() {
    for (kind, expected) in [
        ("text/html; charset=utf-8", " with a web page of 11 bytes instead of JSON"),
        ("text/plain", " with 11 bytes of text/plain"),
        ("x/sk-proj-canary-9f3A", " with 11 bytes of x/sk-[redacted]"),
    ] {
        let template = ResponseTemplate::new(401)
            .insert_header("www-authenticate", format!("Bearer realm=\"{CANARY}\""))
            .set_body_raw(CANARY, kind);
        let error = failure(Step::Login, template).await;
        assert_eq!(error.detail.split_once("401 Unauthorized").unwrap().1, expected);
    }
}

#[tokio::test]
async fn a_secret_learned_at_one_step_is_kept_out_of_the_errors_of_the_next() {
    let http = http();
    let good = answering(answer(200, format!(r#"{{"access_token": "{CANARY}"}}"#))).await;
    call(&http, &good.uri(), Step::ExchangeCode).await.unwrap();
    let bad = answering(answer(400, format!(r#"{{"error": {{"message": "bad token {CANARY}."}}}}"#))).await;
    let error = call(&http, &bad.uri(), Step::CreateKey).await.unwrap_err();
    assert_clean(&error);
    assert!(error.detail.ends_with(r#""bad token [redacted].""#), "{error}");
    let adapter = http.platform_api(base("http://127.0.0.1:1")).unwrap();
    assert!(!format!("{http:?} {adapter:?}").contains(CANARY));
}
