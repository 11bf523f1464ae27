//! The authorization server.

use crate::endpoint::Endpoint;
use crate::wire::{self, Revoke};
use async_trait::async_trait;
use keymint_domain::{AuthServer, AuthorizationGrant, RefreshToken, ServiceError, Step, Tokens};

/// The token endpoint of an authorization server, `{issuer}/oauth/token`, and its revocation endpoint,
/// `{issuer}/oauth/revoke`. Created by [`Http::auth_server`](crate::Http::auth_server).
#[derive(Debug)]
pub struct HttpAuthServer {
    pub(crate) endpoint: Endpoint,
}

impl HttpAuthServer {
    /// Requests the server's public metadata (OpenID Connect Discovery section 4) without a credential, to check that
    /// the server itself answers. Any answer of the server is a success.
    ///
    /// # Errors
    ///
    /// [`ServiceError`] if an intermediary answered in place of the server, or no answer came.
    pub async fn check_answer(&self) -> Result<(), ServiceError> {
        let path = [".well-known", "openid-configuration"];
        self.endpoint.get(Step::CheckServer, &path, []).check_answer().await
    }
}

#[async_trait]
impl AuthServer for HttpAuthServer {
    async fn exchange_code(&self, grant: &AuthorizationGrant) -> Result<Tokens, ServiceError> {
        let (code, verifier) = (grant.code().expose(), grant.verifier().expose());
        self.endpoint.learn(code);
        self.endpoint.learn(verifier);
        let mut tokens = self
            .endpoint
            .post(Step::ExchangeCode, &["oauth", "token"])
            .form(&[
                ("client_id", grant.client_id()),
                ("code_verifier", verifier),
                ("code", code),
                ("grant_type", "authorization_code"),
                ("redirect_uri", grant.redirect_uri()),
            ])
            .send(|body| {
                let keep = |token| grant.keep_refresh_token(token);
                wire::tokens(body, |token| self.endpoint.learn(token), keep)
            })
            .await?;
        self.endpoint.learn(tokens.access_token.expose());
        let redactor = &self.endpoint.redactor;
        tokens.email = tokens.email.filter(|email| redactor.redact(email.as_str()) == email.as_str());
        Ok(tokens)
    }

    async fn revoke(&self, client_id: &str, token: &RefreshToken) -> Result<(), ServiceError> {
        let token = token.expose();
        self.endpoint.learn(token);
        self.endpoint
            .post(Step::RevokeToken, &["oauth", "revoke"])
            .json(&Revoke { token, token_type_hint: "refresh_token", client_id })
            .send(|_| Ok(()))
            .await
    }
}
