use super::FakeClock;
use crate::clock::Clock;
use crate::platform::id::{KeyId, ProjectId, ServiceAccountId};
use crate::platform::listing::Listing;
use crate::platform::new_key::{CreatedKey, KeyDetails, KeyLifetime, KeyScope, NewKey};
use crate::platform::organization::Project;
use crate::platform::project_key::{KeyChange, KeyOwner, LastFour, ProjectKey};
use crate::platform::service_account::ServiceAccount;
use crate::platform::title::Title;
use crate::ports::AdminApi;
use crate::secret::{AdminKey, ApiKey};
use crate::service_error::{ServiceError, ServiceErrorKind, Step};
use async_trait::async_trait;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The admin key of every [`FakeAdmin`].
const ADMIN_KEY: &str = "sk-admin-fake-0123456789";

/// The time of every creation, in seconds since 1970.
const CREATED_AT: u64 = 1_764_151_200;

/// Returns the admin key that a [`FakeAdmin`] accepts.
pub fn admin_key() -> AdminKey {
    AdminKey::parse(ADMIN_KEY.to_owned()).expect("a constant")
}

/// Creates a key of a user. An empty name is unknown, and so are empty last four characters.
///
/// # Panics
///
/// If `id` is not a valid id.
pub fn project_key(id: &str, name: &str, last_four: &str) -> ProjectKey {
    let mut key = ProjectKey::new(KeyId::parse(id).expect("an id"));
    key.name = (!name.is_empty()).then(|| Title::new(name));
    key.last_four = LastFour::parse(last_four);
    key.created_at = Some(CREATED_AT);
    key.owner = Some(KeyOwner::User { name: None });
    key
}

/// An Admin API in memory: projects with keys and service accounts, and the failures that a test sets.
pub struct FakeAdmin {
    clock: FakeClock,
    latency: Duration,
    failures: Mutex<HashMap<Step, VecDeque<Failure>>>,
    is_partial: bool,
    keeps_deleted_keys: bool,
    state: Mutex<State>,
}

struct Failure {
    kind: ServiceErrorKind,
    /// True if the server processes the request nevertheless.
    is_processed: bool,
}

#[derive(Default)]
struct State {
    projects: Vec<(Project, Vec<ProjectKey>)>,
    accounts: Vec<Account>,
    steps: Vec<Step>,
    secrets: Vec<String>,
}

struct Account {
    project: ProjectId,
    id: ServiceAccountId,
    name: String,
    is_member: bool,
}

impl FakeAdmin {
    /// Creates an organization without projects.
    pub fn new(clock: &FakeClock) -> Self {
        Self {
            clock: clock.clone(),
            latency: Duration::ZERO,
            failures: Mutex::default(),
            is_partial: false,
            keeps_deleted_keys: false,
            state: Mutex::default(),
        }
    }

    /// Adds a project with these keys.
    pub fn with(self, project: Project, keys: Vec<ProjectKey>) -> Self {
        self.state().projects.push((project, keys));
        self
    }

    /// Delays each answer.
    pub fn latency(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    /// Cuts the lists of keys.
    pub fn partial(self) -> Self {
        Self { is_partial: true, ..self }
    }

    /// Confirms the deletion of keys, and keeps them.
    pub fn keeping_deleted_keys(self) -> Self {
        Self { keeps_deleted_keys: true, ..self }
    }

    /// Lets the next requests of `step` fail with these errors, one after the other, without being processed.
    pub fn fail(self, step: Step, kinds: &[ServiceErrorKind]) -> Self {
        self.add_failures(step, kinds, false)
    }

    /// Lets the answers of the next requests of `step` be lost with these errors. The requests are processed.
    pub fn lose(self, step: Step, kinds: &[ServiceErrorKind]) -> Self {
        self.add_failures(step, kinds, true)
    }

    /// Returns the keys of a project.
    pub fn keys_of(&self, project: &ProjectId) -> Vec<ProjectKey> {
        let state = self.state();
        let project = state.projects.iter().find(|(candidate, _)| candidate.id == *project);
        project.map(|(_, keys)| keys.clone()).unwrap_or_default()
    }

    /// Returns the names of the service accounts.
    pub fn accounts(&self) -> Vec<String> {
        self.state().accounts.iter().map(|account| account.name.clone()).collect()
    }

    /// Returns every request so far.
    pub fn steps(&self) -> Vec<Step> {
        self.state().steps.clone()
    }

    /// Returns every created key, including those whose answers were lost.
    pub fn secrets(&self) -> Vec<String> {
        self.state().secrets.clone()
    }

    fn add_failures(self, step: Step, kinds: &[ServiceErrorKind], is_processed: bool) -> Self {
        let failures = kinds.iter().map(|&kind| Failure { kind, is_processed });
        self.failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(step)
            .or_default()
            .extend(failures);
        self
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the request, takes its time, and processes it unless a failure is due or the admin key is unknown.
    async fn serve<T>(
        &self,
        admin: &AdminKey,
        step: Step,
        work: impl FnOnce(&mut State) -> Result<T, (u16, &'static str)> + Send,
    ) -> Result<T, ServiceError> {
        let failure = self
            .failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_mut(&step)
            .and_then(VecDeque::pop_front);
        self.state().steps.push(step);
        self.clock.sleep(self.latency).await;
        let refused = |(status, detail)| {
            ServiceError::new(step, ServiceErrorKind::Refused { status, retry_after: None }, detail)
        };
        if admin.expose() != ADMIN_KEY {
            return Err(refused((401, "no such admin key")));
        }
        match failure {
            Some(Failure { kind, is_processed }) => {
                if is_processed {
                    let _ = work(&mut self.state());
                }
                Err(ServiceError::new(step, kind, kind.to_string()))
            }
            None => work(&mut self.state()).map_err(refused),
        }
    }
}

type Answer<T> = Result<T, (u16, &'static str)>;

impl State {
    fn keys(&mut self, project: &ProjectId) -> Answer<&mut Vec<ProjectKey>> {
        let project = self.projects.iter_mut().find(|(candidate, _)| candidate.id == *project);
        project.map(|(_, keys)| keys).ok_or((404, "no such project"))
    }

    fn key(&mut self, project: &ProjectId, id: &KeyId) -> Answer<&mut ProjectKey> {
        self.keys(project)?.iter_mut().find(|key| key.id == *id).ok_or((404, "no such key"))
    }

    fn account(&mut self, project: &ProjectId, id: &ServiceAccountId) -> Answer<&mut Account> {
        let mut accounts = self.accounts.iter_mut();
        accounts
            .find(|account| account.project == *project && account.id == *id)
            .ok_or((404, "no such service account"))
    }

    fn create_account(
        &mut self,
        project: &ProjectId,
        name: &str,
        is_member: bool,
    ) -> Answer<ServiceAccountId> {
        self.keys(project)?;
        let id = format!("svc_acct_fake_{}", self.accounts.len() + 1);
        let id = ServiceAccountId::parse(&id).expect("an id");
        let (project, name) = (project.clone(), name.to_owned());
        self.accounts.push(Account { project, id: id.clone(), name, is_member });
        Ok(id)
    }

    fn create_key(&mut self, project: &ProjectId, of: &ServiceAccountId, key: &NewKey) -> Answer<CreatedKey> {
        let Account { name, is_member, .. } = self.account(project, of)?;
        let owner = KeyOwner::ServiceAccount { id: Some(of.clone()), name: Some(Title::new(&*name)) };
        if !*is_member {
            return Err((403, "the service account has no role"));
        }
        let number = self.secrets.len() + 1;
        let secret = format!("sk-svcacct-fake-{number:04}");
        self.secrets.push(secret.clone());
        let mut created = CreatedKey::new(ApiKey::parse(secret).expect("it is printable ASCII"));
        let mut listed = project_key(&format!("key_fake_{number}"), &key.name, created.secret.last_four());
        listed.expires_at = expiry(key.expires_in);
        listed.owner = Some(owner);
        created.details = KeyDetails {
            id: Some(listed.id.clone()),
            created_at: listed.created_at,
            expires_at: listed.expires_at,
            scopes: Some(names(&key.scopes)),
        };
        self.keys(project)?.push(listed);
        Ok(created)
    }
}

fn expiry(lifetime: Option<KeyLifetime>) -> Option<u64> {
    lifetime.map(|lifetime| CREATED_AT + u64::from(lifetime.as_secs()))
}

fn names(scopes: &[KeyScope]) -> Vec<String> {
    scopes.iter().map(|scope| scope.as_str().to_owned()).collect()
}

#[async_trait]
impl AdminApi for FakeAdmin {
    async fn projects(&self, admin: &AdminKey) -> Result<Listing<Project>, ServiceError> {
        let list = |state: &mut State| {
            Ok(state.projects.iter().map(|(project, _)| project.clone()).collect::<Vec<_>>().into())
        };
        self.serve(admin, Step::ListAllProjects, list).await
    }

    async fn keys(&self, admin: &AdminKey, project: &ProjectId) -> Result<Listing<ProjectKey>, ServiceError> {
        let list = |state: &mut State| Ok(Listing::new(state.keys(project)?.clone(), 0, !self.is_partial));
        self.serve(admin, Step::ListKeys, list).await
    }

    async fn key(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        key: &KeyId,
    ) -> Result<ProjectKey, ServiceError> {
        self.serve(admin, Step::GetKey, |state| state.key(project, key).cloned()).await
    }

    async fn update_key(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        key: &KeyId,
        change: &KeyChange,
    ) -> Result<KeyDetails, ServiceError> {
        let update = |state: &mut State| {
            let listed = state.key(project, key)?;
            listed.expires_at = expiry(change.expires_in).or(listed.expires_at);
            Ok(KeyDetails {
                id: Some(listed.id.clone()),
                created_at: listed.created_at,
                expires_at: listed.expires_at,
                scopes: Some(names(&change.scopes)),
            })
        };
        self.serve(admin, Step::UpdateKey, update).await
    }

    async fn delete_key(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        key: &KeyId,
    ) -> Result<(), ServiceError> {
        let delete = |state: &mut State| {
            if state.key(project, key)?.is_of_service_account() {
                return Err((400, "the key belongs to a service account"));
            }
            if !self.keeps_deleted_keys {
                state.keys(project)?.retain(|listed| listed.id != *key);
            }
            Ok(())
        };
        self.serve(admin, Step::DeleteKey, delete).await
    }

    async fn create_service_account(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        name: &str,
    ) -> Result<ServiceAccount, ServiceError> {
        let create = |state: &mut State| {
            let id = state.create_account(project, name, true)?;
            let key = state.create_key(project, &id, &NewKey::named("Secret Key"))?;
            Ok(ServiceAccount::new(Some(id), key))
        };
        self.serve(admin, Step::CreateServiceAccount, create).await
    }

    async fn create_empty_account(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        name: &str,
    ) -> Result<ServiceAccountId, ServiceError> {
        self.serve(admin, Step::CreateServiceAccount, |state| state.create_account(project, name, false))
            .await
    }

    async fn add_to_project(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        account: &ServiceAccountId,
    ) -> Result<(), ServiceError> {
        let add = |state: &mut State| {
            state.account(project, account)?.is_member = true;
            Ok(())
        };
        self.serve(admin, Step::UpdateServiceAccount, add).await
    }

    async fn create_account_key(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        account: &ServiceAccountId,
        key: &NewKey,
    ) -> Result<CreatedKey, ServiceError> {
        self.serve(admin, Step::CreateAccountKey, |state| state.create_key(project, account, key)).await
    }

    async fn delete_service_account(
        &self,
        admin: &AdminKey,
        project: &ProjectId,
        account: &ServiceAccountId,
    ) -> Result<(), ServiceError> {
        let delete = |state: &mut State| {
            state.account(project, account)?;
            state.accounts.retain(|candidate| candidate.id != *account);
            let is_its = |key: &ProjectKey| matches!(&key.owner, Some(KeyOwner::ServiceAccount { id: Some(id), .. }) if id == account);
            state.keys(project)?.retain(|key| !is_its(key));
            Ok(())
        };
        self.serve(admin, Step::DeleteServiceAccount, delete).await
    }
}
