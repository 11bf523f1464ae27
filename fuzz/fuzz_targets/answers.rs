//! The answers of the two servers. Every parser reads each of them. An input is a body, or header fields, an empty line
//! and a body. `$` is a gap for a secret that keymint sent, and `~` for a key that it did not send.
#![no_main]

use http::{HeaderName, HeaderValue, Response};
use keymint_domain::text::is_deceptive;
use keymint_domain::{CreatedKey, Listing, OrganizationId};
use keymint_fuzz::{contains, fill_in};
use keymint_http_adapter::fuzzing::{created_key, error_body, login, organizations, projects, shape, tokens};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::cell::Cell;

// In lowercase, as host names are.
const SENT: &str = "canary-sent-0123456789";
const UNKNOWN: &str = "sk-proj-canary-unknown-0123456789";

/// The maximum length of a text about an answer, in characters.
const LONGEST: usize = 400;

fuzz_target!(|input: &[u8]| {
    if contains(input, "canary") {
        return;
    }
    let input = fill_in(input, &[(b'$', SENT), (b'~', UNKNOWN)]);
    let (head, body) = match input.windows(2).position(|bytes| bytes == b"\n\n") {
        Some(end) => (&input[..end], &input[end + 2..]),
        None => (&b""[..], &input[..]),
    };

    // The text at this path of the body, if the body is JSON.
    let json: Option<Value> = serde_json::from_slice(body).ok();
    let text = |path| json.as_ref().map(|json| json.pointer(path).and_then(Value::as_str));

    let learned = Cell::new(0);
    match tokens(body, |_| learned.set(learned.get() + 1)) {
        Ok(tokens) => {
            agree(tokens.access_token.expose(), text("/access_token"));
            if let Some(email) = tokens.email {
                assert!(!email.as_str().contains(is_deceptive));
            }
        }
        Err(why) => check(&why),
    }
    assert!(learned.get() <= 2, "an answer has at most two other tokens");
    match login(body) {
        Ok(login) => agree(login.session.expose(), text("/user/session/sensitive_id")),
        Err(why) => check(&why),
    }
    match created_key(body) {
        Ok(CreatedKey { secret: key, details, .. }) => {
            agree(key.expose(), text("/key/sensitive_id"));
            assert!(details.id.is_none_or(|id| !id.as_str().starts_with("sk-")), "a key is no id");
            assert!(key.expose().ends_with(key.last_four()) && key.last_four().len() <= 4);
        }
        Err(why) => check(&why),
    }
    check_page(organizations(body), json.as_ref());
    check_page(projects(body), json.as_ref());
    shape(body).lines().for_each(check);

    for status in [307, 400, 503] {
        let mut answer = Response::builder().status(status).body("").expect("a status");
        for line in head.split(|byte| *byte == b'\n') {
            if let Some(colon) = line.iter().position(|byte| *byte == b':')
                && let Ok(name) = HeaderName::from_bytes(&line[..colon])
                && let Ok(value) = HeaderValue::from_bytes(line[colon + 1..].trim_ascii())
            {
                answer.headers_mut().insert(name, value);
            }
        }
        check(&error_body(answer.status(), answer.headers(), body, &[SENT]));
    }
});

/// Checks that a secret is that of the answer, in a valid form.
fn agree(read: &str, json: Option<Option<&str>>) {
    assert!((1..=16 * 1024).contains(&read.len()) && read.bytes().all(|byte| byte.is_ascii_graphic()));
    if let Some(value) = json {
        assert_eq!(value, Some(read));
    }
}

/// Checks that every entry of a page is in its list or counted as skipped.
fn check_page<T>(page: Result<(Listing<T>, Option<String>), String>, json: Option<&Value>) {
    match page {
        Ok((listing, cursor)) => {
            if let Some(cursor) = cursor {
                assert!(OrganizationId::parse(&cursor).is_ok(), "{cursor:?}");
            }
            if let Some(json) = json {
                let entries = json["data"].as_array().map_or(0, Vec::len);
                assert_eq!(listing.items.len() + listing.skipped, entries);
            }
        }
        Err(why) => check(&why),
    }
}

/// Checks that a text about an answer has no secret, and is safe to display.
fn check(text: &str) {
    assert!(!contains(text.as_bytes(), "canary"), "{text:?} has a secret in it");
    assert!(!text.contains(is_deceptive) && text.chars().count() <= LONGEST, "{text:?}");
}
