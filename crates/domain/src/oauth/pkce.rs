//! Proof Key for Code Exchange (RFC 7636), method S256.

use crate::secret::CodeVerifier;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// The number of random bytes of a verifier: 86 characters, of the 43 to 128 that RFC 7636 section 4.1 allows.
pub(crate) const VERIFIER_BYTES: usize = 64;

/// `code_challenge_method` (RFC 7636 section 4.3).
pub(crate) const CHALLENGE_METHOD: &str = "S256";

impl CodeVerifier {
    pub(crate) fn from_entropy(bytes: &[u8; VERIFIER_BYTES]) -> Self {
        Self::from_text(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Returns the code challenge, which is public: `BASE64URL(SHA256(ASCII(verifier)))` (RFC 7636 section 4.2).
    pub(crate) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.expose()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_rfc_7636_appendix_b() {
        let verifier = CodeVerifier::from_text("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into());
        assert_eq!(verifier.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn a_verifier_has_86_unreserved_characters() {
        let verifier = CodeVerifier::from_entropy(&[0xfb; VERIFIER_BYTES]);
        let text = verifier.expose();
        assert_eq!(text.len(), 86);
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{text}");
    }
}
