//! The ID token (OpenID Connect Core 1.0 section 2), of which only the e-mail address is used.

use crate::json::{object, text};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keymint_domain::AccountEmail;
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// The e-mail address that the token claims, if the token is valid and has one.
///
/// The signature is not checked: the token came from the issuer directly, not through the browser
/// (section 3.1.3.7, point 6), and the address is only displayed.
pub(crate) fn email(id_token: &str) -> Option<AccountEmail> {
    #[derive(Deserialize)]
    struct Claims<'a> {
        #[serde(borrow)]
        email: Option<&'a RawValue>,
    }

    let mut parts = id_token.split('.');
    let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let claims = Zeroizing::new(URL_SAFE_NO_PAD.decode(payload).ok()?);
    let claims: Claims<'_> = object(&claims).ok()?;
    AccountEmail::parse(&text(claims.email)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn the_claimed_address_is_read() {
        for claims in [
            r#"{"email": "dev@example.com"}"#,
            r#"{"sub": "u", "email_verified": false, "email": "dev@example.com", "x": {"email": 1}}"#,
            r#"{"email": "d\u0065v@example.com"}"#,
        ] {
            assert_eq!(email(&token(claims)).unwrap().as_str(), "dev@example.com", "{claims}");
        }
        let unsigned = format!("e30.{}.", URL_SAFE_NO_PAD.encode(r#"{"email": "a@b"}"#));
        assert!(email(&unsigned).is_some());
    }

    #[test]
    fn a_token_that_has_none_or_cannot_be_read_is_no_error() {
        let good = token(r#"{"email": "dev@example.com"}"#);
        for odd in [
            "",
            "..",
            "opaque",
            "e30.!!!.c2ln",
            &good.replace("c2ln", "c2ln.more"),
            good.rsplit_once('.').unwrap().0,
            &good.replace(".c2ln", "=.c2ln"),
        ] {
            assert!(email(odd).is_none(), "{odd}");
        }
        for claims in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"email": null}"#,
            r#"{"email": 7}"#,
            r#"{"email": ["dev@example.com"]}"#,
            r#"{"email": "dev"}"#,
            r#"{"email": "a@b", "email": "c@d"}"#,
            r#"{"email": "dev@example.com""#,
        ] {
            assert!(email(&token(claims)).is_none(), "{claims}");
        }
    }
}
