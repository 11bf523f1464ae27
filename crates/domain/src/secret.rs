//! The types that hold a secret: one for each, so that one is never taken for another.
//!
//! None of them can be printed, cloned, compared or serialized. The one way in is `expose`,
//! which is easy to look for; each call to it is a header, a request body or the final delivery.
//! The memory is wiped on drop. Copies made by an HTTP library on the way out are not.

use secrecy::{ExposeSecret, SecretString};
use std::fmt;

/// Longest token accepted, in bytes: more than any that is issued, and less than what a header takes.
const LONGEST: usize = 16 * 1024;

/// A value that cannot be a token: empty, too long, or with a byte outside printable ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a token of 1 to {LONGEST} printable ASCII characters")]
pub struct InvalidSecret(());

/// Declares a type that keeps a string to itself.
macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name(SecretString);

        impl $name {
            /// The secret itself, for the wire or for the place that the user chose.
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }
    };
}

/// Declares a secret that a server issues and that travels in an `Authorization` header.
macro_rules! token {
    ($(#[$doc:meta])* $name:ident) => {
        secret!($(#[$doc])* $name);

        impl $name {
            /// Takes a token as a server sent it.
            ///
            /// # Errors
            ///
            /// [`InvalidSecret`] where the value could not travel in a header unchanged.
            pub fn parse(value: String) -> Result<Self, InvalidSecret> {
                let value = SecretString::from(value);
                let text = value.expose_secret();
                let fits = (1..=LONGEST).contains(&text.len());
                if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
                    Ok(Self(value))
                } else {
                    Err(InvalidSecret(()))
                }
            }
        }
    };
}

token! {
    /// What the authorization server grants (RFC 6749 section 1.4). Good for one login.
    AccessToken
}
token! {
    /// The platform's dashboard session: the bearer of every call after the login, and more
    /// powerful than the key that it creates.
    SessionKey
}
token! {
    /// A project API key, shown once by the platform.
    ApiKey
}
secret! {
    /// The authorization code of the response (RFC 6749 section 4.1.2). Good for one exchange.
    AuthorizationCode
}
secret! {
    /// The state of an authorization request (RFC 6749 section 10.12). It stands in the address that
    /// the person opens, and nowhere else.
    State
}
secret! {
    /// The PKCE code verifier (RFC 7636 section 4.1).
    CodeVerifier
}

impl ApiKey {
    /// The last four characters, by which the dashboard and people tell keys apart. Fewer where
    /// the key is so short that four would give it away.
    pub fn last_four(&self) -> &str {
        let key = self.expose();
        let shown = if key.len() >= 12 { 4 } else { 0 };
        &key[key.len() - shown..]
    }
}

impl AuthorizationCode {
    /// `value` is VSCHAR, as the reader of the response has made sure of.
    pub(crate) fn from_response(value: String) -> Self {
        Self(value.into())
    }
}

impl State {
    /// Takes a text for one, such as one that was saved. Whether it is one,
    /// [`restore`](crate::PendingAuthorization::restore) tells.
    pub fn from_text(text: String) -> Self {
        Self(text.into())
    }
}

impl CodeVerifier {
    /// Takes a text for one, such as one that was saved. Whether it is one,
    /// [`restore`](crate::PendingAuthorization::restore) tells.
    pub fn from_text(text: String) -> Self {
        Self(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_its_type_and_nothing_else() {
        let key = ApiKey::parse("sk-proj-canary-9f3A".into()).unwrap();
        assert_eq!(format!("{key:?} {key:#?}"), "ApiKey([redacted]) ApiKey([redacted])");
        assert_eq!(key.last_four(), "9f3A");
    }

    #[test]
    fn a_short_key_does_not_show_its_end() {
        for (key, shown) in [("sk-12345", ""), ("sk-12345678", ""), ("sk-123456789", "6789")] {
            assert_eq!(ApiKey::parse(key.into()).unwrap().last_four(), shown);
        }
    }

    #[test]
    fn what_no_header_could_carry_is_no_token() {
        for bad in ["", "a b", "a\r\nb", "é", "a\u{7f}", &"x".repeat(LONGEST + 1)] {
            assert_eq!(AccessToken::parse(bad.into()).err(), Some(InvalidSecret(())), "{bad:?}");
        }
        for good in ["!", "!~", &"x".repeat(16 * 1024)] {
            assert!(AccessToken::parse(good.into()).is_ok(), "{good:?}");
        }
    }
}
