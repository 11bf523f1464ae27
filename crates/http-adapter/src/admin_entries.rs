//! The entries of the Admin API's lists.

use crate::entries::Entry;
use crate::json::{fields, value};
use crate::redact::Shown;
use crate::short_text::{short_text, title};
use crate::wire::time;
use keymint_domain::text::redact_keys;
use keymint_domain::{KeyId, KeyOwner, LastFour, Project, ProjectId, ProjectKey, ServiceAccountId, Title};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A project in the Admin API's list, where its title is called `name`.
#[derive(Debug)]
pub(crate) struct ListedProject(pub(crate) Project);

/// A key of a project.
#[derive(Debug)]
pub(crate) struct ListedKey(pub(crate) ProjectKey);

#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    redacted_value: Option<&'a RawValue>,
    #[serde(borrow)]
    created_at: Option<&'a RawValue>,
    #[serde(borrow)]
    last_used_at: Option<&'a RawValue>,
    #[serde(borrow)]
    expires_at: Option<&'a RawValue>,
    #[serde(borrow)]
    owner: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Owner<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    user: Option<&'a RawValue>,
    #[serde(borrow)]
    service_account: Option<&'a RawValue>,
}

impl Entry for ListedProject {
    fn read(json: &RawValue) -> Option<Self> {
        let members: Members<'_> = fields(json)?;
        let mut project = Project::new(ProjectId::parse(&short_text(members.id)?).ok()?);
        project.title = title(members.name);
        Some(Self(project))
    }
}

impl Entry for ListedKey {
    fn read(json: &RawValue) -> Option<Self> {
        let members: Members<'_> = fields(json)?;
        // The id is shown and put into a URL, so it must not be a key.
        let id = short_text(members.id).filter(|id| redact_keys(id) == *id)?;
        let mut key = ProjectKey::new(KeyId::parse(&id).ok()?);
        key.name = title(members.name);
        // The rest of the value is not needed, and may contain more than the server meant to show.
        key.last_four = short_text(members.redacted_value).and_then(|value| LastFour::of_redacted(&value));
        key.created_at = time(members.created_at);
        key.last_used_at = time(members.last_used_at);
        key.expires_at = time(members.expires_at);
        key.owner = members.owner.and_then(owner);
        Some(Self(key))
    }
}

/// Parses the owner. An owner of another type is unknown.
fn owner(json: &RawValue) -> Option<KeyOwner> {
    let owner: Owner<'_> = fields(json)?;
    match value::<String>(owner.kind)?.as_str() {
        "user" => {
            Some(KeyOwner::User { name: owner.user.and_then(members).and_then(|user| title(user.name)) })
        }
        "service_account" => {
            let account = owner.service_account.and_then(members);
            let id = account.as_ref().and_then(|account| short_text(account.id));
            Some(KeyOwner::ServiceAccount {
                id: id.and_then(|id| ServiceAccountId::parse(&id).ok()),
                name: account.and_then(|account| title(account.name)),
            })
        }
        _ => None,
    }
}

fn members(json: &RawValue) -> Option<Members<'_>> {
    fields(json)
}

impl Shown for ListedProject {
    fn id(&self) -> &str {
        self.0.id()
    }

    fn titles(&mut self) -> [Option<&mut Title>; 2] {
        self.0.titles()
    }
}

impl Shown for ListedKey {
    fn id(&self) -> &str {
        self.0.id.as_str()
    }

    fn titles(&mut self) -> [Option<&mut Title>; 2] {
        let owner = match &mut self.0.owner {
            Some(KeyOwner::User { name } | KeyOwner::ServiceAccount { name, .. }) => name.as_mut(),
            _ => None,
        };
        [self.0.name.as_mut(), owner]
    }
}
