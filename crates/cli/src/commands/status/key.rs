//! What is known of the keys that this machine was given.

use crate::ui::json::KnownKey;
use keymint_delivery_adapter::{KeyRecord, Keyring, StateDir};
use std::io;

/// Whether the key was put into a keyring.
pub(super) fn is_in_keyring(key: &KnownKey) -> bool {
    key.record.delivered_to.iter().any(|place| place == Keyring::ID)
}

/// All of them, the oldest first. Nothing is created if nothing was ever kept.
pub(super) fn known() -> io::Result<Vec<KnownKey>> {
    let Some(state) = StateDir::open_default().ok().filter(|state| state.path().exists()) else {
        return Ok(Vec::new());
    };
    let runs = state.finished_runs()?.into_iter();
    let mut keys: Vec<_> = runs.map(|run| KnownKey { id: run.id, record: run.record }).collect();
    // What a journal says is kept may have been deleted by hand, and the other way round.
    keys.iter_mut().for_each(|key| key.record.kept_in = None);
    for stored in state.stored_keys()? {
        let kept_in = Some(stored.path);
        match keys.iter_mut().find(|key| key.id == stored.id) {
            Some(key) => key.record.kept_in = kept_in,
            None => keys.push(KnownKey { id: stored.id, record: KeyRecord { kept_in, ..stored.record } }),
        }
    }
    Ok(keys)
}
