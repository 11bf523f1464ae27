//! The operating system: variables, signals and panics.

pub(crate) mod panic_hook;
pub(crate) mod env;
pub(crate) mod signals;
