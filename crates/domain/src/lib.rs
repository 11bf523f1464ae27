//! Gets an OpenAI project API key through a browser sign-in. This crate holds the rules and the flow; it
//! has no runtime, HTTP library, clock or terminal.
//!
//! A front end brings three adapters, the [`AuthServer`], the [`PlatformApi`] and the [`Clock`],
//! and takes these steps:
//!
//! 1. [`Client::begin`] makes a [`PendingAuthorization`] from the operating system's randomness.
//! 2. The user opens its [`authorize_url`](PendingAuthorization::authorize_url) in a browser.
//! 3. [`wait_for_grant`] waits for the browser's response at a [`ResponseSource`] such as a loopback
//!    listener, or the front end reads it with [`read_pasted`](PendingAuthorization::read_pasted).
//!    Either way the response becomes an [`AuthorizationGrant`]. Until then the authorization can be
//!    [saved](SavedAuthorization), and continued in another process.
//! 4. [`Provisioner::provision`] exchanges the grant, waits for the default project and creates one key.
//!    To ask the user in between, call its parts: [`sign_in`](Provisioner::sign_in),
//!    [`wait_for_target`](Provisioner::wait_for_target) and [`create_key`](Provisioner::create_key).
//!    [`wait_for_targets`](Provisioner::wait_for_targets) lists the targets to choose from.
//! 5. [`deliver`] gives the key to each [`KeyDestination`], and to a recovery store if one fails.
//! 6. [`Revocation::run`] revokes the refresh token that the sign-in leaves behind. The front end takes the
//!    revocation from the grant before step 4, so that it also works after an error or a dropped future.
//!
//! An [`Administrator`] manages the keys that exist, through the [`AdminApi`]: it lists and revokes them, and creates
//! service accounts. A [`Rotation`] replaces a key, and revokes the old one only once the new one works everywhere.
//!
//! Each step consumes the pending authorization, the grant or the session that it uses, so that one
//! sign-in makes one key.
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
//! println!("Open {} and paste the URL of the last page.", pending.authorize_url());
//! # let read_line = || approved_redirect(&pending);
//! let Callback::Response(response) = pending.read_pasted(&read_line()) else {
//!     return Err("this URL is not the response".into());
//! };
//! let grant = pending.accept(response)?;
//!
//! let ports = Ports { auth_server: &auth_server, platform: &platform, clock: &clock };
//! let plan = Plan::named("my laptop");
//! let revocation = grant.revocation();
//! let outcome = Provisioner::new(ports, &plan).provision(grant).await;
//! if let Ok(created) = &outcome {
//!     println!("A key for {}, ending in {}", created.target.organization_id, created.key.last_four());
//! }
//! revocation.run(&auth_server, &clock).await;
//! # outcome?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! Futures are `Send`. Dropping a future cancels its request. Let [`create_key`](Provisioner::create_key) run
//! to its end, since a key may exist once it has begun. One closure receives the progress as [`Event`]s.
//!
//! Each kind of secret has its own type, such as [`ApiKey`]. A secret cannot be printed, cloned, compared or
//! serialized, and its memory is wiped on drop. Only its `expose` method returns it. Copies in an HTTP library
//! are wiped only if the program's allocator wipes freed memory.
//!
//! # Ports
//!
//! An implementation of [`AuthServer`], [`PlatformApi`] or [`AdminApi`] sends each request once (a list may
//! take one for each page) and reports the result. A failure is a [`ServiceError`] with the [`Step`] of the
//! request. The domain decides about retries, waits and failures. Dropping a future must cancel its request.
//! The module `testing::conformance` checks implementations.
//!
//! # Features
//!
//! - `testing`: a clock that a test runs, stateful fakes of every port, and conformance checks for
//!   implementations of the ports
//! - `os-entropy`: [`Entropy`] from the operating system
//! - `serde`: serialization of targets, organizations, projects, events and saved authorizations
//!
//! With the feature `serde`, a [`Target`] is `{"organization": {"id", "title"}, "project": {"id", "title"}}`, with
//! the raw titles and without policies. An [`Organization`] or a [`Project`] has its policies if they are known.
//! In a [`Catalogue`], an organization also has its `projects`, or the `error` of their list with its `reason`. An
//! [`Event`] has its [name](Event::name) as `event`, after its facts. Durations are in milliseconds. In the titles
//! of events, text that looks like a key is redacted, since events are logged.

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
    PendingAuthorization, REGISTERED_REDIRECT_URI, Revocation, SavedAuthorization, Stray, pasted_state,
};
pub use oauth::base_url::{BaseUrl, InvalidBaseUrl};
pub use platform::answer_end::AnswerEnd;
pub use platform::id::{InvalidId, KeyId, OrganizationId, ProjectId, ServiceAccountId};
pub use platform::listing::Listing;
pub use platform::login::{Login, LoginOrganization};
pub use platform::new_key::{
    CreatedKey, InvalidLifetime, InvalidScope, KeyDetails, KeyLifetime, KeyScope, NewKey, Restriction,
};
pub use platform::organization::{Organization, Project, Role};
pub use platform::project_key::{KeyChange, KeyOwner, LastFour, ProjectKey};
pub use platform::service_account::ServiceAccount;
pub use platform::target::{PolicyOwner, Target};
pub use platform::title::Title;
pub use policy::key_match::{KeyChoice, KnownKey, keys_ending_in, named_key};
pub use policy::polling::PollPolicy;
pub use policy::preference::{by_preference, default_project};
pub use policy::project_match::ProjectError;
pub use policy::selector::{Candidate, RequestedTarget, TargetError, TargetSelector};
pub use ports::{AdminApi, AuthServer, PlatformApi, ResponseSource, SourceError, Tokens};
pub use provisioning::admin::{
    Administrator, ProvisionedAccount, RevokeError, ServiceAccountError, StoppedRevocation,
};
pub use provisioning::catalogue::{Catalogue, CatalogueEntry};
pub use provisioning::error::{FailureKind, ProvisionError};
pub use provisioning::flow::{KeyCheck, ProvisionedKey, check_key, wait_for_grant};
pub use provisioning::inventory::{Inventory, InventoryKey};
pub use provisioning::plan::{Plan, Ports, Timeouts};
pub use provisioning::provisioner::{Provisioner, Session};
pub use provisioning::revocation::RevocationOutcome;
pub use provisioning::rotation::{KeptReason, OldKey, OldKeyOutcome, RevocableKey, Rotation, RotationReport};
pub use secret::{
    AccessToken, AdminKey, ApiKey, AuthorizationCode, CodeVerifier, InvalidSecret, NotAProjectKey,
    RefreshToken, SessionKey, State,
};
pub use service_error::{
    Advice, ConnectFailure, Intermediary, ProxyInUse, Reason, ServiceError, ServiceErrorKind, Step,
};
pub use url::Url;
