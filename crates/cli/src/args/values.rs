//! The parsers of the values of options. No error repeats the value, which may be a mistyped secret.

use keymint_domain::text::redact_keys;
use keymint_domain::{KeyLifetime, KeyScope};
use std::ffi::OsStr;
use std::time::Duration;

/// The longest wait for the user or a server.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// Parses `1`, `0` or a word for either of them.
pub(crate) fn switch(value: &str) -> Result<bool, &'static str> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("it must be 1 or 0"),
    }
}

/// Parses a text of one line that is not empty.
pub(crate) fn plain_text(value: &str) -> Result<String, &'static str> {
    if value.is_empty() {
        Err("it must not be empty")
    } else if value.contains(char::is_control) {
        Err("it must not have control characters")
    } else {
        Ok(value.to_owned())
    }
}

/// Parses the name of a new key. It must not have a pasted key in it, since names are sent, shown and recorded.
pub(crate) fn plain_name(value: &str) -> Result<String, &'static str> {
    if redact_keys(value) == value { plain_text(value) } else { Err("it must not have a key in it") }
}

/// Parses the name of a file or a program on this machine.
pub(crate) fn local_name(value: &str) -> Result<String, &'static str> {
    check_local(value.as_ref()).and_then(|()| plain_text(value))
}

/// Rejects a pasted URL in place of a name. The URL may contain a code, and errors display names.
pub(crate) fn check_local(name: &OsStr) -> Result<(), &'static str> {
    let schemes: [&[u8]; 2] = [b"http://", b"https://"];
    let is_url = schemes.iter().any(|scheme| name.as_encoded_bytes().starts_with(scheme));
    if is_url { Err("it must not be a URL") } else { Ok(()) }
}

/// Parses a port number other than 0.
pub(crate) fn port_number(value: &str) -> Result<u16, &'static str> {
    value.parse().ok().filter(|port| *port != 0).ok_or("it must be a port number from 1 to 65535")
}

/// Parses `15m`, `90s`, `1h` or `500ms`. A number without a unit counts seconds.
pub(crate) fn wait(value: &str) -> Result<Duration, &'static str> {
    const NOT_A_TIME: &str = "it must be a time such as 15m, 90s or 500ms";
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let wait = if is_number {
        // A number with too many digits is too long a wait as well.
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        humantime::parse_duration(value).map_err(|_| NOT_A_TIME)?
    };
    if wait.is_zero() || wait > LONGEST_WAIT {
        return Err("it must be longer than 0, and at most 1h");
    }
    Ok(wait)
}

/// Parses `90d`, `12h` or `3600s`. A number without a unit is an error, since no unit is obvious.
pub(crate) fn lifetime(value: &str) -> Result<KeyLifetime, String> {
    let duration =
        humantime::parse_duration(value).map_err(|_| "it must be a time such as 90d, 12h or 3600s")?;
    KeyLifetime::try_from(duration).map_err(|error| error.to_string())
}

/// Parses a comma-separated list of scopes.
pub(crate) fn key_scopes(value: &str) -> Result<Vec<KeyScope>, String> {
    let is_for_sign_in = |name: &str| matches!(name, "openid" | "email" | "profile" | "offline_access");
    if value.split([' ', ',']).any(is_for_sign_in) {
        return Err(
            "it names permissions of the key, such as api.model.read; the OAuth scope of the sign-in is \
                    --oauth-scope (KEYMINT_OAUTH_SCOPE)"
                .to_owned(),
        );
    }
    let scopes = value.split(',').map(|name| KeyScope::parse(name.trim()));
    scopes.collect::<Result<_, _>>().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_has_a_unit_and_is_at_most_a_year() {
        for (text, seconds) in [("90d", 7_776_000), ("1d 12h", 129_600), ("1s", 1), ("365d", 31_536_000)] {
            assert_eq!(lifetime(text).map(KeyLifetime::as_secs), Ok(seconds), "{text}");
        }
        for text in ["", "90", "0", "0s", "-1d", "x", "500ms", "366d", "1y", "99999999999999999999d"] {
            assert!(lifetime(text).is_err(), "{text}");
        }
    }

    #[test]
    fn scopes_are_separated_by_commas_and_are_not_those_of_the_sign_in() {
        let names = |text| {
            key_scopes(text).map(|scopes| scopes.iter().map(|it| it.as_str().to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(names("api.model.read").unwrap(), ["api.model.read"]);
        assert_eq!(names("api.model.read, model.request").unwrap(), ["api.model.read", "model.request"]);
        for text in ["", ",", "a,", "a b", "a\tb"] {
            assert!(names(text).unwrap_err().starts_with("not a scope"), "{text}");
        }
        for text in ["openid", "openid email profile offline_access", "a,email"] {
            assert!(names(text).unwrap_err().contains("--oauth-scope"), "{text}");
        }
    }

    #[test]
    fn a_wait_has_a_unit_or_counts_seconds_and_is_at_most_an_hour() {
        for (text, seconds) in
            [("90s", 90.0), ("15m", 900.0), ("500ms", 0.5), ("60", 60.0), ("1h", 3600.0), ("3600", 3600.0)]
        {
            assert_eq!(wait(text).map(|wait| wait.as_secs_f64()), Ok(seconds), "{text}");
        }
        for text in [
            "",
            "x",
            "-1",
            "1.5",
            "0",
            "0s",
            "61m",
            "2h",
            "3601",
            "18446744073709551615",
            "99999999999999999999999",
        ] {
            assert!(wait(text).is_err(), "{text}");
        }
    }
}
