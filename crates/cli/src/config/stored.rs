//! The settings of the commands that use a stored key.

use super::options::Sources;
use crate::error::CliError;
use keymint_delivery_adapter::VariableName;

pub(crate) fn variable(flag: &Option<String>, of: &Sources<'_>) -> Result<VariableName, CliError> {
    Ok(of.get("var", flag, VariableName::parse)?.unwrap_or_default())
}

/// Whether a person may be asked.
pub(crate) fn may_ask(no_input: bool, of: &Sources<'_>) -> Result<bool, CliError> {
    Ok(!(no_input || of.is_set("no-input")?))
}
