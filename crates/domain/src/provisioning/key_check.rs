//! Whether a key works.

use crate::ports::PlatformApi;
use crate::secret::ApiKey;
use crate::service_error::{ServiceError, ServiceErrorKind};

/// The platform's verdict on a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyCheck {
    /// The key works.
    Works,
    /// The platform does not know the key, or not any more.
    NotAccepted,
    /// The key is fine, and its account has no credit.
    NoCredit,
}

/// Asks the platform whether a key works, once.
///
/// # Errors
///
/// [`ServiceError`] if no answer came, or one that says nothing about the key.
pub async fn check_key(platform: &dyn PlatformApi, key: &ApiKey) -> Result<KeyCheck, ServiceError> {
    let Err(error) = platform.check_key(key).await else { return Ok(KeyCheck::Works) };
    match (error.kind, error.code.as_deref()) {
        (ServiceErrorKind::Refused { status: 401, .. }, _) => Ok(KeyCheck::NotAccepted),
        (ServiceErrorKind::Refused { status: 429, .. }, Some("insufficient_quota")) => Ok(KeyCheck::NoCredit),
        _ => Err(error),
    }
}
