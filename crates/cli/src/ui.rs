//! The user interface: standard error, standard output, events, prompts.

pub(crate) mod events;
pub(crate) mod format;
pub(crate) mod json;
pub(crate) mod message;
pub(crate) mod old_key;
pub(crate) mod output;
pub(crate) mod progress;
pub(crate) mod prompter;
pub(crate) mod reporter;
pub(crate) mod stdout;
pub(crate) mod text;
