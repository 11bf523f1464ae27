//! `Retry-After`, relative to the `Date` of the same answer. The input is the header of an answer.
#![no_main]

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue};
use httpdate::{fmt_http_date, parse_http_date};
use keymint_http_adapter::fuzzing::retry_after;
use libfuzzer_sys::fuzz_target;
use std::time::Duration;

fuzz_target!(|head: &[u8]| {
    let mut headers = HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        // Other fields have no effect.
        let name = HeaderName::from_bytes(&line[..colon]).ok();
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok();
        if let (Some(name @ (RETRY_AFTER | DATE)), Some(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    let wait = retry_after(&headers);

    let requested: Vec<_> = headers.get_all(RETRY_AFTER).iter().collect();
    let dates: Vec<_> = headers.get_all(DATE).iter().collect();
    let text = |values: &[&HeaderValue]| match values {
        [value] => value.to_str().ok().map(str::to_owned),
        _ => None,
    };
    let Some(requested) = text(&requested) else {
        return assert_eq!(wait, None, "exactly one value counts");
    };
    if !requested.is_empty() && requested.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = requested
            .parse::<u128>()
            .map_or(u64::MAX, |requested| u64::try_from(requested).unwrap_or(u64::MAX));
        return assert_eq!(wait, Some(Duration::from_secs(seconds)), "{requested}");
    }
    let date = |text: &str| parse_http_date(text).ok();
    let (Some(until), Some(now)) = (date(&requested), text(&dates).as_deref().and_then(date)) else {
        return assert_eq!(wait, None, "two dates are needed");
    };
    let wait = wait.expect("both dates are valid");
    if until > now {
        assert_eq!(now + wait, until);
    } else {
        assert_eq!(wait, Duration::ZERO);
    }
    // Every date format has the same meaning.
    headers.insert(RETRY_AFTER, HeaderValue::try_from(fmt_http_date(until)).expect("ASCII"));
    headers.insert(DATE, HeaderValue::try_from(fmt_http_date(now)).expect("ASCII"));
    assert_eq!(retry_after(&headers), Some(wait));
});
