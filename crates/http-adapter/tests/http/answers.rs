//! Whole answers that are not a success, or not as agreed.

use crate::support::{
    CANARY, Fault, FaultyServer, PARSED, STEPS, answering, assert_clean, base, call, failure, good_body,
    http, session, target,
};
use keymint_domain::ServiceErrorKind::{Intercepted, OutOfContract, Refused, Unidentified};
use keymint_domain::testing::{FakeAuthServer, FakeClock, granted};
use keymint_domain::{
    Advice, AuthServer, Intermediary, KeyId, NewKey, PlatformApi, Reason, RevocationOutcome, Step,
};
use serde_json::json;
use std::time::Duration;
use wiremock::ResponseTemplate;

fn answer(status: u16, body: impl Into<Vec<u8>>) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_bytes(body).insert_header("content-type", "application/json")
}

#[tokio::test]
async fn what_is_not_one_json_object_is_out_of_contract_at_every_step() {
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
async fn a_secret_in_the_wrong_place_is_neither_taken_nor_told() {
    let long = "x".repeat(1_000_000);
    let twice = "it is not an object, or has a member twice";
    for (step, rows) in [
        (
            Step::ExchangeCode,
            &[
                ("{}", "access_token is missing"),
                (r#"{"access_token": null}"#, "access_token is missing"),
                (r#"{"access_token": ["CANARY"]}"#, "access_token is of the wrong type"),
                (r#"{"access_token": 7}"#, "access_token is of the wrong type"),
                (r#"{"access_token": ""}"#, "access_token is not a token"),
                (r#"{"access_token": "CANARY\r\nX: y"}"#, "access_token is not a token"),
                (r#"{"access_token": "CANARYé"}"#, "access_token is not a token"),
                (r#"{"access_token": "LONG"}"#, "access_token is not a token"),
                (r#"{"access_token": "CANARY", "access_token": "CANARY"}"#, twice),
                (r#"{"access_token": "CANARY", "token_type": "mac"}"#, "token_type is not bearer"),
                (r#"{"access_token": "t", "token_type": ["CANARY"]}"#, "token_type is of the wrong type"),
            ][..],
        ),
        (
            Step::Login,
            &[
                ("{}", "user.session.sensitive_id is missing"),
                (r#"{"user": {"session": null}}"#, "user.session.sensitive_id is missing"),
                (r#"{"user": "CANARY"}"#, "user is of the wrong type"),
                (r#"{"user": [["CANARY"]]}"#, "user is of the wrong type"),
                (r#"{"user": {"session": "CANARY"}}"#, "user.session is of the wrong type"),
                (
                    r#"{"user": {"session": {"sensitive_id": 7}}}"#,
                    "user.session.sensitive_id is of the wrong type",
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
                (r#"{"key": "sk-proj-CANARY"}"#, "key is of the wrong type"),
                (r#"{"key": ["sk-proj-CANARY"]}"#, "key is of the wrong type"),
                (r#"{"key": {"sensitive_id": ["CANARY"]}}"#, "key.sensitive_id is of the wrong type"),
                (
                    r#"{"key": {"sensitive_id": "a", "sensitive_id": "CANARY"}}"#,
                    "key is of the wrong type, or has a member twice",
                ),
                (r#"{"key": {"sensitive_id": "CANARY"}, "key": null}"#, twice),
                (r#"{"key": {"sensitive_id": "sk CANARY"}}"#, "key.sensitive_id is not a token"),
            ][..],
        ),
        (Step::ListOrganizations, &[(r#"{"data": "CANARY"}"#, "data is of the wrong type")][..]),
        (Step::ListProjects, &[(r#"{"data": {"CANARY": 1}}"#, "data is of the wrong type")][..]),
    ] {
        for (body, why) in rows {
            let error =
                failure(step, answer(200, body.replace("CANARY", CANARY).replace("LONG", &long))).await;
            assert_eq!(error.kind, OutOfContract, "{body}");
            let told = format!("answered 200 OK but not as agreed: {why}");
            assert!(error.detail.contains(&told), "{body}: {error}");
        }
    }
}

#[tokio::test]
async fn a_web_page_is_no_answer_whatever_its_content() {
    for kind in ["text/html", "TEXT/HTML; charset=utf-8", "application/xhtml+xml"] {
        for step in STEPS {
            let page = ResponseTemplate::new(200).set_body_raw(good_body(step), kind);
            if step == Step::CreateKey {
                // The key in it counts.
                call(&http(), &answering(page).await.uri(), step).await.unwrap();
                continue;
            }
            let error = failure(step, page).await;
            assert_eq!(error.kind, Intercepted { by: Intermediary::WebPage, status: 200 });
            let told =
                format!("answered 200 OK with a web page of {} bytes instead of JSON", good_body(step).len());
            assert!(error.detail.ends_with(&told), "{error}");
        }
    }
}

#[tokio::test]
async fn an_answer_of_an_intermediary_is_no_refusal_by_the_platform() {
    let page = |status| ResponseTemplate::new(status).set_body_raw(CANARY, "text/html");
    let challenge = |status| page(status).insert_header("cf-mitigated", "challenge");
    let challenged = "with a challenge that only a browser can pass";
    for (template, status, by, told) in [
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
            assert!(error.detail.ends_with(told), "{error}");
        }
    }
}

/// After a creation, the header proves nothing then.
#[tokio::test]
async fn a_challenge_with_a_success_is_one_at_each_other_step() {
    for step in STEPS.into_iter().filter(|step| *step != Step::CreateKey) {
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

#[tokio::test]
async fn a_success_with_an_error_in_it_is_a_refusal() {
    for step in STEPS {
        for (error, told, reason) in [
            (r#""invalid_grant""#, "answered 200 OK: invalid_grant", Reason::Rejected),
            (
                r#"{"type": "request_forbidden", "message": "no"}"#,
                "answered 200 OK: request_forbidden: no",
                Reason::Country,
            ),
            ("{}", "of application/json", Reason::Rejected),
        ] {
            let good = if step == Step::CreateKey { "{}" } else { good_body(step) };
            for body in [
                format!(r#"{{"error": {error}}}"#),
                good.replacen('{', &format!(r#"{{"error": {error}, "#), 1),
            ] {
                // A token of one letter would be redacted in every word.
                let body = body.replace(", }", "}").replace(r#""t""#, r#""token-1""#);
                let failed = failure(step, answer(200, body.clone())).await;
                assert_eq!(failed.kind, Refused { status: 200, retry_after: None }, "{body}");
                assert_eq!(failed.reason(), reason, "{body}");
                assert!(failed.detail.ends_with(told), "{failed}");
            }
        }
        for none in ["null", "false", r#""""#] {
            let body = good_body(step).replacen('{', &format!(r#"{{"error": {none}, "#), 1);
            call(&http(), &answering(answer(200, body.replace(", }", "}"))).await.uri(), step).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_created_key_is_taken_even_with_an_error_beside_it() {
    let both = r#"{"key": {"sensitive_id": "sk-1"}, "error": {"message": "a warning"}}"#;
    call(&http(), &answering(answer(200, both)).await.uri(), Step::CreateKey).await.unwrap();
}

/// The id is shown, and stored beside the name.
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

/// Only its status would say that nothing was done.
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

/// It stays valid for weeks.
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

/// It could go on as a sentence of the program.
#[tokio::test]
async fn what_a_server_says_is_in_quotes_unless_it_is_one_word() {
    let forged = r#"x). Name: "other". No key exists (really"#;
    let quoted = r#""x). Name: \"other\". No key exists (really""#;
    for (body, told) in [
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
            assert!(error.detail.ends_with(&told), "{error}");
        }
    }
    let typed = ResponseTemplate::new(400).set_body_raw("x", "x. Run `y` now");
    let error = failure(Step::Login, typed).await;
    assert!(error.detail.ends_with(r#"with 1 bytes of "x. Run `y` now""#), "{error}");
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

#[tokio::test]
async fn an_error_tells_request_status_and_the_servers_explanation() {
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
async fn of_an_error_body_only_what_is_meant_for_people_is_told() {
    let grant = granted();
    let secrets =
        [("CANARY", CANARY), ("CODE", grant.code().expose()), ("VERIFIER", grant.verifier().expose())];
    for (body, told) in [
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
        assert_eq!(shown, told, "{body}");
    }
}

#[tokio::test]
async fn an_explanation_is_cut_at_300_characters() {
    let body = format!(r#"{{"error": "{}"}}"#, "e".repeat(10_000));
    let error = failure(Step::Login, answer(400, body)).await;
    let (_, shown) = error.detail.split_once("Bad Request: ").unwrap();
    assert_eq!(shown.chars().count(), 300 + "\"\"".len());
}

#[tokio::test]
async fn a_body_that_is_not_json_is_described_and_headers_are_not_told() {
    for (kind, told) in [
        ("text/html; charset=utf-8", " with a web page of 11 bytes instead of JSON"),
        ("text/plain", " with 11 bytes of text/plain"),
        ("x/sk-proj-canary-9f3A", " with 11 bytes of x/sk-[redacted]"),
    ] {
        let template = ResponseTemplate::new(401)
            .insert_header("www-authenticate", format!("Bearer realm=\"{CANARY}\""))
            .set_body_raw(CANARY, kind);
        let error = failure(Step::Login, template).await;
        assert_eq!(error.detail.split_once("401 Unauthorized").unwrap().1, told);
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

#[tokio::test]
async fn compressed_bodies_are_not_unpacked() {
    for encoding in ["gzip", "br", "zstd", "deflate"] {
        let packed = answer(200, *b"\x1f\x8b\x08\x00canary").insert_header("content-encoding", encoding);
        assert_eq!(failure(Step::CreateKey, packed).await.kind, OutOfContract);
    }
}
