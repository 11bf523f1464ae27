//! The record of the rotation that created a key.

use keymint_domain::OldKeyOutcome;
use serde::{Deserialize, Deserializer, Serialize};

/// The rotation that created a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationRecord {
    /// The [id](super::Journal::id) of the journal of the old key.
    pub replaces: String,
    /// The outcome. `None` if the run was interrupted before the outcome was known.
    #[serde(default, alias = "is_concluded", deserialize_with = "rotation_outcome")]
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

/// Deserializes the outcome of a rotation. An earlier version recorded only whether it was known (`is_concluded`).
fn rotation_outcome<'de, D: Deserializer<'de>>(json: D) -> Result<Option<RotationOutcome>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Outcome {
        IsConcluded(bool),
        Outcome(Option<RotationOutcome>),
    }
    Ok(match Outcome::deserialize(json)? {
        Outcome::IsConcluded(is_concluded) => is_concluded.then_some(RotationOutcome::MayBeRevoked),
        Outcome::Outcome(outcome) => outcome,
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_rotation_of_an_earlier_version_is_read() {
        for (end, outcome) in [
            ("", None),
            (r#","is_concluded":false"#, None),
            (r#","is_concluded":true"#, Some(RotationOutcome::MayBeRevoked)),
            (r#","outcome":null"#, None),
            (r#","outcome":"kept""#, Some(RotationOutcome::Kept)),
        ] {
            let json = format!(r#"{{"replaces":"1"{end}}}"#);
            assert_eq!(serde_json::from_str::<RotationRecord>(&json).unwrap().outcome, outcome, "{json}");
        }
    }
}
