//! Fingerprints that identify equal values without storing the values.

use sha2::{Digest, Sha256};

/// Returns the first 64 bits of the SHA-256 hash of these parts, in hexadecimal digits. No part may contain a null
/// byte.
pub(crate) fn fingerprint<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let hash = parts.into_iter().fold(Sha256::new(), |hash, part| hash.chain_update(part).chain_update([0]));
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
