//! The HTTP adapters of keymint: [`HttpAuthServer`] calls the token and revocation endpoints of the authorization
//! server, [`HttpPlatformApi`] the platform's dashboard API, and [`HttpAdminApi`] the part of its Admin API that
//! manages keys.
//!
//! The adapters send requests and make no decisions. Each method of a port sends one request (a list may take one for
//! each page). The domain decides whether and when to retry. Creating an adapter of [`Http`] needs no runtime, but
//! calling it needs a tokio runtime with time enabled.
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
//! [`Adapters`] creates the first two adapters over a [`Transport`] of the front end, such as the `fetch` of a web
//! page. Calls of these adapters need no runtime, and the transport is responsible for the properties of connections
//! below. On WebAssembly, the crate has no client, TLS or proxy of its own.
//!
//! Properties of every request:
//!
//! - Redirects are never followed: 307 and 308 would send the code and its verifier to another host.
//! - Nothing is sent on a connection that was opened in advance ([`Http::preconnect`]) before its first
//!   request. A connection that the server has closed by then is not used.
//! - Requests use HTTP/1.1 without cookies, referer or compression. A body is read up to a limit.
//! - The time limits are ten seconds for the connection and thirty for the whole request, unless
//!   [`HttpOptions`] change them.
//! - The system's certificates and those of [`ExtraRoots`] are trusted. Nothing in the process is global.
//! - The proxy is that of [`ProxySettings`], by default of `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`.
//!   Loopback addresses never use it.
//! - An error contains the method, the URL without its query and the status. Of the body it contains only the
//!   explanation for humans that RFC 6749 and the platform define. It never contains a secret of the run.

// The layers, from top to bottom. A module imports only from its own layer and from those below.

// Sets of adapters.
mod adapters;
#[cfg(not(target_family = "wasm"))]
mod http;

// The ports.
mod admin_api;
mod auth_server;
mod platform_api;

// Requests, answers, and descriptions of errors.
mod answer_log;
mod body;
mod endpoint;
mod error_body;
mod request;
mod retry_after;

// Bodies.
mod admin_entries;
mod admin_wire;
mod entries;
mod expected;
mod id_token;
mod json;
mod list;
mod login_lists;
mod paging;
mod shape;
mod short_text;
mod wire;

// The connections of native programs.
#[cfg(not(target_family = "wasm"))]
mod client;
#[cfg(not(target_family = "wasm"))]
mod failure;
#[cfg(not(target_family = "wasm"))]
mod options;
#[cfg(not(target_family = "wasm"))]
mod preconnect;
#[cfg(not(target_family = "wasm"))]
mod proxy;
#[cfg(not(target_family = "wasm"))]
mod roots;
#[cfg(not(target_family = "wasm"))]
mod service;
#[cfg(not(target_family = "wasm"))]
mod tls;

mod redact;
mod transport;

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;

pub use adapters::Adapters;
pub use admin_api::HttpAdminApi;
pub use answer_log::AnswerLog;
pub use auth_server::HttpAuthServer;
#[cfg(not(target_family = "wasm"))]
pub use http::Http;
#[cfg(not(target_family = "wasm"))]
pub use options::{HttpOptions, HttpSetupError};
pub use platform_api::HttpPlatformApi;
#[cfg(not(target_family = "wasm"))]
pub use proxy::{InvalidProxy, Proxy, ProxySettings};
#[cfg(not(target_family = "wasm"))]
pub use roots::{ExtraRoots, InvalidPem};
pub use transport::{Request, Response, ResponseBody, Transport, TransportError, USER_AGENT};

/// Holds the example of the documentation, which must compile.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/embedding.md")]
struct Embedding;
