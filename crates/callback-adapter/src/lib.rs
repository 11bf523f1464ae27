//! The loopback listener of a sign-in, which receives the authorization response: the authorization server redirects
//! the browser to it (RFC 8252 section 7.3).
//!
//! [`LoopbackListener`] turns sockets into request targets and verdicts into pages. It does not decide
//! what an authorization response means:
//! [`PendingAuthorization::read_callback`](keymint_domain::PendingAuthorization::read_callback) does.
//!
//! ```
//! use keymint_callback_adapter::{LoopbackListener, Outcome};
//! use keymint_domain::{Client, Entropy, ResponseSource};
//! # use keymint_sandbox::{Consent, Sandbox, Scenario, sign_in};
//! # fn os_random_bytes(bytes: &mut [u8]) -> std::io::Result<()> { bytes.fill(7); Ok(()) }
//! # fn open_browser(url: &url::Url) { tokio::spawn(allow(url.to_string())); }
//! # async fn allow(url: String) { sign_in(&url, Consent::Allow).await.unwrap(); }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = Sandbox::start(Scenario::ready()).await?;
//! # let client = Client::at(keymint_domain::BaseUrl::parse(sandbox.issuer())?);
//! # let port = 0;
//!
//! // OpenAI's server accepts port 5000 only. Port 0 selects any free port.
//! let mut listener = LoopbackListener::bind(port)?.observed_by(|warning| eprintln!("{warning:?}"));
//! listener.self_test().await?;
//! let entropy = Entropy::fill_with(os_random_bytes)?;
//! let pending = client.begin(listener.redirect_uri().clone(), entropy);
//! println!("Open {}", pending.authorize_url());
//! open_browser(&listener.start_url(&pending));
//!
//! let response = listener.receive(&pending).await?;
//! if let Some(mismatch) = listener.browser_mismatch() {
//!     println!("Was it you? {mismatch:?}");
//! #   panic!("it was one browser");
//! }
//! // Exchange the code, create the key and deliver it. Then show the outcome in the browser:
//! listener.conclude(Outcome::KeyDelivered).await;
//! # Ok(())
//! # }
//! ```
//!
//! # Threat model
//!
//! Every program on the machine can send requests to the listener, and so can every web page that is
//! open in a browser. A request therefore changes nothing unless it is a navigation by the user to
//! exactly the redirect URI, with the right state. The first such request wins. Any other request gets
//! a short page that repeats nothing of it, and the listener continues to wait. Memory, connections and time per
//! connection are bounded. A flood of connections cannot keep a new one out: the oldest connection is
//! closed to make room, and on Linux a connection of another user before one of this user.
//!
//! The right state proves that the sender saw the authorization request. A cookie, set at the
//! [start URL](LoopbackListener::start_url), identifies the browser that was opened. A response without
//! the cookie is accepted, since users paste URLs into other browsers. [`BrowserMismatch`] reports when
//! to ask the user for confirmation.
//!
//! The observer receives a [`ListenerWarning`] when the user might otherwise wait in vain, for example
//! because the browser speaks TLS and cannot return.
//!
//! # The port
//!
//! An authorization server compares the redirect URI with the registered one. A busy port is therefore
//! an error, never a reason to use another port. The host of the redirect URI is `localhost`, and a
//! browser tries `[::1]` before `127.0.0.1`. The listener binds both addresses and fails if another
//! program has either. Another program may still receive the browser's request in its place, which the
//! [self-test](LoopbackListener::self_test) detects. On Unix the sockets have `SO_REUSEADDR`, so that a
//! port can be bound again right after it was closed. On Windows the sockets lack
//! `SO_EXCLUSIVEADDRUSE`, since neither the standard library nor tokio nor socket2 can set it: another
//! program of the same user could share the port.

// Reading order: listener, sockets, server, connection_state, peer, connection, tls_sniffer,
// suppressed_writes, handler, admission, verdict, response, page, outcome, one_time_link,
// outcome_viewer, warnings, self_test, port_owner.
mod admission;
mod connection;
mod connection_state;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod handler;
mod limits;
mod listener;
mod nonce;
mod one_time_link;
mod outcome;
mod outcome_viewer;
mod page;
mod paths;
mod peer;
mod port_owner;
mod response;
mod self_test;
mod server;
mod sockets;
mod suppressed_writes;
mod tls_sniffer;
mod verdict;
mod warnings;

pub use listener::LoopbackListener;
pub use one_time_link::BrowserMismatch;
pub use outcome::{Conclusion, Details, Outcome, Progress};
pub use port_owner::PortOwner;
pub use self_test::{SelfTestError, SelfTestErrorKind};
pub use sockets::{BindError, BindErrorKind};
pub use warnings::ListenerWarning;
