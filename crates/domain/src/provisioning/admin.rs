//! The administrator: requests of the Admin API with their retries.

use crate::clock::Clock;
use crate::event::{Event, Observer, no_observer};
use crate::platform::id::{KeyId, ProjectId, ServiceAccountId};
use crate::platform::listing::Listing;
use crate::platform::new_key::{CreatedKey, KeyDetails, NewKey, Restriction};
use crate::platform::organization::Project;
use crate::platform::project_key::{KeyChange, ProjectKey};
use crate::platform::service_account::ServiceAccount;
use crate::ports::AdminApi;
use crate::provisioning::jitter::Jitter;
use crate::provisioning::plan::{LOOK_PAUSES, Timeouts};
use crate::provisioning::request_runner::RequestRunner;
use crate::secret::AdminKey;
use crate::service_error::{ServiceError, ServiceErrorKind, Step};
use futures_util::future::{Either, select};
use std::convert::Infallible;
use std::future::{Future, pending};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};

/// Manages the keys of projects with an admin key, and retries requests where that is safe.
///
/// Requests that read, change or delete are retried after a transient failure. Requests that create are retried
/// only if the server certainly did not process them.
pub struct Administrator<'a> {
    api: &'a dyn AdminApi,
    pub(crate) clock: &'a dyn Clock,
    key: &'a AdminKey,
    pub(crate) observer: Observer<'a>,
    timeouts: Timeouts,
    jitter: Jitter,
}

/// A service account that was created, with its key.
#[derive(Debug)]
#[non_exhaustive]
pub struct ProvisionedAccount {
    /// The id of the account. `None` if the server sent none that is usable.
    pub id: Option<ServiceAccountId>,
    /// The key. The platform does not show it again.
    pub key: CreatedKey,
    /// The requested restrictions that the server did not confirm.
    pub unconfirmed: Vec<Restriction>,
}

/// The reason why no service account with a key was created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceAccountError {
    /// No account exists: none was created, or it was deleted again.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The answer to the creation was lost. An account of this name may exist, perhaps with a key.
    #[error("a service account may have been created, but the answer was lost")]
    OutcomeUnknown {
        /// The name of the account.
        name: Box<str>,
        /// The failure of the request.
        #[source]
        cause: ServiceError,
    },
    /// The account exists without a usable key, and could not be deleted.
    #[error("a service account without a usable key exists")]
    Left {
        /// The id of the account.
        account: ServiceAccountId,
        /// The failure after which the account was to be deleted.
        #[source]
        cause: ServiceError,
        /// The failure of the deletion.
        deletion: Box<ServiceError>,
    },
}

/// The reason why a request did not revoke a key, or may not have revoked it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RevokeError {
    /// The key is certainly unchanged.
    #[error(transparent)]
    NotRevoked(#[from] ServiceError),
    /// The key does not exist. It was deleted before.
    #[error("the key was already deleted")]
    Missing(#[source] ServiceError),
    /// The server confirmed the deletion, or reported that the key is missing, but still has the key.
    #[error("the server still has the key")]
    StillExists(#[source] ServiceError),
    /// The answer was lost. The key may be revoked.
    #[error("the key may have been revoked, but the answer was lost")]
    OutcomeUnknown(#[source] ServiceError),
}

/// A revocation that was stopped before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoppedRevocation<S> {
    /// The output of the future that stopped it.
    pub by: S,
    /// True if a request was sent whose outcome is unknown. The key is certainly as it was otherwise.
    pub may_be_revoked: bool,
}

impl<'a> Administrator<'a> {
    /// Creates an administrator with this admin key.
    ///
    /// `jitter_seed` should be random, so that several programs do not retry at the same time.
    pub fn new(api: &'a dyn AdminApi, clock: &'a dyn Clock, key: &'a AdminKey, jitter_seed: u64) -> Self {
        let jitter = Jitter::seeded(jitter_seed);
        Self { api, clock, key, observer: &no_observer, timeouts: Timeouts::default(), jitter }
    }

    /// Reports retries and the start of each creation to `observer`.
    pub fn observed_by(self, observer: Observer<'a>) -> Self {
        Self { observer, ..self }
    }

    /// Replaces the time limits of the requests. Each method may take the [total](Timeouts::total) time.
    pub fn with_timeouts(self, timeouts: Timeouts) -> Self {
        Self { timeouts, ..self }
    }

    /// Lists the projects that the admin key may see.
    ///
    /// # Errors
    ///
    /// [`ServiceError`] if the request fails, after its retries.
    pub async fn projects(&self) -> Result<Listing<Project>, ServiceError> {
        self.step(Step::ListAllProjects, || self.api.projects(self.key)).await
    }

    /// Lists the keys of a project. [`KnownKey::find_in`](crate::KnownKey::find_in) and
    /// [`named_key`](crate::named_key) find one of them.
    ///
    /// # Errors
    ///
    /// [`ServiceError`] if the request fails, after its retries.
    pub async fn keys(&self, project: &ProjectId) -> Result<Listing<ProjectKey>, ServiceError> {
        self.step(Step::ListKeys, || self.api.keys(self.key, project)).await
    }

    /// Returns a key of a project.
    ///
    /// # Errors
    ///
    /// [`ServiceError`] if the request fails, after its retries.
    pub async fn key(&self, project: &ProjectId, id: &KeyId) -> Result<ProjectKey, ServiceError> {
        self.step(Step::GetKey, || self.api.key(self.key, project, id)).await
    }

    /// Changes the lifetime and the permissions of a key, and returns the server's description.
    ///
    /// # Errors
    ///
    /// [`ServiceError`] if the request fails, after its retries. If its outcome is unknown, the change may have been
    /// made.
    pub async fn update_key(
        &self,
        project: &ProjectId,
        id: &KeyId,
        change: &KeyChange,
    ) -> Result<KeyDetails, ServiceError> {
        self.step(Step::UpdateKey, || self.api.update_key(self.key, project, id, change)).await
    }

    /// Deletes a key. The key is no longer valid then, and cannot be restored.
    ///
    /// If the answer to an earlier attempt was lost and the key is missing now, the key counts as deleted by that
    /// attempt. A key counts as missing only if the server answers 404 both to the deletion and to a request for the
    /// key, since a gateway may refuse deletions alone.
    ///
    /// After a confirmed deletion, the key is requested until it is missing, at most four times, with pauses of 1, 2
    /// and 4 s. If such a request fails, the confirmation counts.
    ///
    /// # Errors
    ///
    /// [`RevokeError`] if the key was not deleted by these requests, or if that is unknown.
    pub async fn revoke(&self, project: &ProjectId, id: &KeyId) -> Result<(), RevokeError> {
        match self.revoke_until(project, id, pending::<Infallible>()).await {
            Ok(revoked) => revoked,
            Err(stopped) => match stopped.by {},
        }
    }

    /// Does the same as [`revoke`](Self::revoke), until `stop` is ready. Nothing is sent after that. If the server has
    /// confirmed the deletion by then, the confirmation counts unless a look has shown the key.
    ///
    /// # Errors
    ///
    /// [`StoppedRevocation`]
    pub async fn revoke_until<S>(
        &self,
        project: &ProjectId,
        id: &KeyId,
        stop: impl Future<Output = S>,
    ) -> Result<Result<(), RevokeError>, StoppedRevocation<S>> {
        // Set once a request was sent whose outcome is unknown. A call that is dropped leaves it set.
        let is_open = AtomicBool::new(false);
        let stopped = |by| Err(StoppedRevocation { by, may_be_revoked: is_open.load(Ordering::Relaxed) });
        let delete = async || {
            let was_open = is_open.swap(true, Ordering::Relaxed);
            let deleted = self.api.delete_key(self.key, project, id).await;
            if deleted.as_ref().is_err_and(|error| !error.kind.leaves_outcome_unknown()) {
                is_open.store(was_open, Ordering::Relaxed);
            }
            deleted
        };
        let mut stop = pin!(stop);
        let deleting = pin!(self.step(Step::DeleteKey, delete));
        let deleted = match select(&mut stop, deleting).await {
            Either::Left((by, _)) => return stopped(by),
            Either::Right((deleted, _)) => deleted,
        };
        // Set once a look has shown the key.
        let was_seen = AtomicBool::new(false);
        let looking = async {
            match &deleted {
                Ok(()) => self.outlives_its_deletion(project, id, &was_seen).await,
                Err(error) if is_not_found(error) => exists(self.key(project, id).await),
                Err(_) => None,
            }
        };
        let exists = match select(stop, pin!(looking)).await {
            Either::Left(_) if deleted.is_ok() && !was_seen.load(Ordering::Relaxed) => None,
            Either::Left((by, _)) => return stopped(by),
            Either::Right((exists, _)) => exists,
        };
        Ok(match (deleted, exists, is_open.load(Ordering::Relaxed)) {
            (Ok(()), Some(true), _) => {
                let (kind, detail) =
                    (ServiceErrorKind::OutOfContract, "it confirmed the deletion, and still has the key");
                Err(RevokeError::StillExists(ServiceError::new(Step::DeleteKey, kind, detail)))
            }
            (Ok(()), ..) | (Err(_), Some(false), true) => Ok(()),
            (Err(error), _, true) => Err(RevokeError::OutcomeUnknown(error)),
            (Err(error), Some(false), false) => Err(RevokeError::Missing(error)),
            (Err(error), Some(true), false) => Err(RevokeError::StillExists(error)),
            (Err(error), None, false) => Err(RevokeError::NotRevoked(error)),
        })
    }

    /// Returns whether the server still has a deleted key after several requests with pauses, since a deletion may
    /// take some time to reach all of its parts. `None` if a request fails. Sets `was_seen` once the server has it.
    async fn outlives_its_deletion(
        &self,
        project: &ProjectId,
        id: &KeyId,
        was_seen: &AtomicBool,
    ) -> Option<bool> {
        let mut pauses = LOOK_PAUSES.into_iter();
        loop {
            let look = self.api.key(self.key, project, id);
            let exists = exists(self.clock.timeout(self.timeouts.call, look).await.ok()?);
            was_seen.fetch_or(exists == Some(true), Ordering::Relaxed);
            match pauses.next() {
                Some(pause) if exists == Some(true) => self.clock.sleep(pause).await,
                _ => return exists,
            }
        }
    }

    /// Creates another key of a service account.
    ///
    /// # Errors
    ///
    /// [`ServiceError`] if the request fails. If its outcome is unknown, a key may exist, and the request is not
    /// retried.
    pub async fn create_account_key(
        &self,
        project: &ProjectId,
        account: &ServiceAccountId,
        key: &NewKey,
    ) -> Result<CreatedKey, ServiceError> {
        let create = || self.api.create_account_key(self.key, project, account, key);
        self.step(Step::CreateAccountKey, create).await
    }

    /// Creates a service account with a key. The account has the name of the key.
    ///
    /// The platform cannot restrict the first key that it creates together with an account. A restricted key is
    /// therefore created for an account without one, in three requests. If the second or the third fails, the
    /// account is deleted again, with every key that it may have. No unrestricted key exists at any time.
    ///
    /// If the future is dropped after [`Event::CreationRequested`], an account of this name may exist. It exists after
    /// [`Event::ServiceAccountCreated`].
    ///
    /// # Errors
    ///
    /// [`ServiceAccountError`] if no account with a usable key was created, or if that is unknown.
    pub async fn create_service_account(
        &self,
        project: &ProjectId,
        key: &NewKey,
    ) -> Result<ProvisionedAccount, ServiceAccountError> {
        if key.restrictions().is_empty() {
            let create = || self.api.create_service_account(self.key, project, &key.name);
            let created = self.step(Step::CreateServiceAccount, create).await;
            let ServiceAccount { id, key } = created.map_err(|cause| lost(&key.name, cause))?;
            return Ok(ProvisionedAccount { id, key, unconfirmed: Vec::new() });
        }
        let create = || self.api.create_empty_account(self.key, project, &key.name);
        let created = self.step(Step::CreateServiceAccount, create).await;
        let account = created.map_err(|cause| lost(&key.name, cause))?;
        (self.observer)(Event::ServiceAccountCreated { id: account.clone() });
        match self.equip(project, &account, key).await {
            Ok(created) => {
                let unconfirmed = key.unconfirmed_by(&created.details);
                Ok(ProvisionedAccount { id: Some(account), key: created, unconfirmed })
            }
            Err(cause) => match self.delete_service_account(project, &account).await {
                Err(deletion) if !is_not_found(&deletion) => {
                    Err(ServiceAccountError::Left { account, cause, deletion: deletion.into() })
                }
                _ => Err(cause.into()),
            },
        }
    }

    /// Makes an account without a key a member of its project, and creates its first key.
    async fn equip(
        &self,
        project: &ProjectId,
        account: &ServiceAccountId,
        key: &NewKey,
    ) -> Result<CreatedKey, ServiceError> {
        let add = || self.api.add_to_project(self.key, project, account);
        self.step(Step::UpdateServiceAccount, add).await?;
        self.create_account_key(project, account, key).await
    }

    /// Deletes a service account with all its keys.
    ///
    /// # Errors
    ///
    /// [`ServiceError`] if the request fails, after its retries. If its outcome is unknown, the account may be deleted.
    pub async fn delete_service_account(
        &self,
        project: &ProjectId,
        account: &ServiceAccountId,
    ) -> Result<(), ServiceError> {
        let delete = || self.api.delete_service_account(self.key, project, account);
        self.step(Step::DeleteServiceAccount, delete).await
    }

    async fn step<T, F>(&self, step: Step, call: impl FnMut() -> F) -> Result<T, ServiceError>
    where
        F: Future<Output = Result<T, ServiceError>>,
    {
        let Self { clock, observer, timeouts, ref jitter, .. } = *self;
        let deadline = clock.now() + timeouts.total;
        RequestRunner { clock, observer, timeouts, jitter }.step(step, deadline, call).await
    }
}

/// Returns whether a key exists, by the server's answer to a request for it. `None` if the request failed.
fn exists(look: Result<ProjectKey, ServiceError>) -> Option<bool> {
    match look {
        Ok(_) => Some(true),
        Err(error) => is_not_found(&error).then_some(false),
    }
}

fn is_not_found(error: &ServiceError) -> bool {
    matches!(error.kind, ServiceErrorKind::Refused { status: 404, .. })
}

/// Returns the error of a failed creation.
fn lost(name: &str, cause: ServiceError) -> ServiceAccountError {
    if cause.kind.leaves_outcome_unknown() {
        ServiceAccountError::OutcomeUnknown { name: name.into(), cause }
    } else {
        ServiceAccountError::Service(cause)
    }
}
