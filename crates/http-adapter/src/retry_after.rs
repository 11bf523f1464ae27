//! The wait that a server asks for.

use http::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use std::time::{Duration, SystemTime};

/// Returns the wait of `Retry-After` (RFC 9110 section 10.2.3), which is a number of seconds or a date. `None` unless
/// there is exactly one valid value.
///
/// A date is compared with the answer's own `Date`, so that a wrong clock on this machine has no effect.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let asked = only(headers, RETRY_AFTER)?;
    if asked.bytes().all(|byte| byte.is_ascii_digit()) && !asked.is_empty() {
        // A value that is too large for the type means a very long wait.
        return Some(Duration::from_secs(asked.parse().unwrap_or(u64::MAX)));
    }
    let until = date(asked)?;
    let now = date(only(headers, DATE)?)?;
    Some(until.duration_since(now).unwrap_or_default())
}

fn date(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text).ok()
}

fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).into_iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { value.to_str().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::HeaderValue;

    #[test]
    fn the_table_of_values() {
        const NOW: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (values, date, expected) in [
            (&["2"][..], None, Some(2)),
            (&["0"], None, Some(0)),
            (&["99999"], None, Some(99_999)),
            (&["99999999999999999999999"], None, Some(u64::MAX)),
            (&["Sun, 06 Nov 1994 08:50:37 GMT"], Some(NOW), Some(60)),
            (&["Sunday, 06-Nov-94 08:50:37 GMT"], Some(NOW), Some(60)),
            (&["Sun Nov  6 08:50:37 1994"], Some(NOW), Some(60)),
            (&["Sun, 06 Nov 1994 08:48:37 GMT"], Some(NOW), Some(0)),
            (&["Sun, 06 Nov 1994 08:50:37 GMT"], None, None),
            (&["Sun, 06 Nov 1994 08:50:37 GMT"], Some("yesterday"), None),
            (&["Sun, 99 Nov 1994 08:50:37 GMT"], Some(NOW), None),
            (&[], Some(NOW), None),
            (&["2", "2"], None, None),
            (&["2, 3"], None, None),
            (&["-1"], None, None),
            (&["+1"], None, None),
            (&["2.5"], None, None),
            (&["1e9"], None, None),
            (&["abc"], None, None),
            (&[""], None, None),
            (&["٣"], None, None),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(RETRY_AFTER, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            if let Some(date) = date {
                headers.insert(DATE, HeaderValue::from_static(date));
            }
            assert_eq!(retry_after(&headers), expected.map(Duration::from_secs), "{values:?} {date:?}");
        }
    }
}
