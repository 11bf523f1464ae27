//! What is known of the keys that this machine was given.

use keymint_delivery_adapter::{KeyRecord, Keyring, StateDir};
use serde::Serialize;
use std::io;

/// A key that this machine was given, or may have been.
#[derive(Serialize)]
pub(super) struct Key {
    pub(super) id: String,
    #[serde(flatten)]
    pub(super) record: KeyRecord,
}

impl Key {
    /// Whether it was put into a keyring.
    pub(super) fn is_in_keyring(&self) -> bool {
        self.record.delivered_to.iter().any(|place| place == Keyring::ID)
    }
}

/// All of them, the oldest first. Nothing is created if nothing was ever kept.
pub(super) fn known() -> io::Result<Vec<Key>> {
    let Some(state) = StateDir::open_default().ok().filter(|state| state.path().exists()) else {
        return Ok(Vec::new());
    };
    let runs = state.finished_runs()?.into_iter();
    let mut keys: Vec<_> = runs.map(|run| Key { id: run.id, record: run.record }).collect();
    // What a journal says is kept may have been deleted by hand, and the other way round.
    keys.iter_mut().for_each(|key| key.record.kept_in = None);
    for stored in state.stored_keys()? {
        let kept_in = Some(stored.path);
        match keys.iter_mut().find(|key| key.id == stored.id) {
            Some(key) => key.record.kept_in = kept_in,
            None => keys.push(Key { id: stored.id, record: KeyRecord { kept_in, ..stored.record } }),
        }
    }
    Ok(keys)
}
