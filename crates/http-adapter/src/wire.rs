//! The JSON bodies of requests, and of the answers that contain a secret.
//!
//! Null counts as absent, and unknown members are ignored.

use crate::expected::{Expected, required, usual};
use crate::json::{InvalidBody, Object, fields, object, text, value};
use crate::shape::Kind;
use crate::{id_token, login_lists};
use keymint_domain::text::redact_keys;
use keymint_domain::{
    AccessToken, ApiKey, CreatedKey, InvalidSecret, KeyDetails, KeyId, KeyLifetime, KeyScope, Login, NewKey,
    RefreshToken, SessionKey, Tokens,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// The body of an onboarding login.
#[derive(Serialize)]
pub(crate) struct OpenSession<'a> {
    pub(crate) app: &'a str,
}

/// The body of a revocation (RFC 7009 section 2.1), which the Codex CLI sends as JSON.
#[derive(Serialize)]
pub(crate) struct Revoke<'a> {
    pub(crate) token: &'a str,
    pub(crate) token_type_hint: &'a str,
    pub(crate) client_id: &'a str,
}

/// The body of a request to create a key.
#[derive(Serialize)]
pub(crate) struct CreateKey<'a> {
    action: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<&'a str>,
}

impl<'a> From<&'a NewKey> for CreateKey<'a> {
    fn from(key: &'a NewKey) -> Self {
        Self {
            action: "create",
            name: &key.name,
            expires_in_seconds: key.expires_in.map(KeyLifetime::as_secs),
            scopes: key.scopes.iter().map(KeyScope::as_str).collect(),
        }
    }
}

/// The members that [`tokens`] reads.
pub(crate) const TOKENS: &[Expected] = &[
    required("access_token", Kind::Text),
    usual("token_type", Kind::Text),
    usual("refresh_token", Kind::Text),
    usual("id_token", Kind::Text),
];

/// Parses an access token response (RFC 6749 section 5.1). Only the access token is required. The refresh token is
/// needed for the revocation, and the ID token for the e-mail address.
///
/// Calls `learn` with both, since they are secrets as well. Calls `keep` with the refresh token even if the response
/// is unusable.
pub(crate) fn tokens(
    body: &[u8],
    learn: impl Fn(&str),
    keep: impl Fn(RefreshToken),
) -> Result<Tokens, InvalidBody> {
    #[derive(Deserialize)]
    struct TokenResponse<'a> {
        access_token: Option<String>,
        token_type: Option<String>,
        #[serde(borrow)]
        id_token: Option<&'a RawValue>,
    }

    #[derive(Deserialize)]
    struct Issued<'a> {
        #[serde(borrow)]
        refresh_token: Option<&'a RawValue>,
    }

    let issued = object::<Issued<'_>>(body).ok();
    let refresh_token = issued.and_then(|issued| text(issued.refresh_token)).map(Zeroizing::new);
    refresh_token.iter().for_each(|token| learn(token));
    let refresh_token = || RefreshToken::parse(refresh_token.as_ref()?.to_string()).ok();
    refresh_token().into_iter().for_each(keep);
    let response: TokenResponse<'_> = object(body)?;
    let id_token = text(response.id_token).map(Zeroizing::new);
    id_token.iter().for_each(|token| learn(token));
    let access_token = secret("access_token", response.access_token, AccessToken::parse)?;
    match response.token_type {
        Some(kind) if !kind.eq_ignore_ascii_case("bearer") => {
            Err(InvalidBody("token_type is not bearer".to_owned()))
        }
        _ => {
            let mut tokens = Tokens::new(access_token);
            tokens.refresh_token = refresh_token();
            tokens.email = id_token.and_then(|token| id_token::email(&token));
            Ok(tokens)
        }
    }
}

/// The members that [`login`] reads itself.
pub(crate) const LOGIN: &[Expected] = &[
    required("user", Kind::Object),
    required("user.session", Kind::Object),
    required("user.session.sensitive_id", Kind::Text),
];

pub(crate) fn login(body: &[u8]) -> Result<Login, InvalidBody> {
    #[derive(Deserialize)]
    struct LoginResponse {
        user: Option<Object<User>>,
    }
    #[derive(Deserialize)]
    struct User {
        session: Option<Object<Sensitive>>,
    }

    let response: LoginResponse = object(body)?;
    let session = response.user.and_then(|Object(user)| user.session);
    let session = secret("user.session.sensitive_id", Sensitive::id(session), SessionKey::parse)?;
    let mut login = Login::new(session);
    login.organizations = login_lists::organizations(body);
    Ok(login)
}

pub(crate) fn created_key(body: &[u8]) -> Result<CreatedKey, InvalidBody> {
    #[derive(Deserialize)]
    struct CreateKeyResponse {
        key: Option<Object<Sensitive>>,
    }

    let response: CreateKeyResponse = object(body)?;
    let secret = secret("key.sensitive_id", Sensitive::id(response.key), ApiKey::parse)?;
    let mut created = CreatedKey::new(secret);
    created.details = key_details(body).unwrap_or_default();
    Ok(created)
}

/// Parses the optional members of a created key. Flaws in them are ignored, so that the key is not lost.
fn key_details(body: &[u8]) -> Option<KeyDetails> {
    #[derive(Deserialize)]
    struct CreateKeyResponse<'a> {
        #[serde(borrow)]
        key: &'a RawValue,
    }

    let response: CreateKeyResponse<'_> = object(body).ok()?;
    details(response.key)
}

/// Parses the description of a key. `None` if the JSON is not an object, or has a duplicate member.
pub(crate) fn details(key: &RawValue) -> Option<KeyDetails> {
    #[derive(Deserialize)]
    struct Key<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
        #[serde(borrow)]
        created_at: Option<&'a RawValue>,
        #[serde(borrow)]
        created: Option<&'a RawValue>,
        #[serde(borrow)]
        expires_at: Option<&'a RawValue>,
        #[serde(borrow)]
        scopes: Option<&'a RawValue>,
    }

    let key: Key<'_> = fields(key)?;
    let mut details = KeyDetails::default();
    // The id is displayed and stored, so it must not be the secret.
    let id = text(key.id).filter(|id| redact_keys(id) == *id);
    details.id = id.and_then(|id| KeyId::parse(&id).ok());
    details.created_at = time(key.created_at).or_else(|| time(key.created));
    details.expires_at = time(key.expires_at);
    details.scopes = value(key.scopes);
    Some(details)
}

/// Parses a time in seconds since 1970. A time after the year 9999, such as one in milliseconds, counts as absent.
pub(crate) fn time(json: Option<&RawValue>) -> Option<u64> {
    const LAST: u64 = 253_402_300_799;
    value(json).filter(|seconds| *seconds <= LAST)
}

/// The platform's wrapper object for a secret.
#[derive(Deserialize)]
struct Sensitive {
    sensitive_id: Option<String>,
}

impl Sensitive {
    fn id(this: Option<Object<Self>>) -> Option<String> {
        this.and_then(|Object(this)| this.sensitive_id)
    }
}

pub(crate) fn secret<T>(
    path: &str,
    value: Option<String>,
    parse: fn(String) -> Result<T, InvalidSecret>,
) -> Result<T, InvalidBody> {
    let value = value.ok_or_else(|| InvalidBody(format!("{path} is missing")))?;
    parse(value).map_err(|why| InvalidBody(format!("{path} is {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expected::tests::each_is_read;
    use std::cell::RefCell;

    #[test]
    fn the_parsers_read_what_they_are_said_to_read() {
        each_is_read(TOKENS, |body| {
            let learned = RefCell::new(Vec::new());
            let outcome = tokens(body, |token| learned.borrow_mut().push(token.to_owned()), drop);
            format!("{learned:?} {:?}", outcome.err())
        });
        each_is_read(LOGIN, |body| format!("{:?}", login(body).err()));
    }
}
