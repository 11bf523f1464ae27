//! The date and the time of day.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last second of the year 9999.
const LAST_SECOND: Duration = Duration::from_secs(253_402_300_799);

/// The date and time in UTC: `2026-11-24T07:00:00.000000Z`. A clock that is set to before 1970 or after 9999
/// shows the nearest of these.
#[expect(clippy::disallowed_methods, reason = "this is the place that the others ask")]
pub(crate) fn utc_now() -> String {
    let now = SystemTime::now().clamp(UNIX_EPOCH, UNIX_EPOCH + LAST_SECOND);
    humantime::format_rfc3339_micros(now).to_string()
}
