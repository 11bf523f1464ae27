//! The state behind both services, and its rules. It uses no sockets and no clock: time is an argument.

mod account;
mod admin;
mod authorizations;

use crate::Scenario;
use crate::credentials::CredentialGenerator;
use account::Account;
pub(crate) use account::{NotCreated, NotFound, Page};
pub(crate) use admin::{NotDeleted, ServiceAccount};
use authorizations::Authorizations;
pub(crate) use authorizations::{Authorization, ExchangeError, TokenRequest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
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
    /// The id: `key_…`.
    pub id: String,
    /// The time of the creation, in seconds since 1970.
    pub created_at: u64,
    /// The requested lifetime, in seconds.
    pub expires_in_seconds: Option<u64>,
    /// The requested permissions. Empty if none were requested.
    pub scopes: Vec<String>,
    /// The id of the service account that owns the key. `None` for a key of the user.
    pub service_account: Option<String>,
    /// The time from which the key is refused, in seconds since 1970.
    pub expires_at: Option<u64>,
    /// The time of the last use, in seconds since 1970.
    pub last_used_at: Option<u64>,
    /// True if the key was deleted.
    pub is_deleted: bool,
}

/// A refresh token that the sandbox issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// The client that it was issued to.
    pub client_id: String,
    /// The secret.
    pub value: String,
    /// True if the token was revoked.
    pub is_revoked: bool,
}

/// The authorizations, the issued credentials, and the account.
#[derive(Clone, Debug)]
pub(crate) struct ServerState {
    pub(crate) authorizations: Authorizations,
    pub(crate) account: Account,
    pub(crate) refresh_tokens: Vec<RefreshToken>,
    issued: HashMap<String, CredentialKind>,
    /// The organization of each admin key.
    admin_keys: HashMap<String, String>,
    service_accounts: Vec<ServiceAccount>,
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
    AdminKey,
}

/// The reason why a key does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotUsable {
    Deleted,
    Expired,
    /// The service account that owns the key has no role in the project.
    NoRole,
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
            admin_keys: HashMap::new(),
            service_accounts: Vec::new(),
            generator: CredentialGenerator::new(),
            started_at: Duration::ZERO,
        }
    }

    /// Sets the time of day, and creates the keys that exist from the start.
    pub(crate) fn start(&mut self, time: Duration) {
        self.started_at = time;
        for key in self.account.scenario.keys.clone() {
            self.issued.insert(key.value.clone(), CredentialKind::ApiKey);
            let id = self.generator.key_id();
            self.account.keys.push(CreatedKey { id, created_at: time.as_secs(), ..key });
        }
    }

    /// Returns the time of day, which may pass faster than the real time.
    pub(crate) fn time(&self, now: Duration) -> Duration {
        self.started_at.saturating_add(now.saturating_mul(self.account.scenario.time_factor))
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
        let refresh = self.issue(CredentialKind::RefreshToken, "rt-");
        self.refresh_tokens.push(RefreshToken {
            client_id: request.client_id.to_owned(),
            value: refresh.clone(),
            is_revoked: false,
        });
        Ok(Tokens {
            access: self.issue(CredentialKind::AccessToken, "at-"),
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
        Ok(self.add_key(requested, "sk-proj-", now))
    }

    fn add_key(&mut self, requested: CreatedKey, prefix: &str, now: Duration) -> CreatedKey {
        let created_at = self.time(now).as_secs();
        let key = CreatedKey {
            value: self.issue(CredentialKind::ApiKey, prefix),
            id: self.generator.key_id(),
            created_at,
            expires_at: requested.expires_in_seconds.map(|seconds| created_at + seconds),
            ..requested
        };
        self.account.keys.push(key.clone());
        key
    }

    /// Records a use of the key, unless the key is no longer valid.
    pub(crate) fn use_key(&mut self, value: &str, now: Duration) -> Result<(), NotUsable> {
        let time = self.time(now).as_secs();
        let position = self.account.keys.iter().position(|key| key.value == value);
        let key = &self.account.keys[position.ok_or(NotUsable::Deleted)?];
        if key.is_deleted {
            return Err(NotUsable::Deleted);
        }
        if key.expires_at.is_some_and(|expires_at| time >= expires_at) {
            return Err(NotUsable::Expired);
        }
        if self.has_no_role(key) {
            return Err(NotUsable::NoRole);
        }
        let used = self.account.keys.iter_mut().filter(|key| key.value == value);
        used.for_each(|key| key.last_used_at = Some(time));
        Ok(())
    }

    /// Adds the restrictions of a key to its description, unless the scenario omits them.
    pub(crate) fn add_restrictions(&self, body: &mut Value, key: &CreatedKey) {
        if self.account.scenario.confirms_restrictions {
            if let Some(expires_at) = key.expires_at {
                body["expires_at"] = expires_at.into();
            }
            if !key.scopes.is_empty() {
                body["scopes"] = key.scopes.clone().into();
            }
        }
    }

    /// Returns the bearer token if it is of the expected kind. Otherwise the error names its actual kind.
    pub(crate) fn accept<'a>(&self, due: CredentialKind, bearer: Option<&'a str>) -> Result<&'a str, String> {
        let bearer = bearer.ok_or_else(|| format!("no bearer token, but {due} is required"))?;
        match self.issued.get(bearer) {
            Some(kind) if *kind == due => Ok(bearer),
            Some(kind) => Err(format!("the bearer token is {kind}, but {due} is required")),
            None => Err(format!("the bearer token was not issued here, but {due} is required")),
        }
    }

    /// Returns every issued secret, including codes.
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
        let encode = |part: Value| URL_SAFE_NO_PAD.encode(part.to_string());
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
            Self::AdminKey => "an admin key",
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
