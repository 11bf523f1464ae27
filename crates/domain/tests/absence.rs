//! Requests that must not be sent. The mocks fail the test if one is.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use async_trait::async_trait;
use keymint_domain::testing::{FakeAuthServer, FakeClock, granted};
use keymint_domain::{
    AccessToken, ApiKey, AuthServer, AuthorizationGrant, CreatedKey, Listing, Login, NewKey, Organization,
    OrganizationId, Plan, PlatformApi, Ports, Project, Provisioner, RefreshToken, RevocationOutcome,
    ServiceError, ServiceErrorKind, SessionKey, Step, Target, Tokens,
};
use mockall::mock;

mock! {
    TokenEndpoint {}

    #[async_trait]
    impl AuthServer for TokenEndpoint {
        async fn exchange_code(&self, grant: &AuthorizationGrant) -> Result<Tokens, ServiceError>;
        async fn revoke(&self, client_id: &str, token: &RefreshToken) -> Result<(), ServiceError>;
    }
}

mock! {
    Platform {}

    #[async_trait]
    impl PlatformApi for Platform {
        async fn login(&self, token: &AccessToken, app: &str) -> Result<Login, ServiceError>;
        async fn organizations(&self, session: &SessionKey) -> Result<Listing<Organization>, ServiceError>;
        async fn projects(&self, session: &SessionKey, organization: &OrganizationId) -> Result<Listing<Project>, ServiceError>;
        async fn create_api_key(&self, session: &SessionKey, target: &Target, key: &NewKey) -> Result<CreatedKey, ServiceError>;
        async fn check_key(&self, key: &ApiKey) -> Result<(), ServiceError>;
    }
}

fn refused(step: Step) -> ServiceError {
    ServiceError::new(step, ServiceErrorKind::Refused { status: 403, retry_after: None }, "no")
}

fn failure(clock: &FakeClock, auth_server: &dyn AuthServer, platform: &dyn PlatformApi) -> String {
    let plan = Plan::named("my key");
    let provisioner = Provisioner::new(Ports { auth_server, platform, clock }, &plan);
    clock.run(provisioner.provision(granted())).unwrap_err().to_string()
}

#[test]
fn a_refused_exchange_never_reaches_the_platform() {
    let mut auth_server = MockTokenEndpoint::new();
    auth_server.expect_exchange_code().once().returning(|_| Err(refused(Step::ExchangeCode)));
    let failure = failure(&FakeClock::new(), &auth_server, &MockPlatform::new());
    assert_eq!(failure, "exchanging the authorization code failed: no");
}

#[test]
fn a_refused_login_never_creates_a_key() {
    let clock = FakeClock::new();
    let mut platform = MockPlatform::new();
    platform.expect_login().once().returning(|_, _| Err(refused(Step::Login)));
    let auth_server = FakeAuthServer::new(&clock);
    assert_eq!(failure(&clock, &auth_server, &platform), "signing in to the platform failed: no");
}

#[test]
fn without_a_refresh_token_nothing_is_revoked() {
    let clock = &FakeClock::new();
    let mut auth_server = MockTokenEndpoint::new();
    auth_server.expect_exchange_code().once().returning(|_| Err(refused(Step::ExchangeCode)));
    let token = || AccessToken::parse("the-access-token".to_owned()).unwrap();
    auth_server.expect_exchange_code().once().returning(move |_| Ok(Tokens::new(token())));
    let mut platform = MockPlatform::new();
    platform.expect_login().once().returning(|_, _| Err(refused(Step::Login)));
    let ports = Ports { auth_server: &auth_server, platform: &platform, clock };
    assert_eq!(
        clock.run(granted().revocation().run(&auth_server, clock)),
        RevocationOutcome::NothingToRevoke
    );
    for _ in 0..2 {
        let grant = granted();
        let revocation = grant.revocation();
        clock.run(Provisioner::new(ports, &Plan::named("my key")).sign_in(grant)).unwrap_err();
        assert_eq!(clock.run(revocation.run(&auth_server, clock)), RevocationOutcome::NothingToRevoke);
    }
}
