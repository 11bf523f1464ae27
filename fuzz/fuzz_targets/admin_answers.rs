//! Answers of the Admin API. Every parser reads each of them. `~` is a gap for a key that keymint does not know.
#![no_main]

use keymint_domain::text::is_deceptive;
use keymint_domain::{CreatedKey, KeyId, KeyOwner, LastFour, Listing, ProjectKey};
use keymint_fuzz::{contains, fill_in};
use keymint_http_adapter::fuzzing::{
    account_key, admin_keys, admin_projects, deleted, empty_account, project_key, service_account,
};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const UNKNOWN: &str = "sk-proj-canary-unknown-0123456789";

fuzz_target!(|input: &[u8]| {
    if contains(input, "canary") {
        return;
    }
    let body = fill_in(input, &[(b'~', UNKNOWN)]);
    let json: Option<Value> = serde_json::from_slice(&body).ok();
    let text = |path| json.as_ref().map(|json| json.pointer(path).and_then(Value::as_str));

    if let Some(listing) = listed(admin_keys(&body), json.as_ref()) {
        listing.items.iter().for_each(check_key);
    }
    listed(admin_projects(&body), json.as_ref());
    match service_account(&body) {
        Ok(account) => {
            check_created(&account.key, text("/api_key/value"));
            assert!(account.id.is_none_or(|id| text("/id").is_none_or(|text| text == Some(id.as_str()))));
        }
        Err(why) => check(&why),
    }
    match account_key(&body) {
        Ok(key) => check_created(&key, text("/value")),
        Err(why) => check(&why),
    }
    match empty_account(&body, |id| !contains(id.as_bytes(), "canary")) {
        Ok(id) => assert!(!contains(id.as_str().as_bytes(), "canary")),
        Err(why) => check(&why),
    }
    let id = KeyId::parse("key_1").expect("a constant");
    match project_key(&body, &id) {
        Ok(key) => {
            assert_eq!(key.id, id);
            check_key(&key);
        }
        Err(why) => check(&why),
    }
    match deleted(&body, "key_1") {
        Ok(()) => {
            let deleted = json.as_ref().map(|json| (&json["id"], &json["deleted"]));
            assert_eq!(deleted, Some((&Value::from("key_1"), &Value::from(true))));
        }
        Err(why) => check(&why),
    }
});

/// Checks that every entry of a page is in its list or counted as skipped. Returns the list.
fn listed<T>(page: Result<(Listing<T>, Option<String>), String>, json: Option<&Value>) -> Option<Listing<T>> {
    match page {
        Ok((listing, _)) => {
            let entries = json.map(|json| json["data"].as_array().map_or(0, Vec::len));
            assert!(entries.is_none_or(|entries| entries == listing.items.len() + listing.skipped));
            Some(listing)
        }
        Err(why) => {
            check(&why);
            None
        }
    }
}

/// Checks that no id is a key, and that at most four characters of a masked value remain.
fn check_key(key: &ProjectKey) {
    assert!(!contains(key.id.as_str().as_bytes(), "canary"), "{key:?}");
    assert!(key.last_four.is_none_or(|four| LastFour::parse(four.as_str()) == Some(four)));
    if let Some(KeyOwner::ServiceAccount { id: Some(id), .. }) = &key.owner {
        assert!(!id.as_str().is_empty() && !id.as_str().contains(is_deceptive));
    }
}

/// Checks that a created key is that of the answer, in a valid form, and that its id is no key.
fn check_created(created: &CreatedKey, json: Option<Option<&str>>) {
    let key = created.secret.expose();
    assert!((1..=16 * 1024).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(json.is_none_or(|value| value == Some(key)));
    assert!(created.details.id.as_ref().is_none_or(|id| !id.as_str().starts_with("sk-")), "a key is no id");
}

/// Checks that an error has no secret, and is safe to display.
fn check(why: &str) {
    assert!(!contains(why.as_bytes(), "canary"), "{why:?} has a secret in it");
    assert!(!why.contains(is_deceptive) && why.chars().count() <= 400, "{why:?}");
}
