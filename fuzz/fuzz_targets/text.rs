//! Text for users. An input has the maximum length of the text, the position of a key in it, a duration in nanoseconds,
//! and the text.
#![no_main]

use keymint_domain::text::{human_duration, is_deceptive, redact_keys, sanitize};
use libfuzzer_sys::fuzz_target;
use std::time::Duration;

const SECRET: &str = "Canary0123456789abcdefgh";

fuzz_target!(|input: (u8, u8, u64, &str)| {
    let (longest, place, nanoseconds, text) = input;
    check_duration(Duration::from_nanos(nanoseconds));
    check_duration(Duration::from_secs(nanoseconds));

    let redacted = redact_keys(text);
    assert_eq!(redact_keys(&redacted), redacted, "a redacted text stays as it is");
    check(text, longest.into());

    let place = text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(place.into());
    let (before, after) = text.split_at(place.unwrap_or_default());
    for prefix in ["sk-", "sk-proj-", "sess-"] {
        let with_key = format!("{before}{prefix}{SECRET}{after}");
        if !text.contains("anary") {
            assert!(!redact_keys(&with_key).contains("anary"), "{with_key:?}");
            assert!(!sanitize(&with_key, usize::MAX).contains("anary"), "{with_key:?}");
        }
        check(&with_key, longest.into());
    }
});

/// Checks that a sanitized text is short enough and safe to display.
fn check(text: &str, longest: usize) {
    let shown = sanitize(text, longest);
    assert!(shown.chars().count() <= longest.max(1), "{shown:?} is longer than {longest}");
    assert!(!shown.contains(is_deceptive), "{shown:?}");
    assert_eq!(sanitize(&shown, longest), shown, "a clean text stays as it is");
}

/// Checks that the text of a duration has its value, in the precision of the text.
fn check_duration(duration: Duration) {
    let shown = human_duration(duration);
    let (number, unit) = shown.split_once(' ').expect("a number and a unit");
    let number: f64 = number.parse().expect("a number");
    let (seconds, exactness) = match unit {
        "ms" => (number / 1e3, 0.001),
        "s" => (number, 0.0501),
        "min" => (number * 60.0, 1.0),
        _ => panic!("{shown}"),
    };
    let meant = duration.as_secs_f64();
    assert!((seconds - meant).abs() <= exactness + meant * 1e-15, "{duration:?} is shown as {shown}");
    assert!(shown.len() <= 25, "{shown}");
}
