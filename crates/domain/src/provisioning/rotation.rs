//! The rotation of a key: an order in which no usable key is lost.

use crate::clock::Clock;
use crate::delivery::{DeliveryReport, DestinationId, KeyDestination, deliver};
use crate::platform::id::{KeyId, ProjectId};
use crate::platform::new_key::KeyDetails;
use crate::platform::project_key::ProjectKey;
use crate::policy::key_match::{KeyChoice, KnownKey};
use crate::ports::PlatformApi;
use crate::provisioning::admin::{Administrator, RevokeError};
use crate::provisioning::flow::{KeyCheck, check_key};
use crate::provisioning::plan::{LOOK_PAUSES, Timeouts};
use crate::secret::ApiKey;
use crate::service_error::{ServiceError, Step};
use std::future::Future;

/// A rotation: a new key is created, delivered to every destination and verified, and only then the old key is
/// revoked. After a failure the old key is as it was.
///
/// [`run`](Self::run) is the whole order. A front end that delivers the key itself calls
/// [`conclude`](Self::conclude) after its delivery. One that may be interrupted calls the steps of that:
/// [`revocable`](Self::revocable), [`verify`](Self::verify) and [`RevocableKey::revoke`].
pub struct Rotation<'a> {
    /// Every destination that has the old key. It is revoked only if each of them has the new one.
    pub holders: &'a [DestinationId],
    /// The old key, which [`find`](OldKey::find) settles before a new one is created.
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
    /// It is certainly this one, and can be revoked.
    Found(RevocableKey<'a>),
    /// It is not revoked, for this reason.
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
    /// There is no admin key, so the user has to delete it on the platform's web site.
    NoAdminKey,
    /// It may be one of these keys, or none of them.
    Uncertain(Vec<ProjectKey>),
    /// No listed key can be the old one. It may be deleted already, unless the list is a part of all keys.
    NotListed {
        /// True if the server may have keys that are not in the list.
        is_list_partial: bool,
    },
    /// It belongs to a service account, and is deleted only together with the account.
    OfServiceAccount,
    /// These destinations have it, and do not show what uses it from there: standard output, for example. No delivery
    /// replaces it.
    Untraceable(Vec<DestinationId>),
    /// It is the new key.
    IsNew,
    /// These destinations do not have the new key. The list is empty if no durable destination has it.
    NotDelivered(Vec<DestinationId>),
    /// The platform does not accept the new key.
    NotAccepted,
    /// The new key could not be verified.
    NotVerified(ServiceError),
    /// The platform did not revoke it.
    NotRevoked(ServiceError),
}

impl KeptReason {
    /// A stable name, for programs.
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

/// The end of the old key of a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OldKeyOutcome {
    /// It is revoked.
    Revoked,
    /// It may be revoked: the answer was lost. The new key works in every destination.
    MayBeRevoked(ServiceError),
    /// It is as valid as before.
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
    /// The end of the old key.
    pub old: OldKeyOutcome,
}

impl OldKeyOutcome {
    /// A stable name of the state of the old key, for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::MayBeRevoked(_) => "may_be_revoked",
            Self::Kept(_) => "kept",
        }
    }

    /// The reason for which the old key is kept.
    pub fn kept_reason(&self) -> Option<&KeptReason> {
        match self {
            Self::Kept(reason) => Some(reason),
            Self::Revoked | Self::MayBeRevoked(_) => None,
        }
    }

    /// Returns whether the old key was to be revoked after the delivery, and is or may be valid.
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

    /// Returns whether every destination of the old key has the new one, as far as it is known.
    pub fn is_replaced(&self) -> bool {
        !matches!(self, Self::Kept(KeptReason::NotDelivered(_) | KeptReason::Untraceable(_)))
    }
}

impl RevocableKey<'_> {
    /// Revokes the key. If the future is dropped, the key may be revoked.
    pub async fn revoke(&self) -> OldKeyOutcome {
        match self.administrator.revoke(&self.project, &self.id).await {
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
    /// Finds the old key on the server. The key is kept without an administrator, and if a delivery of it is
    /// `untraceable`.
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
    /// The error of `create`. The old key is then as it was.
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

    /// Verifies the delivered key, and revokes the old one if nothing can be lost by that.
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

    /// Returns the old key, if every destination has the new one.
    ///
    /// # Errors
    ///
    /// The reason to keep the old key.
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

    /// Asks the platform whether the new key works. A key without credit works as much as the old one.
    ///
    /// # Errors
    ///
    /// The reason to keep the old key.
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

/// Checks that each destination that has the old key has the new one, that none has failed, and that a durable one
/// has it.
fn check_delivery(holders: &[DestinationId], delivery: &DeliveryReport) -> Result<(), KeptReason> {
    let failed = delivery.failures().iter().map(|(id, _)| id);
    let mut without: Vec<_> = failed.cloned().collect();
    let is_without = |id: &&DestinationId| !delivery.delivered_to().contains(id) && !without.contains(id);
    let others: Vec<_> = holders.iter().filter(is_without).cloned().collect();
    without.extend(others);
    if without.is_empty() && !delivery.is_lost() { Ok(()) } else { Err(KeptReason::NotDelivered(without)) }
}
