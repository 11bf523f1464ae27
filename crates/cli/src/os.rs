//! The operating system: variables, signals and standard streams.

pub(crate) mod panic_hook;
pub(crate) mod env;
pub(crate) mod signals;
pub(crate) mod stderr;
pub(crate) mod stdin;
