//! The operating system: environment variables and panics.

pub(crate) mod panic_hook;
pub(crate) mod env;
