use crate::oauth::pkce::VERIFIER_BYTES;
use std::fmt;
use zeroize::Zeroizing;

/// The number of random bytes of a state.
pub(super) const STATE_BYTES: usize = 32;

/// Randomness for one authorization: 96 bytes of the operating system's generator, wiped on drop.
pub struct Entropy(Zeroizing<[u8; Self::LEN]>);

impl Entropy {
    /// The number of bytes that `fill_with` needs.
    pub const LEN: usize = VERIFIER_BYTES + STATE_BYTES;

    /// Fills the bytes in place, so that no copy of them remains in memory.
    ///
    /// # Errors
    ///
    /// The error of `fill`.
    pub fn fill_with<E>(fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        let mut bytes = Zeroizing::new([0; Self::LEN]);
        fill(bytes.as_mut_slice())?;
        Ok(Self(bytes))
    }

    /// Fills the bytes with the operating system's generator (feature `os-entropy`).
    ///
    /// # Errors
    ///
    /// [`io::Error`](std::io::Error) if the system provides no randomness.
    #[cfg(feature = "os-entropy")]
    pub fn from_os() -> std::io::Result<Self> {
        use rand::TryRng;
        Self::fill_with(|bytes| rand::rngs::SysRng.try_fill_bytes(bytes)).map_err(std::io::Error::other)
    }

    pub(super) fn verifier(&self) -> &[u8; VERIFIER_BYTES] {
        self.0.first_chunk().expect("it is longer than a verifier")
    }

    pub(super) fn state(&self) -> &[u8; STATE_BYTES] {
        self.0.last_chunk().expect("it is longer than a state")
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy([redacted])")
    }
}

#[cfg(all(test, feature = "os-entropy"))]
mod tests {
    use super::*;

    #[test]
    fn the_systems_entropy_differs_each_time() {
        let [first, second] = [Entropy::from_os(), Entropy::from_os()].map(Result::unwrap);
        assert_ne!((first.verifier(), first.state()), (second.verifier(), second.state()));
    }
}
