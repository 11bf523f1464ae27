//! One type for each kind of secret, so that they cannot be confused.
//!
//! None of them can be printed, cloned, compared or serialized. Only `expose` returns the secret, which
//! is easy to search for; each call writes a header, a request body or the final delivery. The memory
//! is wiped on drop. Copies that an HTTP library makes are wiped only if the program's allocator wipes what is
//! freed.

use secrecy::{ExposeSecret, SecretString};
use std::fmt;

/// The longest accepted token, in bytes: longer than any issued one, and short enough for a header.
const LONGEST: usize = 16 * 1024;

/// The length of the shortest key that a user may give, in bytes. Issued keys have at least 51.
const SHORTEST_KEY: usize = 16;

/// The error for a value that cannot be a token: empty, too long, or with a byte outside printable ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a token of 1 to {LONGEST} printable ASCII characters")]
pub struct InvalidSecret(());

/// The reason why a text from the user is not a project API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAProjectKey {
    /// It is an admin key.
    #[error("it is an admin key, which can do far more than a project key")]
    AdminKey,
    /// It is an assignment to a variable, as in a dotenv file.
    #[error("it looks like a line of a dotenv file: give only what follows the = sign, without quotes")]
    Assignment,
    /// It does not look like any key.
    #[error(
        "a key is one line that begins with sk-, of {SHORTEST_KEY} to {LONGEST} letters, digits, - and _"
    )]
    OtherForm,
}

/// Declares a type for a secret string.
macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name(SecretString);

        impl $name {
            /// Returns the secret itself, for a request or for the destination that the user chose.
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
            /// Parses a token exactly as the server sent it.
            ///
            /// # Errors
            ///
            /// [`InvalidSecret`] if a header cannot carry the value unchanged.
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
    /// The access token (RFC 6749 section 1.4). Valid for one login.
    AccessToken
}
token! {
    /// The refresh token (RFC 6749 section 1.5). The flow has no use for it, so a
    /// [`Revocation`](crate::Revocation) ends it.
    RefreshToken
}
token! {
    /// The key of a dashboard session: the bearer token of every call after the login. It can do more
    /// than the API key that it creates.
    SessionKey
}
token! {
    /// A project API key. The platform shows it once.
    ApiKey
}
token! {
    /// The key of an administrator, for the Admin API. It can do far more than a project API key, so it is used for
    /// requests and never stored.
    AdminKey
}
secret! {
    /// The authorization code of the response (RFC 6749 section 4.1.2). Valid for one exchange.
    AuthorizationCode
}
secret! {
    /// The state of an authorization request (RFC 6749 section 10.12). It appears only in the URL that
    /// the user opens.
    State
}
secret! {
    /// The PKCE code verifier (RFC 7636 section 4.1).
    CodeVerifier
}

impl AdminKey {
    /// The environment variable from which programs read the admin key. A program that is started for another task
    /// does not inherit it.
    pub const VARIABLE: &str = "OPENAI_ADMIN_KEY";
}

impl ApiKey {
    /// Parses a key that the user entered or pasted.
    ///
    /// # Errors
    ///
    /// [`NotAProjectKey`] with the reason.
    pub fn from_user(text: String) -> Result<Self, NotAProjectKey> {
        let text = SecretString::from(text);
        let exposed = text.expose_secret();
        let is_of_key = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let has_length = (SHORTEST_KEY..=LONGEST).contains(&exposed.len());
        if !exposed.starts_with("sk-") || !has_length || !exposed.bytes().all(is_of_key) {
            return Err(if assigns(exposed) {
                NotAProjectKey::Assignment
            } else {
                NotAProjectKey::OtherForm
            });
        }
        if exposed.starts_with("sk-admin-") { Err(NotAProjectKey::AdminKey) } else { Ok(Self(text)) }
    }

    /// Returns the last four characters, by which the dashboard and users distinguish keys. Empty if the
    /// key is so short that four characters would reveal too much.
    pub fn last_four(&self) -> &str {
        let key = self.expose();
        let shown = if key.len() >= 12 { 4 } else { 0 };
        &key[key.len() - shown..]
    }
}

/// Returns whether a text assigns a value to a variable, as a line of a dotenv file or of a shell does.
fn assigns(text: &str) -> bool {
    let Some((name, _)) = text.split_once('=') else { return false };
    let name = name.trim();
    let name = name.strip_prefix("export ").map_or(name, str::trim_start);
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl AuthorizationCode {
    /// Creates the code from a value that is VSCHAR, as the parser of the response has checked.
    pub(crate) fn from_response(value: String) -> Self {
        Self(value.into())
    }
}

impl State {
    /// Wraps a text, such as a saved one. [`restore`](crate::PendingAuthorization::restore) validates it.
    pub fn from_text(text: String) -> Self {
        Self(text.into())
    }
}

impl CodeVerifier {
    /// Wraps a text, such as a saved one. [`restore`](crate::PendingAuthorization::restore) validates it.
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
    fn a_user_gives_the_key_of_a_project_and_nothing_else() {
        for good in ["sk-0123456789-_aZ", "sk-proj-0123456789abcdef", "sk-svcacct-0123456789"] {
            assert_eq!(ApiKey::from_user(good.into()).unwrap().expose(), good);
        }
        for other in
            ["", ".", "ending in 9f3A", "sk-0123456789ab", "pk-0123456789abcdef", "sk-proj-0123456789 9f3A"]
        {
            assert_eq!(ApiKey::from_user(other.into()).err(), Some(NotAProjectKey::OtherForm), "{other}");
        }
        for line in ["OPENAI_API_KEY=sk-0123456789abcdef", " export A1 = \"sk-0123456789abcdef\"", "_="] {
            assert_eq!(ApiKey::from_user(line.into()).err(), Some(NotAProjectKey::Assignment), "{line}");
        }
        for other in ["=sk-0123456789abcdef", "a b=sk-0123456789abcdef", "sk-0123456789abcdef=="] {
            assert_eq!(ApiKey::from_user(other.into()).err(), Some(NotAProjectKey::OtherForm), "{other}");
        }
        let long = format!("sk-{}", "x".repeat(LONGEST));
        assert_eq!(ApiKey::from_user(long).err(), Some(NotAProjectKey::OtherForm));
        let admin = ApiKey::from_user("sk-admin-0123456789".into());
        assert_eq!(admin.err(), Some(NotAProjectKey::AdminKey));
    }

    #[test]
    fn a_text_that_no_header_can_carry_is_no_token() {
        for bad in ["", "a b", "a\r\nb", "é", "a\u{7f}", &"x".repeat(LONGEST + 1)] {
            assert_eq!(AccessToken::parse(bad.into()).err(), Some(InvalidSecret(())), "{bad:?}");
        }
        for good in ["!", "!~", &"x".repeat(16 * 1024)] {
            assert!(AccessToken::parse(good.into()).is_ok(), "{good:?}");
        }
    }
}
