//! The checks of the ports: the fakes pass them, and every broken implementation fails one.

#![allow(clippy::unwrap_used, reason = "the helpers of tests count as tests too")]

use keymint_domain::testing::conformance::{self, Account, Administration};
use keymint_domain::testing::{
    FakeAdmin, FakeAuthServer, FakeClock, FakeDestination, FakePlatform, admin_key, approved_redirect,
    granted, organization, pending, project, project_key,
};
use keymint_domain::{
    AccessToken, AdminApi, AdminKey, ApiKey, AuthServer, AuthorizationGrant, Callback, Clock, CreatedKey,
    DeliveryError, DestinationId, KeyChange, KeyDestination, KeyDetails, KeyId, LastFour, Listing, Login,
    Moment, NewKey, Organization, OrganizationId, PlatformApi, Project, ProjectId, ProjectKey, RefreshToken,
    ServiceAccount, ServiceAccountId, ServiceError, ServiceErrorKind, SessionKey, Step, Target, Title,
    Tokens, async_trait,
};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// The way in which an implementation changes the answers that it passes on.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bent {
    GoesBack,
    WakesEarly,
    CountsIn32Bits,
    TakesACodeTwice,
    RevokesForStrangers,
    SaysNotSent,
    NamesAnotherStep,
    LeaksASecret,
    WritesControls,
    SortsBackwards,
    DropsTitles,
    LogsInToAnEmptyAccount,
    RefusesEmptyLists,
    GivesOneKey,
    GivesAnId,
    AcceptsEveryKey,
    ListsWhatIsNot,
    LetsStrangersIn,
    IsLostWithADroppedCall,
    HasNoName,
    ChangesItsName,
    CutsTheKey,
    TakesNothing,
    TakesWhatItShouldNot,
    GivesAnotherEnd,
    NeverExpires,
    DeletesAnything,
    IgnoresALifetime,
    LeavesKeys,
}

struct BentClock(FakeClock, Bent, AtomicU32);

#[async_trait]
impl Clock for BentClock {
    fn now(&self) -> Moment {
        let calls = self.2.fetch_add(1, Ordering::Relaxed);
        let late = if self.1 == Bent::GoesBack && calls % 10 != 9 { 1 } else { 0 };
        self.0.now() + Duration::from_secs(late)
    }

    async fn sleep(&self, duration: Duration) {
        let duration = match self.1 {
            Bent::WakesEarly => duration / 2,
            Bent::CountsIn32Bits if duration.as_millis() > 0x7fff_ffff => Duration::ZERO,
            _ => duration,
        };
        self.0.sleep(duration).await;
    }
}

struct BentAuthServer(FakeAuthServer, Bent);

#[async_trait]
impl AuthServer for BentAuthServer {
    async fn exchange_code(&self, grant: &AuthorizationGrant) -> Result<Tokens, ServiceError> {
        match self.0.exchange_code(grant).await {
            Err(_) if self.1 == Bent::TakesACodeTwice => Ok(Tokens::new(token())),
            result => result.map_err(|error| bend(self.1, error, grant.verifier().expose())),
        }
    }

    async fn revoke(&self, client_id: &str, token: &RefreshToken) -> Result<(), ServiceError> {
        match self.0.revoke(client_id, token).await {
            Err(_) if self.1 == Bent::RevokesForStrangers => Ok(()),
            result => result,
        }
    }
}

struct BentPlatform {
    platform: FakePlatform,
    bent: Bent,
    is_busy: AtomicBool,
}

impl BentPlatform {
    /// Each organization, or each project, as this implementation lists it.
    fn list<T>(
        &self,
        step: Step,
        session: &SessionKey,
        listed: Result<Listing<T>, ServiceError>,
        drop_title: fn(&mut T),
    ) -> Result<Listing<T>, ServiceError> {
        match (self.bent, listed) {
            (Bent::ListsWhatIsNot, Err(error))
                if matches!(error.kind, ServiceErrorKind::Refused { status: 404, .. }) =>
            {
                Ok(Vec::new().into())
            }
            (Bent::LetsStrangersIn, Err(_)) => Ok(Vec::new().into()),
            (Bent::RefusesEmptyLists, Ok(listing)) if listing.items.is_empty() => {
                Err(ServiceError::new(step, ServiceErrorKind::OutOfContract, "nothing there"))
            }
            (bent, Ok(mut listing)) => {
                match bent {
                    Bent::SortsBackwards => listing.items.reverse(),
                    Bent::DropsTitles => listing.items.iter_mut().for_each(drop_title),
                    _ => {}
                }
                Ok(listing)
            }
            (bent, Err(error)) => Err(bend(bent, error, session.expose())),
        }
    }
}

#[async_trait]
impl PlatformApi for BentPlatform {
    async fn login(&self, token: &AccessToken, app: &str) -> Result<Login, ServiceError> {
        let mut login = self.platform.login(token, app).await?;
        if self.bent == Bent::LogsInToAnEmptyAccount {
            login.organizations = Vec::new().into();
        }
        Ok(login)
    }

    async fn organizations(&self, session: &SessionKey) -> Result<Listing<Organization>, ServiceError> {
        // A dropped call leaves this set.
        if self.is_busy.swap(true, Ordering::Relaxed) && self.bent == Bent::IsLostWithADroppedCall {
            let kind = ServiceErrorKind::Interrupted;
            return Err(ServiceError::new(Step::ListOrganizations, kind, "the connection is lost"));
        }
        let listed = self.platform.organizations(session).await;
        self.is_busy.store(false, Ordering::Relaxed);
        self.list(Step::ListOrganizations, session, listed, |organization| organization.title = None)
    }

    async fn projects(
        &self,
        session: &SessionKey,
        organization: &OrganizationId,
    ) -> Result<Listing<Project>, ServiceError> {
        let listed = self.platform.projects(session, organization).await;
        self.list(Step::ListProjects, session, listed, |project| project.title = None)
    }

    async fn create_api_key(
        &self,
        session: &SessionKey,
        target: &Target,
        key: &NewKey,
    ) -> Result<CreatedKey, ServiceError> {
        let key = self.platform.create_api_key(session, target, key).await;
        let key = key.map_err(|error| bend(self.bent, error, session.expose()))?;
        Ok(match self.bent {
            Bent::GivesOneKey => CreatedKey::new(ApiKey::parse("sk-the-first".to_owned()).unwrap()),
            Bent::GivesAnId => {
                CreatedKey::new(ApiKey::parse(format!("key_{}", self.platform.keys().len())).unwrap())
            }
            _ => key,
        })
    }

    async fn check_key(&self, key: &ApiKey) -> Result<(), ServiceError> {
        match self.bent {
            Bent::AcceptsEveryKey => Ok(()),
            _ => self.platform.check_key(key).await,
        }
    }
}

struct BentDestination(FakeDestination, Bent);

#[async_trait]
impl KeyDestination for BentDestination {
    fn id(&self) -> DestinationId {
        match self.1 {
            Bent::HasNoName => DestinationId::new(""),
            Bent::ChangesItsName => DestinationId::new(format!("{} keys", self.0.keys().len())),
            Bent::WritesControls => DestinationId::new("a\u{1b}name"),
            _ => self.0.id(),
        }
    }

    async fn deliver(&mut self, key: &ApiKey) -> Result<(), DeliveryError> {
        let cut = || ApiKey::parse(key.expose()[1..].to_owned()).unwrap();
        match self.1 {
            Bent::TakesNothing => Ok(()),
            Bent::CutsTheKey => self.0.deliver(&cut()).await,
            Bent::LeaksASecret => Err(DeliveryError::new(format!("no room for {}", cut().expose()))),
            Bent::SaysNotSent => Err(DeliveryError::new("no\u{1b}")),
            _ => self.0.deliver(key).await,
        }
    }
}

struct BentAdmin(FakeAdmin, Bent);

impl BentAdmin {
    fn keys_as_listed(&self, mut keys: Vec<ProjectKey>) -> Vec<ProjectKey> {
        match self.1 {
            Bent::SortsBackwards => keys.reverse(),
            Bent::DropsTitles => keys.iter_mut().for_each(|key| key.name = None),
            _ => {}
        }
        keys
    }

    fn bend<T>(&self, admin: &AdminKey, answer: Result<T, ServiceError>) -> Result<T, ServiceError> {
        answer.map_err(|error| bend(self.1, error, admin.expose()))
    }
}

#[async_trait]
impl AdminApi for BentAdmin {
    async fn projects(&self, admin: &AdminKey) -> Result<Listing<Project>, ServiceError> {
        match self.0.projects(admin).await {
            Err(_) if self.1 == Bent::LetsStrangersIn => Ok(Vec::new().into()),
            listed => self.bend(admin, listed),
        }
    }

    async fn keys(&self, admin: &AdminKey, project: &ProjectId) -> Result<Listing<ProjectKey>, ServiceError> {
        let mut listed = self.bend(admin, self.0.keys(admin, project).await)?;
        listed.items = self.keys_as_listed(listed.items);
        Ok(listed)
    }

    async fn key(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        id: &KeyId,
    ) -> Result<ProjectKey, ServiceError> {
        let mut key = self.bend(admin, self.0.key(admin, project, id).await)?;
        match self.1 {
            Bent::GivesAnotherEnd if key.is_of_service_account() => key.last_four = LastFour::parse("zzzz"),
            Bent::GivesOneKey => key.last_used_at = Some(1),
            _ => {}
        }
        Ok(key)
    }

    async fn update_key(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        id: &KeyId,
        change: &KeyChange,
    ) -> Result<KeyDetails, ServiceError> {
        if self.1 == Bent::NeverExpires {
            return Ok(KeyDetails::default());
        }
        self.0.update_key(admin, project, id, change).await
    }

    async fn delete_key(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        id: &KeyId,
    ) -> Result<(), ServiceError> {
        match self.0.delete_key(admin, project, id).await {
            Err(_) if self.1 == Bent::DeletesAnything && admin.expose() == admin_key().expose() => Ok(()),
            deleted => self.bend(admin, deleted),
        }
    }

    async fn create_service_account(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        name: &str,
    ) -> Result<ServiceAccount, ServiceError> {
        self.0.create_service_account(admin, project, name).await
    }

    async fn create_empty_account(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        name: &str,
    ) -> Result<ServiceAccountId, ServiceError> {
        self.0.create_empty_account(admin, project, name).await
    }

    async fn add_to_project(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        account: &ServiceAccountId,
    ) -> Result<(), ServiceError> {
        self.0.add_to_project(admin, project, account).await
    }

    async fn create_account_key(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        account: &ServiceAccountId,
        key: &NewKey,
    ) -> Result<CreatedKey, ServiceError> {
        let key = if self.1 == Bent::IgnoresALifetime { &NewKey::named(&*key.name) } else { key };
        self.0.create_account_key(admin, project, account, key).await
    }

    async fn delete_service_account(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        account: &ServiceAccountId,
    ) -> Result<(), ServiceError> {
        match self.1 {
            Bent::LeavesKeys => Ok(()),
            _ => self.0.delete_service_account(admin, project, account).await,
        }
    }
}

fn bend(bent: Bent, mut error: ServiceError, secret: &str) -> ServiceError {
    match bent {
        Bent::SaysNotSent => error.kind = ServiceErrorKind::Interrupted,
        Bent::NamesAnotherStep => error.step = Step::CheckKey,
        Bent::LeaksASecret => error.detail.push_str(secret),
        Bent::WritesControls => error.detail.push('\u{1b}'),
        _ => {}
    }
    error
}

fn token() -> AccessToken {
    AccessToken::parse("the-access-token".to_owned()).unwrap()
}

/// Returns two grants with different codes.
fn grants() -> [AuthorizationGrant; 2] {
    let pending = pending();
    let another = approved_redirect(&pending).replace("the-code", "another-code");
    let Callback::Response(response) = pending.read_pasted(&another) else { panic!("no response") };
    [granted(), pending.accept(response).unwrap()]
}

fn account(organizations: &[(Organization, Vec<Project>)]) -> Account<'static> {
    Account { token: token(), app: "api", organizations: organizations.to_vec() }
}

/// Returns three organizations: with two projects, with none, with one.
fn full() -> Vec<(Organization, Vec<Project>)> {
    let mut titled = project("proj_1", false);
    titled.title = Some(Title::new("Project 1"));
    let mut acme = organization("org-z");
    acme.title = Some(Title::new("Acme \u{1b}[2J"));
    acme.is_default = true;
    vec![
        (acme, vec![titled, project("proj_2", true)]),
        (organization("org-b"), vec![]),
        (organization("org-c"), vec![project("proj_1_of_c", true)]),
    ]
}

fn serving(clock: &FakeClock, organizations: &[(Organization, Vec<Project>)]) -> FakePlatform {
    let platform = FakePlatform::empty(clock).latency(Duration::from_millis(7));
    organizations
        .iter()
        .cloned()
        .fold(platform, |platform, (organization, projects)| platform.with(organization, projects))
}

/// Returns two projects: with two keys of users, and with none.
fn administered() -> Vec<(Project, Vec<ProjectKey>)> {
    let keys = vec![project_key("key_1", "laptop", "aaaa"), project_key("key_2", "", "")];
    vec![(project("proj_1", true), keys), (project("proj_2", false), vec![])]
}

fn administering(clock: &FakeClock, projects: &[(Project, Vec<ProjectKey>)]) -> FakeAdmin {
    let admin = FakeAdmin::new(clock).latency(Duration::from_millis(7));
    projects.iter().cloned().fold(admin, |admin, (project, keys)| admin.with(project, keys))
}

#[test]
fn the_fakes_keep_what_the_ports_promise() {
    let clock = FakeClock::new();
    clock.run(async {
        conformance::clock(&clock).await.unwrap();
        let auth_server = FakeAuthServer::new(&clock).latency(Duration::from_millis(7));
        conformance::auth_server(&auth_server, grants()).await.unwrap();
        for organizations in [full(), vec![]] {
            let platform = serving(&clock, &organizations);
            conformance::platform(&platform, &account(&organizations)).await.unwrap();
        }
        for projects in [administered(), vec![]] {
            let admin = administering(&clock, &projects);
            conformance::admin(&admin, &Administration { key: &admin_key(), projects }).await.unwrap();
        }
        let fake = FakeDestination::new("fake");
        let read = async || fake.keys().pop();
        conformance::key_destination(&mut fake.clone(), read).await.unwrap();
        conformance::failing_key_destination(&mut fake.clone().failing("no")).await.unwrap();
    });
}

#[test]
fn a_destination_that_breaks_a_promise_is_told_so() {
    for (bent, told) in [
        (Bent::HasNoName, "the destination has no name"),
        (Bent::WritesControls, "the name has control characters"),
        (Bent::ChangesItsName, "the name changed with the delivery"),
        (Bent::CutsTheKey, "the destination has something else than the key"),
        (Bent::TakesNothing, "the delivery succeeded, and the destination has no key"),
        (Bent::LeaksASecret, "the delivery is possible, and failed"),
    ] {
        let fake = FakeDestination::new("fake");
        let check = conformance::key_destination;
        let mut bent_destination = BentDestination(fake.clone(), bent);
        let broken =
            FakeClock::new().run(check(&mut bent_destination, async || fake.keys().pop())).unwrap_err();
        assert!(broken.to_string().starts_with(told), "{bent:?}: {broken}");
    }
    for (bent, told) in [
        (Bent::TakesWhatItShouldNot, "the delivery must fail, and succeeded"),
        (Bent::LeaksASecret, "an error of a delivery contains a secret"),
        (Bent::SaysNotSent, "an error of a delivery has control characters"),
    ] {
        let mut destination = BentDestination(FakeDestination::new("fake"), bent);
        let broken =
            FakeClock::new().run(conformance::failing_key_destination(&mut destination)).unwrap_err();
        assert_eq!(broken.to_string(), told, "{bent:?}");
    }
}

#[test]
fn a_clock_that_breaks_a_promise_is_told_so() {
    for (bent, told) in [
        (Bent::GoesBack, "the time went back"),
        (Bent::WakesEarly, "a sleep of 1ns was over after 0ns"),
        (Bent::CountsIn32Bits, "a sleep of 2592000s was over in no time"),
    ] {
        let clock = FakeClock::new();
        let bent_clock = BentClock(clock.clone(), bent, AtomicU32::default());
        let broken = clock.run(conformance::clock(&bent_clock)).unwrap_err();
        assert_eq!(broken.to_string(), told, "{bent:?}");
    }
}

#[test]
fn an_authorization_server_that_breaks_a_promise_is_told_so() {
    for (bent, told) in [
        (Bent::RevokesForStrangers, "revoking the refresh token must be refused, and succeeded"),
        (Bent::TakesACodeTwice, "exchanging the authorization code must be refused, and succeeded"),
        (
            Bent::SaysNotSent,
            "exchanging the authorization code is refused with [400, 401, 403], and the error is Interrupted",
        ),
        (
            Bent::NamesAnotherStep,
            "exchanging the authorization code was refused, and the error is one of checking the key",
        ),
        (Bent::LeaksASecret, "an error of exchanging the authorization code contains a secret"),
        (Bent::WritesControls, "an error of exchanging the authorization code has control characters"),
    ] {
        let clock = FakeClock::new();
        let auth_server = BentAuthServer(FakeAuthServer::new(&clock), bent);
        let broken = clock.run(conformance::auth_server(&auth_server, grants())).unwrap_err();
        assert_eq!(broken.to_string(), told, "{bent:?}");
    }
}

#[test]
fn a_platform_that_breaks_a_promise_is_told_so() {
    for (bent, told) in [
        (Bent::SortsBackwards, "the organizations were listed as"),
        (Bent::DropsTitles, "the organizations were listed as"),
        (Bent::LogsInToAnEmptyAccount, "the organizations of the login were listed as"),
        (Bent::RefusesEmptyLists, "listing the projects is possible, and failed: nothing there"),
        (Bent::GivesOneKey, "two creations gave the same key"),
        (Bent::GivesAnId, "what was created is not a key"),
        (Bent::AcceptsEveryKey, "checking the key must be refused, and succeeded"),
        (Bent::LetsStrangersIn, "listing the organizations must be refused, and succeeded"),
        (Bent::ListsWhatIsNot, "listing the projects must be refused, and succeeded"),
        (Bent::SaysNotSent, "creating the key is refused with [401], and the error is Interrupted"),
        (Bent::NamesAnotherStep, "creating the key was refused, and the error is one of checking the key"),
        (Bent::LeaksASecret, "an error of creating the key contains a secret"),
        (Bent::IsLostWithADroppedCall, "listing the organizations is possible, and failed"),
    ] {
        let clock = FakeClock::new();
        let platform =
            BentPlatform { platform: serving(&clock, &full()), bent, is_busy: AtomicBool::default() };
        let broken = clock.run(conformance::platform(&platform, &account(&full()))).unwrap_err();
        assert!(broken.to_string().starts_with(told), "{bent:?}: {broken}");
    }
}

#[test]
fn an_admin_api_that_breaks_a_promise_is_told_so() {
    for (bent, told) in [
        (Bent::SortsBackwards, "the keys of proj_1 were listed as"),
        (Bent::DropsTitles, "the keys of proj_1 were listed as"),
        (Bent::GivesOneKey, "the key key_1 is ProjectKey"),
        (Bent::GivesAnotherEnd, "the last four characters are not those of the new key"),
        (Bent::IgnoresALifetime, "the key of a service account does not expire"),
        (Bent::DeletesAnything, "deleting the key must be refused, and succeeded"),
        (Bent::LeavesKeys, "looking up the key must be refused, and succeeded"),
        (Bent::LetsStrangersIn, "listing the projects of the organization must be refused, and succeeded"),
        (Bent::NeverExpires, "the changed key does not expire"),
        (Bent::SaysNotSent, "deleting the key is refused with [400], and the error is Interrupted"),
        (Bent::NamesAnotherStep, "deleting the key was refused, and the error is one of checking the key"),
        (Bent::LeaksASecret, "an error of deleting the key contains a secret"),
        (Bent::WritesControls, "an error of deleting the key has control characters"),
    ] {
        let (clock, projects) = (FakeClock::new(), administered());
        let admin = BentAdmin(administering(&clock, &projects), bent);
        let prepared = Administration { key: &admin_key(), projects };
        let broken = clock.run(conformance::admin(&admin, &prepared)).unwrap_err();
        assert!(broken.to_string().starts_with(told), "{bent:?}: {broken}");
    }
}
