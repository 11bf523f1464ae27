//! The state behind both services, and its rules. It uses no sockets and no clock: time is an argument.

mod account;
mod authorizations;

use crate::Scenario;
use crate::credentials::CredentialGenerator;
use account::Account;
pub(crate) use account::{NotCreated, NotFound, Page};
use authorizations::Authorizations;
pub(crate) use authorizations::{Authorization, ExchangeError, TokenRequest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

/// An API key that the sandbox created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreatedKey {
    /// The organization's id.
    pub organization: String,
    /// The project's id.
    pub project: String,
    /// The requested name.
    pub name: String,
    /// The secret: `sk-proj-…`.
    pub value: String,
    /// Its id: `key_…`.
    pub id: String,
    /// The time of the creation, in seconds since 1970.
    pub created_at: u64,
    /// The requested lifetime, in seconds.
    pub expires_in_seconds: Option<u64>,
    /// The requested permissions. Empty if none were requested.
    pub scopes: Vec<String>,
}

/// A refresh token that the sandbox issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// The client that it was issued to.
    pub client_id: String,
    /// The secret.
    pub value: String,
    /// Whether it was revoked.
    pub is_revoked: bool,
}

/// The authorizations, the issued credentials, and the account.
#[derive(Clone, Debug)]
pub(crate) struct ServerState {
    pub(crate) authorizations: Authorizations,
    pub(crate) account: Account,
    pub(crate) refresh_tokens: Vec<RefreshToken>,
    issued: HashMap<String, CredentialKind>,
    generator: CredentialGenerator,
    /// The time of day at which the sandbox started, since 1970.
    pub(crate) started_at: Duration,
}

/// The kinds of credential that the services issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CredentialKind {
    AccessToken,
    IdToken,
    RefreshToken,
    SessionKey,
    ApiKey,
}

/// The credentials of one token response.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) id: String,
    pub(crate) refresh: String,
}

impl ServerState {
    pub(crate) fn new(scenario: Scenario) -> Self {
        Self {
            authorizations: Authorizations::default(),
            account: Account::new(scenario),
            refresh_tokens: Vec::new(),
            issued: HashMap::new(),
            generator: CredentialGenerator::new(),
            started_at: Duration::ZERO,
        }
    }

    /// Stores an authorization request until it is decided, and returns its id for the page.
    pub(crate) fn begin(&mut self, authorization: Authorization) -> String {
        let id = self.generator.generate("req-");
        self.authorizations.begin(id.clone(), authorization);
        id
    }

    /// Grants a request and returns its code, or `None` if the id is unknown or already decided.
    pub(crate) fn grant(&mut self, id: &str) -> Option<(Authorization, String)> {
        let code = self.generator.generate("ac-");
        let authorization = self.authorizations.grant(id, code.clone())?;
        Some((authorization, code))
    }

    /// Exchanges a code and its verifier for tokens.
    pub(crate) fn exchange(&mut self, request: &TokenRequest<'_>) -> Result<Tokens, ExchangeError> {
        self.authorizations.redeem(request)?;
        let refresh = self.issue(CredentialKind::RefreshToken, "rt-sandbox-");
        self.refresh_tokens.push(RefreshToken {
            client_id: request.client_id.to_owned(),
            value: refresh.clone(),
            is_revoked: false,
        });
        Ok(Tokens {
            access: self.issue(CredentialKind::AccessToken, "at-sandbox-"),
            id: self.issue_id_token(request.client_id),
            refresh,
        })
    }

    /// Revokes a refresh token for its client. `None` if the token is unknown or already revoked.
    pub(crate) fn revoke(&mut self, token: &str, client_id: &str) -> Option<Result<(), ExchangeError>> {
        let found = self.refresh_tokens.iter_mut().find(|issued| issued.value == token)?;
        if found.client_id != client_id {
            return Some(Err(ExchangeError {
                code: "invalid_client",
                description: "the token was issued to another client",
            }));
        }
        let was_revoked = std::mem::replace(&mut found.is_revoked, true);
        (!was_revoked).then_some(Ok(()))
    }

    /// Opens a session and returns its key.
    pub(crate) fn log_in(&mut self, now: Duration) -> String {
        let session_key = self.issue(CredentialKind::SessionKey, "sess-");
        self.account.open_session(session_key.clone(), now);
        session_key
    }

    /// Creates the requested key, a new one each time.
    pub(crate) fn create_key(
        &mut self,
        session_key: &str,
        requested: CreatedKey,
        now: Duration,
    ) -> Result<CreatedKey, NotCreated> {
        self.account.check_creation(session_key, &requested, now)?;
        let key = CreatedKey {
            value: self.issue(CredentialKind::ApiKey, "sk-proj-"),
            id: self.generator.generate("key_"),
            created_at: (self.started_at + now).as_secs(),
            ..requested
        };
        self.account.keys.push(key.clone());
        Ok(key)
    }

    /// Returns the bearer, if it is of the kind that is due. The error names the kind that it is instead.
    pub(crate) fn accept<'a>(&self, due: CredentialKind, bearer: Option<&'a str>) -> Result<&'a str, String> {
        let bearer = bearer.ok_or_else(|| format!("no bearer, where {due} is due"))?;
        match self.issued.get(bearer) {
            Some(kind) if *kind == due => Ok(bearer),
            Some(kind) => Err(format!("the bearer is {kind}, where {due} is due")),
            None => Err(format!("the bearer is nothing that was issued here, where {due} is due")),
        }
    }

    /// Returns everything issued, including codes.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.authorizations.codes().chain(self.issued.keys().map(String::as_str)).map(str::to_owned).collect()
    }

    fn issue(&mut self, kind: CredentialKind, prefix: &str) -> String {
        let token = self.generator.generate(prefix);
        self.issued.insert(token.clone(), kind);
        token
    }

    /// Issues a JWT that declares itself unsigned (RFC 7519 section 6.1).
    fn issue_id_token(&mut self, client_id: &str) -> String {
        let header = json!({ "alg": "none", "typ": "JWT" });
        let claims = json!({
            "aud": client_id,
            "sub": "user-sandbox",
            "jti": self.generator.generate(""),
            "email": "dev@sandbox.test",
            "email_verified": true,
        });
        let encode = |part: serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let token = format!("{}.{}.", encode(header), encode(claims));
        self.issued.insert(token.clone(), CredentialKind::IdToken);
        token
    }
}

impl fmt::Display for CredentialKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AccessToken => "an access token",
            Self::IdToken => "an ID token",
            Self::RefreshToken => "a refresh token",
            Self::SessionKey => "a session key",
            Self::ApiKey => "an API key",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_is_accepted_only_where_its_kind_is_due() {
        let mut state = ServerState::new(Scenario::ready());
        let kinds = [
            CredentialKind::AccessToken,
            CredentialKind::RefreshToken,
            CredentialKind::SessionKey,
            CredentialKind::ApiKey,
        ];
        let issued = kinds.map(|kind| (kind, state.issue(kind, "")));

        for due in kinds {
            for (kind, token) in &issued {
                assert_eq!(state.accept(due, Some(token)).is_ok(), *kind == due, "{kind} where {due} is due");
            }
            assert!(state.accept(due, Some("made-up")).is_err());
            assert!(state.accept(due, None).is_err());
        }
    }

    #[test]
    fn every_secret_is_new_and_looks_like_the_real_ones() {
        let mut state = ServerState::new(Scenario::ready());
        let session_keys = [state.log_in(Duration::ZERO), state.log_in(Duration::ZERO)];
        assert_ne!(session_keys[0], session_keys[1]);
        assert!(session_keys[0].starts_with("sess-"));

        let other_session_key = ServerState::new(Scenario::ready()).log_in(Duration::ZERO);
        assert_ne!(session_keys[0], other_session_key);
        assert!(other_session_key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
    }
}
