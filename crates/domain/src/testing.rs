//! A clock that a test runs, stateful fakes of every port, and conformance checks for implementations of the
//! ports (feature `testing`).
//!
//! [`FakeClock::run`] drives a future to completion. Whenever everything waits, the time jumps to the next
//! deadline, so that an hour of waiting takes microseconds, and each run is the same.
//!
//! ```
//! # use keymint_domain::testing::*;
//! # use keymint_domain::*;
//! # use std::time::Duration;
//! let clock = FakeClock::new();
//! let auth_server = FakeAuthServer::new(&clock);
//! let platform = FakePlatform::ready(&clock).projects_ready_after(Duration::from_secs(12));
//! let ports = Ports { auth_server: &auth_server, platform: &platform, clock: &clock };
//!
//! let plan = Plan::named("my key");
//! let created = clock.run(Provisioner::new(ports, &plan).provision(granted())).unwrap();
//!
//! assert_eq!(created.key.expose(), platform.keys()[0]);
//! assert!(clock.now().since(Moment::ORIGIN) < Duration::from_secs(14));
//! ```

mod admin;
mod clock;
pub mod conformance;
mod destination;
mod platform;
mod sign_in;

pub use admin::{FakeAdmin, admin_key, project_key};
pub use clock::FakeClock;
pub use destination::FakeDestination;
pub use platform::{Call, FakePlatform, organization, project};
pub use sign_in::{FakeAuthServer, FakeSource, approved_redirect, granted, pending};
