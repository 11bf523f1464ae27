//! What the operating system gives: time, signals, standard streams, and who holds a port.

pub(crate) mod clock;
pub(crate) mod core_dumps;
pub(crate) mod env;
pub(crate) mod port_owner;
pub(crate) mod signals;
pub(crate) mod stderr;
pub(crate) mod stdin;
