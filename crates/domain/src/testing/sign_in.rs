use super::FakeClock;
use crate::clock::Clock;
use crate::oauth::account::AccountEmail;
use crate::oauth::authorization::{
    AuthorizationGrant, AuthorizationResponse, Callback, Client, Entropy, PendingAuthorization,
    REGISTERED_REDIRECT_URI,
};
use crate::ports::{AuthServer, ResponseSource, SourceError, Tokens};
use crate::secret::{AccessToken, RefreshToken};
use crate::service_error::{ServiceError, ServiceErrorKind, Step};
use async_trait::async_trait;
use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Returns a pending authorization of the default client, always the same.
pub fn pending() -> PendingAuthorization {
    let Ok(entropy) = Entropy::fill_with(|bytes| {
        bytes.fill(0x5a);
        Ok::<_, Infallible>(())
    });
    Client::default().begin(REGISTERED_REDIRECT_URI.parse().expect("a constant"), entropy)
}

/// Returns the URL of the browser's last page when the user grants access.
pub fn approved_redirect(pending: &PendingAuthorization) -> String {
    let url = pending.authorize_url();
    let (_, state) = url.query_pairs().find(|(name, _)| name == "state").expect("every request has one");
    format!("{REGISTERED_REDIRECT_URI}?code=the-code&state={state}")
}

/// Returns the grant that [`pending`] becomes when the user grants access.
pub fn granted() -> AuthorizationGrant {
    let pending = pending();
    match pending.read_pasted(&approved_redirect(&pending)) {
        Callback::Response(response) => pending.accept(response).expect("it has a code"),
        Callback::Stray(stray) => panic!("a willing person's answer was read as {stray:?}"),
    }
}

/// The refresh token of every exchange.
const REFRESH_TOKEN: &str = "the-refresh-token";

/// An authorization server that takes any code, once, and revokes refresh tokens.
pub struct FakeAuthServer {
    clock: FakeClock,
    latency: Duration,
    email: Option<String>,
    exchanges: Mutex<Exchanges>,
}

#[derive(Default)]
struct Exchanges {
    number: usize,
    spent_codes: HashSet<String>,
    failures: VecDeque<ServiceErrorKind>,
    client_id: Option<String>,
    revocations: usize,
    revocation_failure: Option<ServiceErrorKind>,
}

impl FakeAuthServer {
    /// Creates a server that grants every exchange of a fresh code.
    pub fn new(clock: &FakeClock) -> Self {
        Self { clock: clock.clone(), latency: Duration::ZERO, email: None, exchanges: Mutex::default() }
    }

    /// Delays each answer.
    pub fn latency(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    /// Sets the e-mail address of the account.
    pub fn email(self, email: &str) -> Self {
        Self { email: Some(email.to_owned()), ..self }
    }

    /// Lets the next exchange without a failure fail with this error.
    pub fn fail(self, kind: ServiceErrorKind) -> Self {
        self.lock().failures.push_back(kind);
        self
    }

    /// Lets every revocation fail with this error.
    pub fn fail_revocation(self, kind: ServiceErrorKind) -> Self {
        self.lock().revocation_failure = Some(kind);
        self
    }

    /// Returns the number of requested revocations.
    pub fn revocations(&self) -> usize {
        self.lock().revocations
    }

    /// Returns the number of requested exchanges.
    pub fn exchanges(&self) -> usize {
        self.lock().number
    }

    fn lock(&self) -> MutexGuard<'_, Exchanges> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the failure of this exchange, if it has one.
    fn failure(&self, code: &str) -> Option<ServiceErrorKind> {
        let mut exchanges = self.lock();
        exchanges.number += 1;
        exchanges.failures.pop_front().or_else(|| {
            let is_fresh = exchanges.spent_codes.insert(code.to_owned());
            (!is_fresh).then_some(ServiceErrorKind::Refused { status: 400, retry_after: None })
        })
    }
}

#[async_trait]
impl AuthServer for FakeAuthServer {
    async fn exchange_code(&self, grant: &AuthorizationGrant) -> Result<Tokens, ServiceError> {
        let failure = self.failure(grant.code().expose());
        self.clock.sleep(self.latency).await;
        if let Some(kind) = failure {
            return Err(ServiceError::new(Step::ExchangeCode, kind, kind.to_string()));
        }
        self.lock().client_id = Some(grant.client_id().to_owned());
        let mut tokens = Tokens::new(AccessToken::parse("the-access-token".to_owned()).expect("a constant"));
        tokens.refresh_token = RefreshToken::parse(REFRESH_TOKEN.to_owned()).ok();
        tokens.email = self.email.as_deref().and_then(AccountEmail::parse);
        Ok(tokens)
    }

    async fn revoke(&self, client_id: &str, token: &RefreshToken) -> Result<(), ServiceError> {
        let failure = {
            let mut exchanges = self.lock();
            exchanges.revocations += usize::from(token.expose() == REFRESH_TOKEN);
            let is_stranger = exchanges.client_id.as_deref() != Some(client_id);
            let refused = ServiceErrorKind::Refused { status: 400, retry_after: None };
            exchanges.revocation_failure.or(is_stranger.then_some(refused))
        };
        self.clock.sleep(self.latency).await;
        failure.map_or(Ok(()), |kind| Err(ServiceError::new(Step::RevokeToken, kind, kind.to_string())))
    }
}

/// A source whose user returns from the browser after a while, or never.
pub struct FakeSource {
    clock: FakeClock,
    after: Duration,
    targets: Vec<String>,
}

impl FakeSource {
    /// Creates a source whose user never returns.
    pub fn silent(clock: &FakeClock) -> Self {
        Self::after(clock, Duration::MAX, &[])
    }

    /// Creates a source that receives these request targets one after the other, after this long. `STATE` in them
    /// is replaced with the right state.
    pub fn after(clock: &FakeClock, after: Duration, targets: &[&str]) -> Self {
        Self { clock: clock.clone(), after, targets: targets.iter().copied().map(str::to_owned).collect() }
    }
}

#[async_trait]
impl ResponseSource for FakeSource {
    async fn receive(
        &mut self,
        pending: &PendingAuthorization,
    ) -> Result<AuthorizationResponse, SourceError> {
        self.clock.sleep(self.after).await;
        let redirect = approved_redirect(pending);
        let (_, state) = redirect.split_once("state=").expect("every redirect has one");
        for target in &self.targets {
            if let Callback::Response(response) = pending.read_callback(&target.replace("STATE", state)) {
                return Ok(response);
            }
        }
        Err(SourceError::new("no more answers"))
    }
}
