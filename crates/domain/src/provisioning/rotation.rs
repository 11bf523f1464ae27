//! The rotation of a key, in an order that never loses a usable key.

use crate::clock::Clock;
use crate::delivery::{DeliveryReport, DestinationId, KeyDestination, deliver};
use crate::platform::id::{KeyId, ProjectId};
use crate::platform::new_key::KeyDetails;
use crate::platform::project_key::ProjectKey;
use crate::policy::key_match::{KeyChoice, KnownKey};
use crate::ports::PlatformApi;
use crate::provisioning::admin::{Administrator, RevokeError, StoppedRevocation};
use crate::provisioning::flow::{KeyCheck, check_key};
use crate::provisioning::plan::{LOOK_PAUSES, Timeouts};
use crate::secret::ApiKey;
use crate::service_error::{ServiceError, Step};
use std::future::Future;

/// A rotation: creates a new key, delivers it to every destination, verifies it, and only then revokes the old key.
/// After a failure, the old key stays valid.
///
/// [`run`](Self::run) performs all steps. A front end that delivers the key itself calls [`conclude`](Self::conclude)
/// after its delivery. A front end that may be interrupted calls the steps of `conclude`:
/// [`revocable`](Self::revocable), [`verify`](Self::verify) and [`RevocableKey::revoke`].
pub struct Rotation<'a> {
    /// Every destination that has the old key. The old key is revoked only if each of them has the new one.
    pub holders: &'a [DestinationId],
    /// The old key, as [`find`](OldKey::find) returned it before the new one is created.
    pub old: OldKey<'a>,
    /// The platform that verifies the new key.
    pub platform: &'a dyn PlatformApi,
    /// The clock.
    pub clock: &'a dyn Clock,
    /// The time limits of the requests.
    pub timeouts: Timeouts,
}

/// The old key of a rotation.
#[non_exhaustive]
pub enum OldKey<'a> {
    /// The key was found, and can be revoked.
    Found(RevocableKey<'a>),
    /// The key is not revoked, for this reason.
    Kept(KeptReason),
}

/// A key that an administrator can revoke.
pub struct RevocableKey<'a> {
    /// The administrator.
    pub administrator: &'a Administrator<'a>,
    /// The project.
    pub project: ProjectId,
    /// The id of the key.
    pub id: KeyId,
}

/// The reason why a rotation leaves the old key valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptReason {
    /// There is no admin key, so the user has to delete the old key on the platform's web site.
    NoAdminKey,
    /// The old key may be one of these keys, or none of them.
    Uncertain(Vec<ProjectKey>),
    /// No listed key can be the old one. The old key may be deleted already, or missing from a partial list.
    NotListed {
        /// True if the server may have keys that are not in the list.
        is_list_partial: bool,
    },
    /// The old key belongs to a service account, and can only be deleted together with the account.
    OfServiceAccount,
    /// These destinations received the old key and do not show which programs use it, for example standard output. No
    /// delivery replaces the key there.
    Untraceable(Vec<DestinationId>),
    /// The old key is the new key.
    IsNew,
    /// These destinations do not have the new key. The list is empty if no durable destination has it.
    NotDelivered(Vec<DestinationId>),
    /// The platform does not accept the new key.
    NotAccepted,
    /// The new key could not be verified.
    NotVerified(ServiceError),
    /// The platform did not revoke the old key.
    NotRevoked(ServiceError),
}

impl KeptReason {
    /// Returns a stable name for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NoAdminKey => "no_admin_key",
            Self::Uncertain(_) => "uncertain",
            Self::NotListed { .. } => "not_listed",
            Self::OfServiceAccount => "of_service_account",
            Self::Untraceable(_) => "untraceable",
            Self::IsNew => "is_new",
            Self::NotDelivered(_) => "not_delivered",
            Self::NotAccepted => "not_accepted",
            Self::NotVerified(_) => "not_verified",
            Self::NotRevoked(_) => "not_revoked",
        }
    }
}

/// The final state of the old key of a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OldKeyOutcome {
    /// The old key is revoked.
    Revoked,
    /// The old key may be revoked, since the answer was lost. The new key works in every destination.
    MayBeRevoked(ServiceError),
    /// The old key is as valid as before.
    Kept(KeptReason),
}

/// The result of a rotation that created a new key.
#[derive(Debug)]
#[non_exhaustive]
pub struct RotationReport {
    /// The server's description of the new key.
    pub details: KeyDetails,
    /// The delivery of the new key.
    pub delivery: DeliveryReport,
    /// The final state of the old key.
    pub old: OldKeyOutcome,
}

impl OldKeyOutcome {
    /// Returns a stable name of the old key's state, for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::MayBeRevoked(_) => "may_be_revoked",
            Self::Kept(_) => "kept",
        }
    }

    /// Returns the reason why the old key is kept.
    pub fn kept_reason(&self) -> Option<&KeptReason> {
        match self {
            Self::Kept(reason) => Some(reason),
            Self::Revoked | Self::MayBeRevoked(_) => None,
        }
    }

    /// Returns whether the revocation of the old key was due after the delivery, but the old key is or may be valid.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Revoked => false,
            Self::MayBeRevoked(_) => true,
            Self::Kept(reason) => match reason {
                KeptReason::NotAccepted | KeptReason::NotVerified(_) | KeptReason::NotRevoked(_) => true,
                KeptReason::NoAdminKey
                | KeptReason::Uncertain(_)
                | KeptReason::NotListed { .. }
                | KeptReason::OfServiceAccount
                | KeptReason::Untraceable(_)
                | KeptReason::IsNew
                | KeptReason::NotDelivered(_) => false,
            },
        }
    }

    /// Returns whether every known destination of the old key has the new one.
    pub fn is_replaced(&self) -> bool {
        !matches!(self, Self::Kept(KeptReason::NotDelivered(_) | KeptReason::Untraceable(_)))
    }
}

impl RevocableKey<'_> {
    /// Revokes the key. If the future is dropped, the key may be revoked.
    pub async fn revoke(&self) -> OldKeyOutcome {
        Self::outcome(self.administrator.revoke(&self.project, &self.id).await)
    }

    /// Does the same until `stop` is ready.
    ///
    /// # Errors
    ///
    /// [`StoppedRevocation`]
    pub async fn revoke_until<S>(
        &self,
        stop: impl Future<Output = S>,
    ) -> Result<OldKeyOutcome, StoppedRevocation<S>> {
        self.administrator.revoke_until(&self.project, &self.id, stop).await.map(Self::outcome)
    }

    fn outcome(revoked: Result<(), RevokeError>) -> OldKeyOutcome {
        match revoked {
            // Another administrator or another rotation may have deleted it since it was found.
            Ok(()) | Err(RevokeError::Missing(_)) => OldKeyOutcome::Revoked,
            Err(RevokeError::NotRevoked(error) | RevokeError::StillExists(error)) => {
                OldKeyOutcome::Kept(KeptReason::NotRevoked(error))
            }
            Err(RevokeError::OutcomeUnknown(error)) => OldKeyOutcome::MayBeRevoked(error),
        }
    }
}

impl<'a> OldKey<'a> {
    /// Finds the old key on the server. The key is kept if there is no administrator, or if it was delivered to an
    /// `untraceable` destination.
    ///
    /// # Errors
    ///
    /// [`ServiceError`] if the keys cannot be listed.
    pub async fn find(
        administrator: Option<&'a Administrator<'a>>,
        project: &ProjectId,
        known: &KnownKey,
        untraceable: &[DestinationId],
    ) -> Result<Self, ServiceError> {
        let Some(administrator) = administrator else { return Ok(Self::Kept(KeptReason::NoAdminKey)) };
        if !untraceable.is_empty() {
            return Ok(Self::Kept(KeptReason::Untraceable(untraceable.to_vec())));
        }
        let listed = administrator.keys(project).await?;
        Ok(match known.find_in(&listed) {
            KeyChoice::Certain(key) if key.is_of_service_account() => {
                Self::Kept(KeptReason::OfServiceAccount)
            }
            KeyChoice::Certain(key) => {
                Self::Found(RevocableKey { administrator, project: project.clone(), id: key.id.clone() })
            }
            KeyChoice::Ask(keys) => Self::Kept(KeptReason::Uncertain(keys.into_iter().cloned().collect())),
            KeyChoice::Missing { is_list_partial } => Self::Kept(KeptReason::NotListed { is_list_partial }),
        })
    }
}

impl<'a> Rotation<'a> {
    /// Creates the new key with `create`, delivers it, verifies it and revokes the old key.
    ///
    /// If the future is dropped, the old key is valid until its revocation was requested, and then every
    /// destination has the new one. A new key that was created and not yet delivered is lost, so a front end lets the
    /// future run to its end once the creation is requested.
    ///
    /// # Errors
    ///
    /// The error of `create`. The old key stays valid then.
    pub async fn run<E>(
        &self,
        create: impl Future<Output = Result<(ApiKey, KeyDetails), E>>,
        to: &mut [Box<dyn KeyDestination + '_>],
        recovery: &mut dyn KeyDestination,
    ) -> Result<RotationReport, E> {
        let (key, details) = create.await?;
        let delivery = deliver(&key, to, recovery).await;
        let old = self.conclude(&key, &details, &delivery).await;
        Ok(RotationReport { details, delivery, old })
    }

    /// Verifies the delivered key, and revokes the old one if that loses no usable key.
    pub async fn conclude(
        &self,
        key: &ApiKey,
        details: &KeyDetails,
        delivery: &DeliveryReport,
    ) -> OldKeyOutcome {
        match self.revocable(details, delivery) {
            Err(reason) => OldKeyOutcome::Kept(reason),
            Ok(old) => match self.verify(key).await {
                Err(reason) => OldKeyOutcome::Kept(reason),
                Ok(()) => old.revoke().await,
            },
        }
    }

    /// Returns the old key if every destination has the new one.
    ///
    /// # Errors
    ///
    /// The [`KeptReason`] if the old key must be kept.
    pub fn revocable(
        &self,
        details: &KeyDetails,
        delivery: &DeliveryReport,
    ) -> Result<&RevocableKey<'a>, KeptReason> {
        match &self.old {
            OldKey::Kept(reason) => Err(reason.clone()),
            OldKey::Found(old) if details.id.as_ref() == Some(&old.id) => Err(KeptReason::IsNew),
            OldKey::Found(old) => check_delivery(self.holders, delivery).map(|()| old),
        }
    }

    /// Checks with the platform whether the new key works. A key without credit counts as working, since the old one
    /// has no credit either.
    ///
    /// # Errors
    ///
    /// The [`KeptReason`] if the old key must be kept.
    pub async fn verify(&self, key: &ApiKey) -> Result<(), KeptReason> {
        let mut pauses = LOOK_PAUSES.into_iter();
        loop {
            let limit = self.timeouts.call;
            let checked = self.clock.timeout(limit, check_key(self.platform, key)).await;
            let checked = checked.unwrap_or_else(|_| Err(ServiceError::out_of_time(Step::CheckKey, limit)));
            let reason = match checked {
                Ok(KeyCheck::Works | KeyCheck::Restricted | KeyCheck::NoCredit) => return Ok(()),
                Ok(KeyCheck::NotAccepted) => KeptReason::NotAccepted,
                Err(error) if error.kind.is_transient() => KeptReason::NotVerified(error),
                Err(error) => return Err(KeptReason::NotVerified(error)),
            };
            let Some(pause) = pauses.next() else { return Err(reason) };
            self.clock.sleep(pause).await;
        }
    }
}

/// Checks that each destination of the old key has the new one, that no delivery failed, and that a durable
/// destination has it.
fn check_delivery(holders: &[DestinationId], delivery: &DeliveryReport) -> Result<(), KeptReason> {
    let failed = delivery.failures().iter().map(|(id, _)| id);
    let mut without: Vec<_> = failed.cloned().collect();
    let is_without = |id: &&DestinationId| !delivery.delivered_to().contains(id) && !without.contains(id);
    let others: Vec<_> = holders.iter().filter(is_without).cloned().collect();
    without.extend(others);
    if without.is_empty() && !delivery.is_lost() { Ok(()) } else { Err(KeptReason::NotDelivered(without)) }
}
