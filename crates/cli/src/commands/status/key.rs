//! What is known of the keys that this machine was given.

use crate::delivery::KEYRING;
use crate::record::{self, Entry};
use crate::recovery;
use crate::state;
use serde::Serialize;
use std::io;

/// A key that this machine was given, or may have been.
#[derive(Serialize)]
pub(super) struct Key {
    pub(super) id: String,
    #[serde(flatten)]
    pub(super) entry: Entry,
}

impl Key {
    /// Whether it was put into a keyring.
    pub(super) fn is_in_keyring(&self) -> bool {
        self.entry.delivered_to.iter().any(|place| place == KEYRING)
    }
}

/// All of them, the oldest first. Nothing is made where nothing was ever written down.
pub(super) fn known() -> io::Result<Vec<Key>> {
    if state::base().is_none_or(|base| !base.exists()) {
        return Ok(Vec::new());
    }
    let past = record::past()?.into_iter();
    let mut keys: Vec<_> = past.map(|past| Key { id: past.id, entry: past.entry }).collect();
    // What the record says is kept may have been deleted by hand, and the other way round.
    keys.iter_mut().for_each(|key| key.entry.kept_in = None);
    for kept in recovery::kept()? {
        match keys.iter_mut().find(|key| key.id == kept.id) {
            Some(key) => key.entry.kept_in = Some(kept.path),
            None => keys.push(Key { id: kept.id, entry: Entry { kept_in: Some(kept.path), ..kept.entry } }),
        }
    }
    Ok(keys)
}
