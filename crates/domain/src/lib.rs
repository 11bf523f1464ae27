//! From a browser sign-in to a working OpenAI project API key: the rules and the story, without
//! a runtime, an HTTP library, a clock or a terminal.
//!
//! A front end brings three adapters, the [`AuthServer`], the [`PlatformApi`] and the [`Clock`],
//! and walks one way:
//!
//! 1. [`Client::begin`] makes a [`PendingAuthorization`] from the operating system's randomness.
//! 2. The person opens its [`authorize_url`](PendingAuthorization::authorize_url) in a browser.
//! 3. The browser's answer comes back: [`wait_for_grant`] waits for it at a [`ResponseSource`] such as
//!    a loopback listener, or the front end reads it itself with
//!    [`read_pasted`](PendingAuthorization::read_pasted). Either way it becomes an
//!    [`AuthorizationGrant`]. In between it can be [saved](SavedAuthorization), and go on in another
//!    process.
//! 4. [`Provisioner::provision`] exchanges it, waits for the default project and creates one key. It is
//!    [`sign_in`](Provisioner::sign_in), [`wait_for_target`](Provisioner::wait_for_target) and
//!    [`create_key`](Provisioner::create_key), which can also be called one by one, with a question to
//!    the user in between. [`wait_for_targets`](Provisioner::wait_for_targets) lists what to choose from.
//! 5. [`deliver`] gives the key to each [`KeyDestination`], and to a recovery store if one fails.
//!
//! The pending authorization, the grant and the session are each consumed by the step that uses
//! them up, so that one sign-in makes one key.
//!
//! ```
//! use keymint_domain::{Callback, Client, Entropy, Plan, Ports, Provisioner};
//! # use keymint_domain::testing::{FakeAuthServer, FakeClock, FakePlatform, approved_redirect};
//! # let clock = FakeClock::new();
//! # let auth_server = FakeAuthServer::new(&clock);
//! # let platform = FakePlatform::ready(&clock);
//! # fn random_bytes_of_the_system(bytes: &mut [u8]) -> std::io::Result<()> { bytes.fill(7); Ok(()) }
//! # clock.run(async {
//!
//! let redirect_uri = keymint_domain::REGISTERED_REDIRECT_URI.parse()?;
//! let entropy = Entropy::fill_with(random_bytes_of_the_system)?;
//! let pending = Client::default().begin(redirect_uri, entropy);
//!
//! println!("Open {} and paste the address that the browser ends on.", pending.authorize_url());
//! # let read_line = || approved_redirect(&pending);
//! let Callback::Response(response) = pending.read_pasted(&read_line()) else {
//!     return Err("that is not the address".into());
//! };
//! let grant = pending.accept(response)?;
//!
//! let ports = Ports { auth_server: &auth_server, platform: &platform, clock: &clock };
//! let plan = Plan::named("a name to find it by");
//! let created = Provisioner::new(ports, &plan).provision(grant).await?;
//! println!("A key for {}, ending in {}", created.target.organization_id, created.key.last_four());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! Futures are `Send` and may be dropped at any time, which ends the request under way; only
//! [`create_key`](Provisioner::create_key) should run to its end, since a key may exist once it has
//! begun. Progress comes as [`Event`]s through one closure. Secrets have types that cannot be printed.
//! Three features add to this:
//!
//! - `testing`: a clock that a test runs, stateful fakes of every port, and checks for those who
//!   implement the ports
//! - `os-entropy`: [`Entropy`] from the operating system
//! - `serde`: targets, organizations, projects, events and saved authorizations as JSON and the like

mod clock;
mod delivery;
mod event;
mod oauth;
mod platform;
mod policy;
mod ports;
mod provisioning;
mod secret;
#[cfg(feature = "serde")]
mod serialization;
mod service_error;
#[cfg(feature = "testing")]
pub mod testing;
pub mod text;

pub use async_trait::async_trait;
pub use clock::{Clock, Elapsed, Moment};
pub use delivery::{DeliveryError, DeliveryReport, DestinationId, KeyDestination, deliver};
pub use event::{Event, Observation, Observer, no_observer};
pub use oauth::account::AccountEmail;
pub use oauth::authorization::{
    AuthorizationError, AuthorizationGrant, AuthorizationResponse, Callback, Client, Entropy, InvalidSaved,
    PendingAuthorization, REGISTERED_REDIRECT_URI, SavedAuthorization, Stray,
};
pub use oauth::base_url::{BaseUrl, InvalidBaseUrl};
pub use platform::organization::{
    InvalidId, Listing, Organization, OrganizationId, Project, ProjectId, Target,
};
pub use platform::title::Title;
pub use policy::polling::PollPolicy;
pub use policy::preference::{by_preference, default_project};
pub use policy::selector::{Candidate, RequestedTarget, TargetError, TargetSelector};
pub use ports::{AuthServer, PlatformApi, ResponseSource, SourceError, Tokens};
pub use provisioning::catalogue::{Catalogue, CatalogueEntry};
pub use provisioning::error::ProvisionError;
pub use provisioning::flow::{KeyCheck, ProvisionedKey, check_key, wait_for_grant};
pub use provisioning::plan::{Plan, Ports, Timeouts};
pub use provisioning::provisioner::{Provisioner, Session};
pub use secret::{AccessToken, ApiKey, AuthorizationCode, CodeVerifier, InvalidSecret, SessionKey, State};
pub use service_error::{Advice, ConnectFailure, ServiceError, ServiceErrorKind, Step};
pub use url::Url;
