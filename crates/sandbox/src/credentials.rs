//! Unguessable credentials that no two sandboxes share.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::hash::{BuildHasher, RandomState};

/// A generator of credentials: hashes of a random seed and a counter.
#[derive(Clone, Debug)]
pub(crate) struct CredentialGenerator {
    seed: [u64; 2],
    generated: u64,
}

impl CredentialGenerator {
    pub(crate) fn new() -> Self {
        let random = || RandomState::new().hash_one(());
        Self { seed: [random(), random()], generated: 0 }
    }

    /// Returns the prefix and 43 characters of `A-Za-z0-9_-`.
    ///
    /// Tests search for parts of a credential. If the prefix were also a part of an id, a few equal characters after
    /// it would be found by mistake.
    pub(crate) fn generate(&mut self, prefix: &str) -> String {
        self.generated += 1;
        let digest = [self.seed[0], self.seed[1], self.generated]
            .iter()
            .fold(Sha256::new(), |hash, word| hash.chain_update(word.to_be_bytes()))
            .finalize();
        format!("{prefix}{}", URL_SAFE_NO_PAD.encode(digest))
    }

    /// Returns the id of a key. The id has no `-`, so that it never looks like a key by chance: a client does not
    /// display an id that does.
    pub(crate) fn key_id(&mut self) -> String {
        self.generate("key_").replace('-', "x")
    }
}
