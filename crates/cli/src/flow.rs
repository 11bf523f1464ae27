//! The steps of a sign-in and of the creation of a key, which the commands share.

pub(crate) mod admin;
pub(crate) mod choose;
pub(crate) mod context;
pub(crate) mod create;
pub(crate) mod create_key;
pub(crate) mod delivery;
pub(crate) mod destination;
pub(crate) mod env_conflicts;
pub(crate) mod paste;
pub(crate) mod response;
pub(crate) mod revoke_key;
pub(crate) mod rotation;
pub(crate) mod servers;
pub(crate) mod sign_in;
pub(crate) mod stored_key;
pub(crate) mod verify_key;
