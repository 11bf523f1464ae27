//! What must not happen: mocks that fail the test when they are asked at all.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use async_trait::async_trait;
use keymint_domain::testing::{FakeClock, granted};
use keymint_domain::{
    AccessToken, ApiKey, AuthServer, AuthorizationGrant, Listing, Organization, OrganizationId, Plan,
    PlatformApi, Ports, Project, ProvisionError, Provisioner, ServiceError, ServiceErrorKind, SessionKey,
    Step, Target, Tokens,
};
use mockall::mock;
use std::time::Duration;

mock! {
    TokenEndpoint {}

    #[async_trait]
    impl AuthServer for TokenEndpoint {
        async fn exchange_code(&self, grant: &AuthorizationGrant) -> Result<Tokens, ServiceError>;
    }
}

mock! {
    Platform {}

    #[async_trait]
    impl PlatformApi for Platform {
        async fn login(&self, token: &AccessToken, app: &str) -> Result<SessionKey, ServiceError>;
        async fn organizations(&self, session: &SessionKey) -> Result<Listing<Organization>, ServiceError>;
        async fn projects(&self, session: &SessionKey, organization: &OrganizationId) -> Result<Listing<Project>, ServiceError>;
        async fn create_api_key(&self, session: &SessionKey, target: &Target, name: &str) -> Result<ApiKey, ServiceError>;
        async fn check_key(&self, key: &ApiKey) -> Result<(), ServiceError>;
    }
}

fn refused(step: Step) -> ServiceError {
    ServiceError::new(step, ServiceErrorKind::Refused { status: 403, retry_after: None }, "no")
}

fn run(auth_server: &MockTokenEndpoint, platform: &MockPlatform) -> ProvisionError {
    let clock = FakeClock::new();
    let ports = Ports { auth_server, platform, clock: &clock };
    let mut plan = Plan::named("my key");
    plan.polling = keymint_domain::PollPolicy::adaptive(Duration::from_secs(1));
    clock.run(Provisioner::new(ports, &plan).provision(granted())).unwrap_err()
}

fn willing_token_endpoint() -> MockTokenEndpoint {
    let mut auth_server = MockTokenEndpoint::new();
    auth_server
        .expect_exchange_code()
        .once()
        .returning(|_| Ok(Tokens::new(AccessToken::parse("t".into()).unwrap())));
    auth_server
}

#[test]
fn a_refused_exchange_never_reaches_the_platform() {
    let mut auth_server = MockTokenEndpoint::new();
    auth_server.expect_exchange_code().once().returning(|_| Err(refused(Step::ExchangeCode)));

    let error = run(&auth_server, &MockPlatform::new());

    assert_eq!(error.to_string(), "exchanging the authorization code failed: no");
}

#[test]
fn a_refused_login_never_creates_a_key() {
    let mut platform = MockPlatform::new();
    platform.expect_login().once().returning(|_, _| Err(refused(Step::Login)));
    platform.expect_organizations().never();
    platform.expect_create_api_key().never();

    let error = run(&willing_token_endpoint(), &platform);

    assert_eq!(error.to_string(), "signing in to the platform failed: no");
}

#[test]
fn an_account_without_a_default_project_never_gets_a_key() {
    let mut platform = MockPlatform::new();
    platform.expect_login().once().returning(|_, _| Ok(SessionKey::parse("s".into()).unwrap()));
    platform.expect_organizations().returning(|_| Ok(Vec::new().into()));
    platform.expect_projects().never();
    platform.expect_create_api_key().never();

    let error = run(&willing_token_endpoint(), &platform);

    assert!(matches!(error, ProvisionError::NoDefaultProject { .. }), "{error}");
}
