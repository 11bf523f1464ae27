//! keymint's two remote services over HTTP: [`HttpAuthServer`] is the authorization server's token
//! and revocation endpoint, [`HttpPlatformApi`] the platform's dashboard API, and [`HttpAdminApi`] the part of its
//! Admin API that manages keys.
//!
//! The adapters send requests and make no decisions. Each method of a port sends one request (a list
//! may take one per page); whether and when to retry is decided by the domain. A call of
//! an adapter of [`Http`] needs a tokio runtime with its timer; making the adapter does not.
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
//! [`Adapters`] makes the first two adapters over a [`Transport`] of the front end, such as the `fetch` of a web page.
//! Their calls need no runtime, and the transport is responsible for the properties of connections below. On
//! WebAssembly the crate has no client, TLS or proxy of its own.
//!
//! Properties of every request:
//!
//! - Redirects are never followed: 307 and 308 would send the code and its verifier to another host.
//! - Nothing is sent on a connection that was opened ahead ([`Http::preconnect`]) before its first
//!   request, and one that the server closed meanwhile is not used.
//! - HTTP/1.1, no cookies, no referer, no compression; a body is read up to a limit.
//! - The time limits are ten seconds for the connection and thirty for the whole request, unless
//!   [`HttpOptions`] change them.
//! - The system's certificates and those of [`ExtraRoots`] are trusted. Nothing is global to the
//!   process.
//! - The proxy is that of [`ProxySettings`], by default of `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`.
//!   Loopback addresses never use it.
//! - An error has the method, the URL without its query, the status, and of the body only the human
//!   explanation that RFC 6749 and the platform define. It never has a secret of the run.

// The layers, from top to bottom. A module imports only from its own layer and from those below.

// Sets of adapters.
mod adapters;
#[cfg(not(target_family = "wasm"))]
mod http;

// The ports.
mod admin_api;
mod auth_server;
mod platform_api;

// Requests, their answers, and their errors in words.
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

/// The example of the documentation, which must compile.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/embedding.md")]
struct Embedding;
