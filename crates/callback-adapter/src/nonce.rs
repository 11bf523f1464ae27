//! Unguessable text.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRng;
use rand::rngs::SysRng;
use std::io;
use subtle::ConstantTimeEq;

/// 32 bytes from the operating system's random number generator, in base64url.
#[derive(Clone)]
pub(crate) struct Nonce(String);

impl Nonce {
    pub(crate) fn random() -> io::Result<Self> {
        let mut bytes = [0; 32];
        SysRng.try_fill_bytes(&mut bytes).map_err(io::Error::other)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Compares in constant time for a guess of the same length.
    pub(crate) fn matches(&self, guess: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(guess).into()
    }
}

#[cfg(test)]
impl From<&str> for Nonce {
    fn from(known: &str) -> Self {
        Self(known.to_owned())
    }
}
