//! The machine that the command runs on.

pub(crate) mod environment;
