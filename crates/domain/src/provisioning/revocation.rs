//! The result of the revocation that ends a sign-in.

use crate::clock::Clock;
use crate::oauth::authorization::Revocation;
use crate::ports::AuthServer;
use crate::service_error::{ServiceError, Step};
use std::time::Duration;

/// The result of a [`Revocation`]. No result changes the outcome of the flow.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevocationOutcome {
    /// The exchange did not succeed, the server issued no refresh token, or it is already revoked.
    NothingToRevoke,
    /// The server revoked the token.
    Revoked,
    /// The token may still be valid. The revocation is not retried.
    Failed(ServiceError),
}

impl Revocation {
    /// The time limit of the request.
    pub const TIME_LIMIT: Duration = Duration::from_secs(2);

    /// Revokes the refresh token with one request, at most for [`TIME_LIMIT`](Self::TIME_LIMIT).
    ///
    /// Call it when the flow has ended. No request is sent if no token was issued until then.
    pub async fn run(self, auth_server: &dyn AuthServer, clock: &dyn Clock) -> RevocationOutcome {
        let Some(token) = self.take() else { return RevocationOutcome::NothingToRevoke };
        let revoking = auth_server.revoke(&self.client_id, &token);
        match clock.timeout(Self::TIME_LIMIT, revoking).await {
            Ok(Ok(())) => RevocationOutcome::Revoked,
            Ok(Err(error)) => RevocationOutcome::Failed(error),
            Err(_) => {
                RevocationOutcome::Failed(ServiceError::out_of_time(Step::RevokeToken, Self::TIME_LIMIT))
            }
        }
    }
}
