//! keymint's two remote services over HTTP: [`HttpAuthServer`] is the authorization server's token
//! endpoint, [`HttpPlatformApi`] the platform's dashboard API.
//!
//! They carry and do not decide. Each call of a port is one request (a list may take one for each
//! of its pages); whether and when to try again is the domain's affair. A call needs a tokio
//! runtime with its timer; making an adapter does not.
//!
//! ```
//! use keymint_domain::{BaseUrl, Client};
//! use keymint_http_adapter::{Http, HttpOptions};
//!
//! let http = Http::new(HttpOptions::default());
//! let auth_server = http.auth_server(Client::default().issuer)?;
//! let platform = http.platform_api(BaseUrl::openai_api())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What holds for every request:
//!
//! - A redirect is never followed: 307 and 308 would carry the code and its verifier elsewhere.
//! - A connection that was opened ahead ([`Http::preconnect`]) had no byte sent on it, and one that the
//!   server closed meanwhile is not used.
//! - HTTP/1.1, no cookies, no referer, no compression; a body is read up to a bound.
//! - The connection has ten seconds and the whole request thirty, unless [`HttpOptions`] say
//!   otherwise.
//! - The system's certificates are trusted, and those of [`ExtraRoots`]. Nothing is global to the
//!   process.
//! - `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` are honoured, except on the way to this machine
//!   itself.
//! - An error tells method, URL without query, status, and of the body no more than what RFC 6749
//!   and the platform put there for people; never a secret of the run.

// The layers, from top to bottom. A module imports only from its own layer and from those below.

mod http;

// The ports.
mod auth_server;
mod platform_api;

// Requests, and their errors in words.
mod check_connection;
mod endpoint;
mod error_body;
mod request;
mod retry_after;
mod transport;

// Bodies.
mod id_token;
mod json;
mod list;
mod paging;
mod wire;

// Connections.
mod options;
mod preconnect;
mod roots;
mod service;
mod tls;

mod redact;

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;

pub use auth_server::HttpAuthServer;
pub use check_connection::CheckConnectionError;
pub use http::Http;
pub use options::{HttpOptions, HttpSetupError};
pub use platform_api::{HttpPlatformApi, KeyCheck};
pub use roots::{ExtraRoots, InvalidPem};

/// The README's example, which must compile.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
