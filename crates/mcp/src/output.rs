//! The parts that the results of several tools have in common.

use keymint_delivery_adapter::{KeyRecord, Named};
use keymint_domain::text::{redact_keys, sanitize};
use keymint_domain::{Target, Title};
use serde::Serialize;

/// The maximum length of a name or title in a result, in characters.
const LONGEST: usize = 200;

/// Returns text from a server or a user in a safe form: keys in it are masked.
pub(crate) fn plain(text: &str) -> String {
    redact_keys(&sanitize(text, LONGEST))
}

/// An organization or a project, with its id and title.
#[derive(Debug, Serialize)]
pub(crate) struct Place {
    /// Its id.
    pub(crate) id: String,
    /// Its title, if the server sent one.
    pub(crate) title: Option<String>,
}

impl Place {
    pub(crate) fn new(id: &str, title: Option<&Title>) -> Self {
        Self { id: plain(id), title: title.map(|title| plain(title.raw())) }
    }

    /// Returns the title, or else the id.
    pub(crate) fn name(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.id)
    }
}

impl From<&Named> for Place {
    fn from(Named { id, title }: &Named) -> Self {
        Self { id: plain(id), title: title.as_deref().map(plain) }
    }
}

/// Returns the organization and the project of a target.
pub(crate) fn places(target: &Target) -> (Place, Place) {
    (
        Place::new(target.organization_id.as_str(), target.organization_title.as_ref()),
        Place::new(target.project_id.as_str(), target.project_title.as_ref()),
    )
}

/// A key, without the key itself.
#[derive(Debug, Serialize)]
pub(crate) struct Key {
    /// Its name.
    pub(crate) name: String,
    /// Its last four characters.
    pub(crate) last4: Option<String>,
    /// Its id on the server, if the server sent one.
    pub(crate) id: Option<String>,
    /// The time of its creation, in UTC.
    pub(crate) created_at: Option<String>,
    /// The time of its expiry, in UTC. Null if it does not expire.
    pub(crate) expires_at: Option<String>,
}

impl From<&KeyRecord> for Key {
    fn from(record: &KeyRecord) -> Self {
        Self {
            name: plain(&record.name),
            last4: record.last4.clone(),
            id: record.key_id.as_deref().map(plain),
            created_at: record.created_at.clone(),
            expires_at: record.expires_at.clone(),
        }
    }
}
