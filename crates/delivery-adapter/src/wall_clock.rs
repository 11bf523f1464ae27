//! The date and the time of day. Use the [`Clock`](keymint_domain::Clock) to measure durations.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The year of this version. A clock that shows an earlier year is wrong.
const FIRST_YEAR: &str = "2026";

/// The last second of the year 9999, since 1970.
const LAST_SECOND: Duration = Duration::from_secs(253_402_300_799);

/// Returns the date and time of day for display, in UTC: `2026-11-24T07:00:00.000000Z`. A clock that is set before
/// 1970 or after 9999 shows the nearest time in that range.
#[expect(clippy::disallowed_methods, reason = "this is the place that the others ask")]
pub fn utc_now() -> String {
    utc(SystemTime::now())
}

/// Returns whether a clock that shows this time can be right. The time has the format of [`utc_now`].
pub fn is_plausible(utc: &str) -> bool {
    utc >= FIRST_YEAR
}

/// Returns the seconds since 1970, by the clock that all processes share.
#[expect(clippy::disallowed_methods, reason = "this is the place that the others ask")]
pub fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Returns a time in seconds since 1970 in the format `2026-11-24T07:00:00Z`.
pub fn utc_of(seconds: u64) -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds).min(LAST_SECOND)).to_string()
}

/// Returns the seconds since 1970 of a time in the format of [`utc_now`] or [`utc_of`].
pub fn unix_of(utc: &str) -> Option<u64> {
    let time = humantime::parse_rfc3339(utc).ok()?;
    time.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
}

fn utc(time: SystemTime) -> String {
    let time = time.clamp(UNIX_EPOCH, UNIX_EPOCH + LAST_SECOND);
    humantime::format_rfc3339_micros(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_wrongly_does_no_harm() {
        let day = Duration::from_secs(24 * 60 * 60);
        for (time, shown) in [
            (UNIX_EPOCH - day, "1970-01-01T00:00:00.000000Z"),
            (UNIX_EPOCH + day, "1970-01-02T00:00:00.000000Z"),
            (UNIX_EPOCH + day * 365 * 9_000, "9999-12-31T23:59:59.000000Z"),
        ] {
            assert_eq!(utc(time), shown);
        }
    }

    #[test]
    fn a_time_that_is_shown_is_read() {
        assert_eq!(unix_of(&utc_of(1_771_927_200)), Some(1_771_927_200));
        assert_eq!(unix_of("1970-01-02T00:00:00.000000Z"), Some(86_400));
        for none in ["", "tomorrow", "1969-12-31T23:59:59Z"] {
            assert_eq!(unix_of(none), None, "{none:?}");
        }
    }

    #[test]
    fn a_clock_that_cannot_be_right_is_recognized() {
        for (now, is_right) in [
            ("2026-11-24T07:00:00.000000Z", true),
            ("9999-12-31T23:59:59.000000Z", true),
            ("2025-12-31T23:59:59.000000Z", false),
            ("1970-01-01T00:00:00.000000Z", false),
        ] {
            assert_eq!(is_plausible(now), is_right, "{now}");
        }
    }
}
