//! The loopback listener that a browser is sent back to at the end of a sign-in (RFC 8252
//! section 7.3).
//!
//! [`LoopbackListener`] turns sockets into request targets, which
//! [`PendingAuthorization::read_callback`](keymint_domain::PendingAuthorization::read_callback)
//! judges, and turns the verdict into a page. What a response means is not decided here.
//!
//! ```
//! use keymint_callback_adapter::{LoopbackListener, Outcome};
//! use keymint_domain::{Client, Entropy, ResponseSource};
//! # use keymint_sandbox::{Consent, Sandbox, Scenario, sign_in};
//! # fn random_bytes_of_the_system(bytes: &mut [u8]) -> std::io::Result<()> { bytes.fill(7); Ok(()) }
//! # // A person who agrees.
//! # fn open_browser(url: &url::Url) { tokio::spawn(sign_in_there(url.to_string())); }
//! # async fn sign_in_there(url: String) { sign_in(&url, Consent::Allow).await.unwrap(); }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = Sandbox::start(Scenario::ready()).await?;
//! # let client = Client::at(keymint_domain::BaseUrl::parse(sandbox.issuer())?);
//! # let port = 0;
//!
//! // OpenAI's server knows port 5000 alone. 0 stands for any that is free.
//! let mut listener = LoopbackListener::bind(port)?.observed_by(|warning| eprintln!("{warning:?}"));
//! listener.self_test().await?;
//! let entropy = Entropy::fill_with(random_bytes_of_the_system)?;
//! let pending = client.begin(listener.redirect_uri().clone(), entropy);
//! println!("Open {}", pending.authorize_url());
//! open_browser(&listener.start_url(&pending));
//!
//! let response = listener.receive(&pending).await?;
//! if let Some(mismatch) = listener.browser_mismatch() {
//!     println!("Was it you? {mismatch:?}");
//! #   panic!("it was one browser");
//! }
//! // Exchange the code, create the key and put it where it belongs. Then tell the browser:
//! listener.conclude(Outcome::KeyDelivered).await;
//! # Ok(())
//! # }
//! ```
//!
//! # Who can talk to it
//!
//! Every program on the machine, and every web page open in its browsers. So a request changes
//! nothing unless it is a person's navigation to exactly the redirect URI that brings the right
//! state; the first such request wins. Whoever sends anything else gets a short constant page, and
//! the listener goes on waiting. Memory, connections and time per connection are bounded, and a
//! crowd of connections cannot keep a new one out: the oldest makes room, and on Linux one of
//! another user before one of this user's.
//!
//! A right state proves that its sender saw the authorization request. Whether it is the browser
//! that was opened is known by a cookie that it got at the
//! [start address](LoopbackListener::start_url). Without the cookie the response counts all the
//! same, since people paste addresses into other browsers; [`BrowserMismatch`] says when to ask them.
//!
//! A browser that cannot come back, since it speaks TLS, and the like is told to the observer
//! ([`ListenerWarning`]), so that a person need not wait in vain.
//!
//! # The port
//!
//! An authorization server compares the redirect URI with the registered one, so a busy port is an
//! error and never a reason to take another one. The redirect URI says `localhost`, and a browser
//! asks `[::1]` for it before `127.0.0.1`, so both are bound, and a stranger on either is an
//! error too. Even so another program may be reached in its place, so there is a
//! [self-test](LoopbackListener::self_test). On Unix the sockets have `SO_REUSEADDR`, so that a
//! port can be bound again right after it was closed. On Windows `SO_EXCLUSIVEADDRUSE` is not set,
//! since neither the standard library nor tokio can do so: there, another program of the same person
//! could join the port.

// To be read in this order: listener, sockets, server, connection_state, connection, tls_sniffer, suppressed_writes, handler,
// admission, verdict, response, page, one_time_link, outcome_viewer, peer, warnings, self_test.
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
mod response;
mod self_test;
mod server;
mod sockets;
mod style;
mod suppressed_writes;
mod tls_sniffer;
mod verdict;
mod warnings;

pub use listener::LoopbackListener;
pub use one_time_link::BrowserMismatch;
pub use outcome::Outcome;
pub use self_test::{SelfTestError, SelfTestErrorKind};
pub use sockets::{BindError, BindErrorKind};
pub use warnings::ListenerWarning;
