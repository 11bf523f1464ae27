//! Where the value of an option comes from, and what it may be.

use crate::failure::Failure;
use std::env::VarError;
use std::fmt::Display;
use std::time::Duration;

/// Longest wait for a person or a server. A longer one counts as this.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// Where values that no flag gives come from.
pub(crate) trait Environment {
    /// The variable's value; `None` where it is unset or empty.
    fn get(&self, name: &str) -> Result<Option<String>, Failure>;
}

/// The variables of this process.
pub(crate) struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn get(&self, name: &str) -> Result<Option<String>, Failure> {
        match std::env::var(name) {
            Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
            Err(VarError::NotPresent) => Ok(None),
            Err(VarError::NotUnicode(_)) => Err(Failure::usage(format!("{name} is not UTF-8 text"))),
        }
    }
}

/// The options of a run: each has a flag, and a variable with `KEYMINT_` before its name.
pub(super) struct Options<'a>(pub(super) &'a dyn Environment);

impl Options<'_> {
    /// The value of an option, if it is given anywhere. No message repeats the value: what is
    /// mistyped may be a secret.
    pub(super) fn find<T, E: Display>(
        &self,
        name: &str,
        flag: &Option<String>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Failure> {
        if let Some(value) = flag {
            return parse(value).map(Some).map_err(|error| Failure::usage(format!("--{name}: {error}")));
        }
        let variable = variable(name);
        let Some(value) = self.0.get(&variable)? else { return Ok(None) };
        parse(&value).map(Some).map_err(|error| Failure::usage(format!("{variable}: {error}")))
    }

    /// The same for an option that has a default.
    pub(super) fn set<T, E: Display>(
        &self,
        setting: &mut T,
        name: &str,
        flag: &Option<String>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<(), Failure> {
        if let Some(value) = self.find(name, flag, parse)? {
            *setting = value;
        }
        Ok(())
    }

    /// Whether a variable switches something on that is off by default.
    pub(super) fn is_set(&self, name: &str) -> Result<bool, Failure> {
        let parse = |value: &str| match value.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "on" => Ok(true),
            "0" | "false" | "no" | "off" => Ok(false),
            _ => Err("it must be 1 or 0"),
        };
        Ok(self.find(name, &None, parse)?.unwrap_or(false))
    }
}

pub(super) fn variable(name: &str) -> String {
    format!("KEYMINT_{}", name.replace('-', "_").to_ascii_uppercase())
}

pub(super) fn plain_text(value: &str) -> Result<String, &'static str> {
    if value.is_empty() {
        Err("it must not be empty")
    } else if value.contains(char::is_control) {
        Err("it must not have control characters")
    } else {
        Ok(value.to_owned())
    }
}

pub(crate) fn port_number(value: &str) -> Result<u16, &'static str> {
    value.parse().ok().filter(|port| *port != 0).ok_or("it must be a port number from 1 to 65535")
}

/// `15m`, `90s`, `1h`, `500ms`; a bare number counts seconds.
pub(crate) fn wait(value: &str) -> Result<Duration, &'static str> {
    const NOT_A_TIME: &str = "it must be a time such as 15m, 90s or 500ms";
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let wait = if is_number {
        // More digits than fit mean more than the longest wait.
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        humantime::parse_duration(value).map_err(|_| NOT_A_TIME)?
    };
    if wait.is_zero() { Err("it must be longer than 0") } else { Ok(wait.min(LONGEST_WAIT)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_has_a_unit_or_counts_seconds_and_is_at_most_an_hour() {
        for (text, seconds) in [
            ("90s", 90.0),
            ("15m", 900.0),
            ("500ms", 0.5),
            ("60", 60.0),
            ("1h", 3600.0),
            ("9h", 3600.0),
            ("18446744073709551615", 3600.0),
            ("99999999999999999999999", 3600.0),
        ] {
            assert_eq!(wait(text).map(|wait| wait.as_secs_f64()), Ok(seconds), "{text}");
        }
        for text in ["", "x", "-1", "1.5", "0", "0s"] {
            assert!(wait(text).is_err(), "{text}");
        }
    }
}
