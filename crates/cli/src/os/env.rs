//! Environment variables.

use crate::error::CliError;
use std::env::VarError;

/// A set of environment variables.
pub(crate) trait Environment: Sync {
    /// Returns the variable's value, or `None` if it is unset or empty.
    fn get(&self, name: &str) -> Result<Option<String>, CliError>;
}

/// The variables of this process.
pub(crate) struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn get(&self, name: &str) -> Result<Option<String>, CliError> {
        match std::env::var(name) {
            Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
            Err(VarError::NotPresent) => Ok(None),
            Err(VarError::NotUnicode(_)) => Err(CliError::usage(format!("{name} is not UTF-8 text"))),
        }
    }
}

/// Variables of a test.
impl Environment for std::collections::HashMap<&str, &str> {
    fn get(&self, name: &str) -> Result<Option<String>, CliError> {
        Ok(Self::get(self, name).map(|value| (*value).to_owned()).filter(|value| !value.is_empty()))
    }
}
