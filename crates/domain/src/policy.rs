//! The rules of the flow, as functions of values: which target to select, when to search again, what to retry.

pub(crate) mod key_match;
pub(crate) mod polling;
pub(crate) mod preference;
pub(crate) mod project_match;
pub(crate) mod retry;
pub(crate) mod selector;
pub(crate) mod shortcut;
