//! Which stored key is meant, and the variable that a program looks for it in.

use super::options::Sources;
use crate::error::CliError;
use keymint_delivery_adapter::VariableName;

/// Longest name of a profile, in characters.
const LONGEST_PROFILE: usize = 64;

pub(crate) fn variable(flag: &Option<String>, of: &Sources<'_>) -> Result<VariableName, CliError> {
    Ok(of.get("var", flag, VariableName::parse)?.unwrap_or_default())
}

/// Whether a person may be asked.
pub(crate) fn may_ask(no_input: bool, of: &Sources<'_>) -> Result<bool, CliError> {
    Ok(!(no_input || of.is_set("no-input")?))
}

pub(super) fn profile_name(name: &str) -> Result<String, &'static str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if (1..=LONGEST_PROFILE).contains(&name.len()) && name.chars().all(fits) {
        Ok(name.to_owned())
    } else {
        Err("it must be at most 64 letters, digits, -, _ and .")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_has_a_plain_name() {
        for good in ["default", "work-2.eu_west"] {
            assert_eq!(profile_name(good), Ok(good.to_owned()));
        }
        for bad in ["", "a b", "a/b", "é", "a\n", &"x".repeat(65)] {
            assert!(profile_name(bad).is_err(), "{bad}");
        }
    }
}
