//! What the platform has: organizations, projects, and the lists of them.

pub(crate) mod login;
pub(crate) mod organization;
pub(crate) mod title;
