//! The ID token (OpenID Connect Core 1.0 section 2). Only its e-mail address is used.

use crate::json::{object, text};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keymint_domain::AccountEmail;
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// Returns the e-mail address that the token claims, if the token can be parsed and has one.
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
    fn the_claimed_email_address_is_read_and_a_token_without_one_is_no_error() {
        let good = token(r#"{"email": "dev@example.com"}"#);
        for (token, expected) in [
            (good.clone(), Some("dev@example.com")),
            (good.replace("c2ln", ""), Some("dev@example.com")),
            (token(r#"{"email": "dev@example.com", "email_verified": false}"#), Some("dev@example.com")),
            (String::new(), None),
            ("..".to_owned(), None),
            ("opaque".to_owned(), None),
            ("e30.!!!.c2ln".to_owned(), None),
            (good.replace("c2ln", "c2ln.more"), None),
            (good.replace(".c2ln", ""), None),
            (good.replace(".c2ln", "=.c2ln"), None),
            (token(r#"{"x": {"email": 1}, "email": "d\u0065v@example.com"}"#), Some("dev@example.com")),
            (token(""), None),
            (token("null"), None),
            (token("[]"), None),
            (token("{}"), None),
            (token(r#"{"email": null}"#), None),
            (token(r#"{"email": 7}"#), None),
            (token(r#"{"email": ["dev@example.com"]}"#), None),
            (token(r#"{"email": "dev"}"#), None),
            (token(r#"{"email": "a@b", "email": "c@d"}"#), None),
            (token(r#"{"email": "dev@example.com""#), None),
        ] {
            assert_eq!(email(&token).as_ref().map(AccountEmail::as_str), expected, "{token}");
        }
    }
}
