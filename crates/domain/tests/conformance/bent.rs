//! Implementations of the ports that break their contracts.

use crate::token;
use keymint_domain::testing::{
    FakeAdmin, FakeAuthServer, FakeClock, FakeDestination, FakePlatform, admin_key,
};
use keymint_domain::{
    AccessToken, AdminApi, AdminKey, ApiKey, AuthServer, AuthorizationGrant, Clock, CreatedKey,
    DeliveryError, DestinationId, KeyChange, KeyDestination, KeyDetails, KeyId, LastFour, Listing, Login,
    Moment, NewKey, Organization, OrganizationId, PlatformApi, Project, ProjectId, ProjectKey, RefreshToken,
    ServiceAccount, ServiceAccountId, ServiceError, ServiceErrorKind, SessionKey, Step, Target, Tokens,
    async_trait,
};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// The fault that an implementation adds to the answers that it passes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bent {
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

pub(crate) struct BentClock(pub(crate) FakeClock, pub(crate) Bent, pub(crate) AtomicU32);

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

pub(crate) struct BentAuthServer(pub(crate) FakeAuthServer, pub(crate) Bent);

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

pub(crate) struct BentPlatform {
    pub(crate) platform: FakePlatform,
    pub(crate) bent: Bent,
    pub(crate) is_busy: AtomicBool,
}

impl BentPlatform {
    /// Returns the organizations or projects as this faulty implementation lists them.
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
        // A dropped call leaves the flag set.
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

pub(crate) struct BentDestination(pub(crate) FakeDestination, pub(crate) Bent);

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

pub(crate) struct BentAdmin(pub(crate) FakeAdmin, pub(crate) Bent);

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
