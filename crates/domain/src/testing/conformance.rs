//! Checks of the contracts of the ports, for any implementation.
//!
//! Each check takes the implementation and the prepared content of its server, and returns the first violation. The
//! checks see what a caller sees. The number and the content of the requests have to be checked at the server.
//!
//! ```
//! # use keymint_domain::testing::{FakeClock, conformance};
//! let clock = FakeClock::new();
//! clock.run(conformance::clock(&clock)).unwrap();
//! ```

mod admin;
mod auth_server;
mod clock;
mod key_destination;
mod platform;

use crate::platform::listing::Listing;
use crate::service_error::{ServiceError, ServiceErrorKind, Step};
pub use admin::{Administration, admin};
pub use auth_server::auth_server;
pub use clock::clock;
pub use key_destination::{failing_key_destination, key_destination};
pub use platform::{Account, platform};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// A violation of a port's contract, as a sentence.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ContractViolation(String);

impl fmt::Debug for ContractViolation {
    /// Writes the sentence itself, so that `unwrap` shows it unchanged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The numbers of polls after which a call is dropped.
const POLLS: [usize; 6] = [1, 2, 4, 8, 16, 32];

fn check(kept: bool, otherwise: impl Into<String>) -> Result<(), ContractViolation> {
    if kept { Ok(()) } else { Err(ContractViolation(otherwise.into())) }
}

/// Polls a call at most this many times, and drops it.
async fn abandon<T>(polls: usize, call: impl Future<Output = T>) {
    let mut call = pin!(call);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 || call.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        left -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Checks that a list has all of these entries, in this order.
fn is_the_list<T: fmt::Debug + PartialEq>(
    what: &str,
    listed: &Listing<T>,
    there: Vec<T>,
) -> Result<(), ContractViolation> {
    let whole = Listing::from(there);
    check(*listed == whole, format!("{what} were listed as {listed:?}, and are {whole:?}"))
}

/// Returns the result of a call that must succeed.
fn success<T>(step: Step, result: Result<T, ServiceError>) -> Result<T, ContractViolation> {
    result.map_err(|error| ContractViolation(format!("{step} is possible, and failed: {}", error.detail)))
}

/// Checks that a call was refused with one of these statuses, and that its error has none of these secrets.
fn refusal<T>(
    step: Step,
    result: Result<T, ServiceError>,
    statuses: &[u16],
    secrets: &[&str],
) -> Result<(), ContractViolation> {
    let Err(error) = result else {
        return Err(ContractViolation(format!("{step} must be refused, and succeeded")));
    };
    let refused =
        matches!(error.kind, ServiceErrorKind::Refused { status, .. } if statuses.contains(&status));
    check(refused, format!("{step} is refused with {statuses:?}, and the error is {:?}", error.kind))?;
    check(error.step == step, format!("{step} was refused, and the error is one of {}", error.step))?;
    let shown = format!("{error} {error:?}");
    check(
        !secrets.iter().any(|secret| shown.contains(secret)),
        format!("an error of {step} contains a secret"),
    )?;
    check(!error.detail.chars().any(char::is_control), format!("an error of {step} has control characters"))
}
