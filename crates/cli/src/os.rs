//! The operating system: time, variables, signals, standard streams, and the owner of a port.

pub(crate) mod clock;
pub(crate) mod core_dumps;
pub(crate) mod env;
pub(crate) mod port_owner;
pub(crate) mod signals;
pub(crate) mod stderr;
pub(crate) mod stdin;
