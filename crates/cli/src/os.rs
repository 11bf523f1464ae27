//! The operating system: variables and panics.

pub(crate) mod panic_hook;
pub(crate) mod env;
