//! The record of the rotation that created a key.

use keymint_domain::OldKeyOutcome;
use serde::{Deserialize, Serialize};

/// The rotation that created a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationRecord {
    /// The [id](super::Journal::id) of the journal of the old key.
    pub replaces: String,
    /// The outcome. `None` if the run was interrupted before the outcome was known.
    pub outcome: Option<RotationOutcome>,
}

/// The outcome of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RotationOutcome {
    /// The old key is revoked.
    Revoked,
    /// The old key may be revoked.
    MayBeRevoked,
    /// The old key is valid, although every destination of it has the new key.
    Kept,
    /// The old key is valid, and some destination of it may not have the new key.
    NotReplaced,
}

impl From<&OldKeyOutcome> for RotationOutcome {
    fn from(outcome: &OldKeyOutcome) -> Self {
        match outcome {
            OldKeyOutcome::Revoked => Self::Revoked,
            OldKeyOutcome::MayBeRevoked(_) => Self::MayBeRevoked,
            OldKeyOutcome::Kept(_) if outcome.is_replaced() => Self::Kept,
            OldKeyOutcome::Kept(_) => Self::NotReplaced,
        }
    }
}
