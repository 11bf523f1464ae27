//! The errors of the libraries, as errors of the command: with a kind, and a hint what to do.

pub(crate) mod delivery;
