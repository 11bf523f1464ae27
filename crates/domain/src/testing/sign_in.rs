use super::FakeClock;
use crate::clock::Clock;
use crate::oauth::account::AccountEmail;
use crate::oauth::authorization::{
    AuthorizationGrant, AuthorizationResponse, Callback, Client, Entropy, PendingAuthorization,
    REGISTERED_REDIRECT_URI,
};
use crate::ports::{AuthServer, ResponseSource, SourceError, Tokens};
use crate::secret::AccessToken;
use crate::service_error::{ServiceError, ServiceErrorKind, Step};
use async_trait::async_trait;
use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A pending authorization of the default client, always the same.
pub fn pending() -> PendingAuthorization {
    let Ok(entropy) = Entropy::fill_with(|bytes| {
        bytes.fill(0x5a);
        Ok::<_, Infallible>(())
    });
    Client::default().begin(REGISTERED_REDIRECT_URI.parse().expect("a constant"), entropy)
}

/// The address that a browser ends on when the person agrees.
pub fn approved_redirect(pending: &PendingAuthorization) -> String {
    let url = pending.authorize_url();
    let (_, state) = url.query_pairs().find(|(name, _)| name == "state").expect("every request has one");
    format!("{REGISTERED_REDIRECT_URI}?code=the-code&state={state}")
}

/// What [`pending`] becomes when the person agrees.
pub fn granted() -> AuthorizationGrant {
    let pending = pending();
    match pending.read_pasted(&approved_redirect(&pending)) {
        Callback::Response(response) => pending.accept(response).expect("it has a code"),
        Callback::Stray(stray) => panic!("a willing person's answer was read as {stray:?}"),
    }
}

/// A token endpoint that takes any code, once.
pub struct FakeAuthServer {
    clock: FakeClock,
    latency: Duration,
    email: Option<String>,
    failures: Mutex<VecDeque<ServiceErrorKind>>,
    spent_codes: Mutex<HashSet<String>>,
    exchanges: AtomicUsize,
}

impl FakeAuthServer {
    /// One that grants every exchange of a fresh code.
    pub fn new(clock: &FakeClock) -> Self {
        Self {
            clock: clock.clone(),
            latency: Duration::ZERO,
            email: None,
            failures: Mutex::default(),
            spent_codes: Mutex::default(),
            exchanges: AtomicUsize::new(0),
        }
    }

    /// Each answer comes this late.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// The account has this address.
    pub fn email(mut self, email: &str) -> Self {
        self.email = Some(email.to_owned());
        self
    }

    /// The next exchange that has no failure yet fails like this.
    pub fn fail(self, kind: ServiceErrorKind) -> Self {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).push_back(kind);
        self
    }

    /// How many exchanges were asked for.
    pub fn exchanges(&self) -> usize {
        self.exchanges.load(Ordering::Relaxed)
    }

    /// Why this exchange fails, if it does.
    fn failure(&self, code: &str) -> Option<ServiceErrorKind> {
        let scripted = self.failures.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        scripted.or_else(|| {
            let fresh =
                self.spent_codes.lock().unwrap_or_else(PoisonError::into_inner).insert(code.to_owned());
            (!fresh).then_some(ServiceErrorKind::Refused { status: 400, retry_after: None })
        })
    }
}

#[async_trait]
impl AuthServer for FakeAuthServer {
    async fn exchange_code(&self, grant: &AuthorizationGrant) -> Result<Tokens, ServiceError> {
        self.exchanges.fetch_add(1, Ordering::Relaxed);
        self.clock.sleep(self.latency).await;
        match self.failure(grant.code().expose()) {
            Some(kind) => Err(ServiceError::new(Step::ExchangeCode, kind, kind.to_string())),
            None => {
                let access_token = AccessToken::parse("the-access-token".to_owned()).expect("a constant");
                let mut tokens = Tokens::new(access_token);
                tokens.email = self.email.as_deref().and_then(AccountEmail::parse);
                Ok(tokens)
            }
        }
    }
}

/// A source whose person comes back after a while, or never.
pub struct FakeSource {
    clock: FakeClock,
    after: Option<Duration>,
    targets: Vec<String>,
}

impl FakeSource {
    /// Nobody ever comes.
    pub fn silent(clock: &FakeClock) -> Self {
        Self { clock: clock.clone(), after: None, targets: Vec::new() }
    }

    /// These request targets arrive one after the other, after this long. `STATE` in them stands
    /// for the right state.
    pub fn after(clock: &FakeClock, after: Duration, targets: &[&str]) -> Self {
        Self {
            clock: clock.clone(),
            after: Some(after),
            targets: targets.iter().map(|&target| target.to_owned()).collect(),
        }
    }
}

#[async_trait]
impl ResponseSource for FakeSource {
    async fn receive(
        &mut self,
        pending: &PendingAuthorization,
    ) -> Result<AuthorizationResponse, SourceError> {
        let Some(after) = self.after else {
            self.clock.sleep(Duration::MAX).await;
            return Err(SourceError::new("the end of time"));
        };
        self.clock.sleep(after).await;
        let willing = approved_redirect(pending);
        let (_, state) = willing.split_once("state=").expect("it was just put there");
        for target in &self.targets {
            if let Callback::Response(response) = pending.read_callback(&target.replace("STATE", state)) {
                return Ok(response);
            }
        }
        Err(SourceError::new("no more answers"))
    }
}
