//! The account that signed in.

use crate::text::sanitize;
use std::fmt;

/// The maximum length of an e-mail address, in bytes (RFC 5321 section 4.5.3.1.3, without the angle brackets).
const LONGEST: usize = 254;

/// The e-mail address that the authorization server claims for the account that signed in (OpenID
/// Connect Core section 5.1).
///
/// It lets a user with several accounts notice the wrong one. Nothing else depends on it, since the claim is not
/// verified. Show it on a terminal; keep it out of logs and files.
pub struct AccountEmail(String);

impl AccountEmail {
    /// Parses the claim. Returns `None` if it does not look like an address.
    pub fn parse(claim: &str) -> Option<Self> {
        let (local, domain) = claim.rsplit_once('@')?;
        let is_address = claim.len() <= LONGEST
            && !local.is_empty()
            && !domain.is_empty()
            && !claim.contains(char::is_whitespace);
        is_address.then(|| Self(sanitize(claim, LONGEST)))
    }

    /// Returns the address, sanitized for display.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccountEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountEmail([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_looks_like_an_email_address_is_shown_clean() {
        for (claim, shown) in [
            ("dev@example.com", "dev@example.com"),
            ("\"a@b\"@example.com", "\"a@b\"@example.com"),
            ("dév@例え.jp", "dév@例え.jp"),
            ("dev\u{202e}@example.com", r"dev\u{202e}@example.com"),
            ("\u{1b}[2Jdev@example.com", r"\u{1b}[2Jdev@example.com"),
            ("sk-proj-0123@example.com", "sk-[redacted]@example.com"),
        ] {
            assert_eq!(AccountEmail::parse(claim).unwrap().as_str(), shown);
        }
    }

    #[test]
    fn a_text_that_does_not_look_like_an_email_address_is_none() {
        let long = format!("{}@example.com", "x".repeat(LONGEST));
        for claim in ["", "dev", "@", "dev@", "@example.com", "dev @example.com", "a@b\nc", &long] {
            assert!(AccountEmail::parse(claim).is_none(), "{claim:?}");
        }
    }
}
