//! The OAuth client: the authorization request and response (RFC 6749) with PKCE (RFC 7636), as values.

pub(crate) mod account;
pub(crate) mod authorization;
pub(crate) mod base_url;
pub(crate) mod pkce;
pub(crate) mod query;
