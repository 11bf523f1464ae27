//! The objects of the platform: organizations, projects, keys and their lists.

pub(crate) mod answer_end;
pub(crate) mod id;
pub(crate) mod listing;
pub(crate) mod login;
pub(crate) mod new_key;
pub(crate) mod organization;
pub(crate) mod project_key;
pub(crate) mod service_account;
pub(crate) mod target;
pub(crate) mod title;
