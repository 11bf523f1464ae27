use super::{ContractViolation, POLLS, abandon, refusal, success};
use crate::oauth::authorization::AuthorizationGrant;
use crate::ports::AuthServer;
use crate::service_error::Step;

/// Checks that a code is exchanged once and then refused, that a dropped exchange does not affect another one, and
/// that a refresh token is revoked only for its own client, and again without an error.
///
/// Both grants must have valid codes, and both are used up.
///
/// # Errors
///
/// The first [`ContractViolation`].
pub async fn auth_server(
    auth_server: &dyn AuthServer,
    [dropped, kept]: [AuthorizationGrant; 2],
) -> Result<(), ContractViolation> {
    for polls in POLLS {
        abandon(polls, auth_server.exchange_code(&dropped)).await;
    }
    let tokens = success(Step::ExchangeCode, auth_server.exchange_code(&kept).await)?;

    let again = auth_server.exchange_code(&kept).await;
    let secrets = [kept.code().expose(), kept.verifier().expose(), tokens.access_token.expose()];
    // RFC 6749 section 5.2 requires 400. Real servers send other statuses as well.
    refusal(Step::ExchangeCode, again, &[400, 401, 403], &secrets)?;

    let Some(token) = &tokens.refresh_token else { return Ok(()) };
    let by_stranger = auth_server.revoke("another client", token).await;
    refusal(Step::RevokeToken, by_stranger, &[400, 401, 403], &[token.expose()])?;
    // RFC 7009 section 2.2: an invalid token is no error.
    for _ in 0..2 {
        success(Step::RevokeToken, auth_server.revoke(kept.client_id(), token).await)?;
    }
    Ok(())
}
