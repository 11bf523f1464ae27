//! The operating system: variables, signals and standard streams.

pub(crate) mod core_dumps;
pub(crate) mod env;
pub(crate) mod signals;
pub(crate) mod stderr;
pub(crate) mod stdin;
