//! What is known of the machine that the command runs on.

pub(crate) mod environment;
