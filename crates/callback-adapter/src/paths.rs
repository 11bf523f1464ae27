//! The paths that the listener serves, apart from those of a client's own redirect URI.

/// The path of the redirect URI that is registered for the default client.
pub(crate) const CALLBACK: &str = "/auth/callback";

/// The path of the outcome page. The browser is redirected there, so that the code leaves its address bar.
pub(crate) const OUTCOME: &str = "/auth/done";

/// The path of the one-time link, before its nonce.
pub(crate) const START: &str = "/start/";

/// The path of the self-test's probe, before its nonce.
pub(crate) const PROBE: &str = "/.keymint/";
