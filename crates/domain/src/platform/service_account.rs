//! Service accounts, which own keys in place of a user.

use crate::platform::id::ServiceAccountId;
use crate::platform::new_key::CreatedKey;

/// A service account that was created together with its first key.
#[derive(Debug)]
#[non_exhaustive]
pub struct ServiceAccount {
    /// The id of the account. `None` if the server sent none that is usable.
    pub id: Option<ServiceAccountId>,
    /// The key. The platform does not show it again.
    pub key: CreatedKey,
}

impl ServiceAccount {
    /// Creates an account with its key.
    pub fn new(id: Option<ServiceAccountId>, key: CreatedKey) -> Self {
        Self { id, key }
    }
}
