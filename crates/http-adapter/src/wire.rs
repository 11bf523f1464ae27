//! The JSON bodies of requests, and of the answers that hold a secret.
//!
//! Null counts as absent, and unknown members are ignored.

use crate::json::{InvalidBody, Object, object, text};
use crate::{id_token, login_lists};
use keymint_domain::{AccessToken, ApiKey, InvalidSecret, Login, SessionKey, Tokens};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// The body of the onboarding login.
#[derive(Serialize)]
pub(crate) struct OpenSession<'a> {
    pub(crate) app: &'a str,
}

/// The body of the key creation.
#[derive(Serialize)]
pub(crate) struct CreateKey<'a> {
    pub(crate) action: &'a str,
    pub(crate) name: &'a str,
}

/// Parses an access token response (RFC 6749 section 5.1). Only the access token and the e-mail
/// address of the ID token are used, so the other tokens may be missing. They are passed to `learn`,
/// since they are secrets as well.
pub(crate) fn tokens(body: &[u8], learn: impl Fn(&str)) -> Result<Tokens, InvalidBody> {
    #[derive(Deserialize)]
    struct TokenResponse<'a> {
        access_token: Option<String>,
        token_type: Option<String>,
        #[serde(borrow)]
        refresh_token: Option<&'a RawValue>,
        #[serde(borrow)]
        id_token: Option<&'a RawValue>,
    }

    let response: TokenResponse<'_> = object(body)?;
    let [refresh_token, id_token] =
        [response.refresh_token, response.id_token].map(|token| text(token).map(Zeroizing::new));
    [&refresh_token, &id_token].into_iter().flatten().for_each(|token| learn(token));
    let access_token = secret("access_token", response.access_token, AccessToken::parse)?;
    match response.token_type {
        Some(kind) if !kind.eq_ignore_ascii_case("bearer") => {
            Err(InvalidBody("token_type is not bearer".to_owned()))
        }
        _ => {
            let mut tokens = Tokens::new(access_token);
            tokens.email = id_token.and_then(|token| id_token::email(&token));
            Ok(tokens)
        }
    }
}

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

pub(crate) fn api_key(body: &[u8]) -> Result<ApiKey, InvalidBody> {
    #[derive(Deserialize)]
    struct CreateKeyResponse {
        key: Option<Object<Sensitive>>,
    }

    let response: CreateKeyResponse = object(body)?;
    secret("key.sensitive_id", Sensitive::id(response.key), ApiKey::parse)
}

/// The platform's wrapper of a secret.
#[derive(Deserialize)]
struct Sensitive {
    sensitive_id: Option<String>,
}

impl Sensitive {
    fn id(this: Option<Object<Self>>) -> Option<String> {
        this.and_then(|Object(this)| this.sensitive_id)
    }
}

fn secret<T>(
    path: &str,
    value: Option<String>,
    parse: fn(String) -> Result<T, InvalidSecret>,
) -> Result<T, InvalidBody> {
    let value = value.ok_or_else(|| InvalidBody(format!("{path} is missing")))?;
    parse(value).map_err(|why| InvalidBody(format!("{path} is {why}")))
}
