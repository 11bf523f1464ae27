//! Delivery of a created key: the port of a destination, and the rule for a key that not every
//! destination has.

use crate::secret::ApiKey;
use async_trait::async_trait;
use std::error::Error;
use std::fmt;

/// A place that can take one key: a file, a keyring, a program, a store of the front end's.
///
/// Everything that can fail without the key has been checked before a value of this type exists, so
/// that a key is not created for a destination that cannot take it.
#[async_trait]
pub trait KeyDestination: Send {
    /// The stable name of the destination, for records and scripts.
    fn id(&self) -> DestinationId;

    /// Returns whether a delivered key stays available. A clipboard, for example, is not durable.
    fn is_durable(&self) -> bool {
        true
    }

    /// Delivers the key, at most once. On success the destination has the whole key and nothing else.
    ///
    /// Dropping the future abandons the delivery. The destination may have the key then, but never a
    /// part of it in place of an earlier value.
    ///
    /// # Errors
    ///
    /// [`DeliveryError`] if the destination may not have the key. Its text repeats no secret.
    async fn deliver(&mut self, key: &ApiKey) -> Result<(), DeliveryError>;
}

/// The stable name of a destination, such as `keyring` or `env-file:/home/user/app/.env`, and the slot in it that has
/// the key. Equal ids name one place, in which a key replaces the one before.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DestinationId {
    name: String,
    slot: Option<String>,
}

impl DestinationId {
    /// Names a destination.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), slot: None }
    }

    /// Adds the slot: the variable in a file, for example, or the profile of a keyring.
    pub fn with_slot(self, slot: impl Into<String>) -> Self {
        Self { slot: Some(slot.into()), ..self }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The slot, if the destination has several.
    pub fn slot(&self) -> Option<&str> {
        self.slot.as_deref()
    }
}

impl fmt::Display for DestinationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The reason why a destination may not have the key.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct DeliveryError(Box<dyn Error + Send + Sync>);

impl DeliveryError {
    /// An error with this cause: an error, or a message. Neither may contain a secret.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

/// The result of a delivery.
///
/// It holds the rule as a value: every destination gets the key, one that fails stops no other, and the
/// key must be kept elsewhere if one failed or if none that has the key is durable. A front end that
/// wants to report progress, or to abandon a destination, runs the loop of [`deliver`] itself and
/// [adds](Self::add) each outcome.
#[must_use = "the key may be lost"]
#[derive(Debug, Default)]
pub struct DeliveryReport {
    delivered_to: Vec<DestinationId>,
    failures: Vec<(DestinationId, DeliveryError)>,
    is_durable: bool,
    kept: Option<Result<DestinationId, DeliveryError>>,
}

impl DeliveryReport {
    /// Adds the outcome of one destination.
    pub fn add(&mut self, to: &dyn KeyDestination, outcome: Result<(), DeliveryError>) {
        match outcome {
            Ok(()) => {
                self.delivered_to.push(to.id());
                self.is_durable |= to.is_durable();
            }
            Err(error) => self.failures.push((to.id(), error)),
        }
    }

    /// Adds the outcome of keeping the key in a recovery store.
    pub fn add_kept(&mut self, recovery: &dyn KeyDestination, outcome: Result<(), DeliveryError>) {
        self.kept = Some(outcome.map(|()| recovery.id()));
    }

    /// Returns whether the key must be kept in a recovery store: one destination failed, or none that
    /// has the key is durable.
    pub fn must_be_kept(&self) -> bool {
        !self.failures.is_empty() || !self.is_durable
    }

    /// The destinations that have the key, in the order of their delivery.
    pub fn delivered_to(&self) -> &[DestinationId] {
        &self.delivered_to
    }

    /// The destinations that failed, each with the reason.
    pub fn failures(&self) -> &[(DestinationId, DeliveryError)] {
        &self.failures
    }

    /// The recovery store that has the key, or the reason why it does not. `None` if the key was not
    /// given to one.
    pub fn kept(&self) -> Option<Result<&DestinationId, &DeliveryError>> {
        self.kept.as_ref().map(Result::as_ref)
    }

    /// Returns whether the key is lost: no durable destination has it, and no recovery store either.
    pub fn is_lost(&self) -> bool {
        !self.is_durable && !matches!(self.kept, Some(Ok(_)))
    }
}

/// Delivers the key to each destination, and to the recovery store if it
/// [must be kept](DeliveryReport::must_be_kept).
///
/// It has no time limit. Dropping the future keeps the key nowhere.
pub async fn deliver(
    key: &ApiKey,
    to: &mut [Box<dyn KeyDestination + '_>],
    recovery: &mut dyn KeyDestination,
) -> DeliveryReport {
    let mut report = DeliveryReport::default();
    for destination in to {
        let outcome = destination.deliver(key).await;
        report.add(&**destination, outcome);
    }
    if report.must_be_kept() {
        let outcome = recovery.deliver(key).await;
        report.add_kept(recovery, outcome);
    }
    report
}
