//! The delivery of a created key: the port of a destination, and the rule for a key that some destinations do not
//! get.

use crate::secret::ApiKey;
use async_trait::async_trait;
use std::error::Error;
use std::fmt;

/// A destination that can take one key, such as a file, a keyring, a program or a store of the front end.
///
/// Everything that can fail without the key is checked before a value of this type exists, so that no key is created
/// for a destination that cannot take it.
#[async_trait]
pub trait KeyDestination: Send {
    /// Returns the stable name of the destination, for records and scripts.
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
/// the key.
///
/// Equal ids identify the same place: a key that is delivered there replaces the previous one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DestinationId {
    name: String,
    slot: Option<String>,
}

impl DestinationId {
    /// Creates the id of a destination with this name and without slots.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), slot: None }
    }

    /// Adds the slot: the variable in a file, for example, or the profile of a keyring.
    pub fn with_slot(self, slot: impl Into<String>) -> Self {
        Self { slot: Some(slot.into()), ..self }
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Returns the slot. `None` if the destination has only one.
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
    /// Creates an error with this cause, which is an error or a message. It must not contain a secret.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

/// The result of delivering a key to several destinations.
///
/// It implements the delivery rule: every destination gets the key, a failure does not stop the others, and the key
/// must be kept in a recovery store if a destination failed or if no durable destination has it. A front end that
/// reports progress or abandons a destination runs the loop of [`deliver`] itself and [adds](Self::add) each outcome.
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

    /// Adds the outcome of the delivery to a recovery store.
    pub fn add_kept(&mut self, recovery: &dyn KeyDestination, outcome: Result<(), DeliveryError>) {
        self.kept = Some(outcome.map(|()| recovery.id()));
    }

    /// Returns whether the key must be kept in a recovery store: one destination failed, or none that
    /// has the key is durable.
    pub fn must_be_kept(&self) -> bool {
        !self.failures.is_empty() || !self.is_durable
    }

    /// Returns the destinations that have the key, in the order of their delivery.
    pub fn delivered_to(&self) -> &[DestinationId] {
        &self.delivered_to
    }

    /// Returns the destinations that failed, each with the reason.
    pub fn failures(&self) -> &[(DestinationId, DeliveryError)] {
        &self.failures
    }

    /// Returns the recovery store that has the key, or the reason why it does not. `None` if the key was not
    /// delivered to one.
    pub fn kept(&self) -> Option<Result<&DestinationId, &DeliveryError>> {
        self.kept.as_ref().map(Result::as_ref)
    }

    /// Returns whether the key is lost: neither a durable destination nor a recovery store has it.
    pub fn is_lost(&self) -> bool {
        !self.is_durable && !matches!(self.kept, Some(Ok(_)))
    }
}

/// Delivers the key to each destination, and to the recovery store if it
/// [must be kept](DeliveryReport::must_be_kept).
///
/// There is no time limit. If the future is dropped, the key is not delivered to the recovery store.
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
