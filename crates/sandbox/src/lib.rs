//! A strict simulation of keymint's remote services: the authorization server, and the platform API with the part of
//! its Admin API that manages keys.
//!
//! A [`Sandbox`] listens on two loopback origins and simulates both services as a [`Scenario`] describes. It refuses
//! what the real services refuse: a code that was used before, a verifier that does not match, another redirect URI,
//! the wrong kind of bearer token. It records [every request](Sandbox::requests) and [every violation of the
//! protocol](Sandbox::violations) for tests. [`sign_in`] simulates the browser.
//!
//! A [`NamedScenario`] simulates a known case of the live service, such as a challenge page or an account that is not
//! onboarded.
//!
//! The sandbox implements the protocol from its description. It shares no code with the client, so both
//! cannot contain the same mistake.
//!
//! ```
//! use keymint_sandbox::{Reply, Sandbox, Scenario, Step};
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let new_account = Scenario::ready()
//!     .project_ready_after(Duration::from_secs(2))
//!     .reply(Step::Login.nth(1), Reply::status(503).header("retry-after", "1"));
//! let sandbox = Sandbox::start(new_account).await?;
//!
//! println!("issuer: {}, API: {}", sandbox.issuer(), sandbox.api_base());
//! // ... sign in ...
//! assert_eq!(sandbox.violations(), Vec::<String>::new());
//! # Ok(())
//! # }
//! ```
//!
//! # Code map
//!
//! A request passes, in this order, through `server` (sockets), `dispatcher` (the log and the scripted
//! replies), `routes`, `auth_server`, `platform_api` or `admin_api` (translation between bytes and rules), and
//! `server_state` (the rules). From `dispatcher` on, everything is a function of values, and time is an argument.

mod login_lists;
mod named_scenario;
mod sandbox;
mod scenario;

mod reply;
mod request;

mod server;

mod dispatcher;
mod routes;

mod admin_api;
mod auth_server;
mod platform_api;

mod page;

mod server_state;

mod browser;

mod credentials;
mod form;
mod response;

pub use browser::{Consent, FinalPage, sign_in, sign_in_remotely};
pub use login_lists::LoginLists;
pub use named_scenario::NamedScenario;
pub use reply::{Calls, Reply, Step};
pub use request::{Origin, Request};
pub use sandbox::Sandbox;
pub use scenario::{Organization, Project, Scenario};
pub use server_state::{CreatedKey, RefreshToken};
