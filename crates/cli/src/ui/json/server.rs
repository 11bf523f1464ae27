//! The documents of organizations, projects and keys on the server.

use super::{ChosenKey, Titled, to_json};
use keymint_delivery_adapter::wall_clock;
use keymint_domain::{
    Catalogue, CatalogueEntry, Inventory, InventoryKey, KeyId, KeyOwner, ProjectKey, Title,
};
use serde::Serialize;

/// Returns the organizations and projects of an account.
pub(crate) fn list(catalogue: &Catalogue) -> String {
    #[derive(Serialize)]
    struct List<'a> {
        schema: &'static str,
        organizations: &'a [CatalogueEntry],
        /// Present only if something is missing.
        #[serde(skip_serializing_if = "Option::is_none")]
        complete: Option<bool>,
    }
    let Catalogue { organizations, complete, .. } = catalogue;
    to_json(&List { schema: "keymint.list/1", organizations, complete: (!complete).then_some(false) })
}

/// Returns the keys of projects on the server. `is_made_here` returns whether this machine made a key.
pub(crate) fn admin_keys(inventory: &Inventory, is_made_here: impl Fn(&KeyId) -> bool) -> String {
    #[derive(Serialize)]
    struct AdminKeys<'a> {
        schema: &'static str,
        projects: Vec<Keys<'a>>,
        /// Present only if something is missing.
        #[serde(skip_serializing_if = "Option::is_none")]
        complete: Option<bool>,
    }
    #[derive(Serialize)]
    struct Keys<'a> {
        #[serde(flatten)]
        project: Titled<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        keys: Option<Vec<Key<'a>>>,
        /// The error that replaces the keys if they could not be read.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    }
    #[derive(Serialize)]
    struct Key<'a> {
        #[serde(flatten)]
        key: ChosenKey<'a>,
        owner: Option<Owner<'a>>,
        created_at: Option<String>,
        last_used_at: Option<String>,
        expires_at: Option<String>,
        made_here: bool,
    }
    #[derive(Serialize)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    enum Owner<'a> {
        User { name: &'a Option<Title> },
        ServiceAccount { id: Option<&'a str>, name: &'a Option<Title> },
    }
    fn described(key: &ProjectKey, made_here: bool) -> Key<'_> {
        Key {
            key: key.into(),
            owner: match &key.owner {
                Some(KeyOwner::ServiceAccount { id, name }) => {
                    Some(Owner::ServiceAccount { id: id.as_ref().map(|id| id.as_str()), name })
                }
                Some(KeyOwner::User { name }) => Some(Owner::User { name }),
                _ => None,
            },
            created_at: key.created_at.map(wall_clock::utc_of),
            last_used_at: key.last_used_at.map(wall_clock::utc_of),
            expires_at: key.expires_at.map(wall_clock::utc_of),
            made_here,
        }
    }
    // The keys are in the order of their projects.
    let mut keys = inventory.keys.items.iter().peekable();
    let projects = inventory.projects.iter().map(|project| {
        let mut of_project = Vec::new();
        while let Some(listed) = keys.next_if(|listed| listed.project == *project) {
            of_project.push(described(&listed.key, is_made_here(&listed.key.id)));
        }
        let error = inventory.unread.iter().find(|(unread, _)| unread == project);
        Keys {
            project: project.into(),
            keys: error.is_none().then_some(of_project),
            error: error.map(|(_, error)| error.to_string()),
        }
    });
    let (projects, is_partial) = (projects.collect(), !inventory.keys.is_whole());
    to_json(&AdminKeys { schema: "keymint.admin_keys/1", projects, complete: is_partial.then_some(false) })
}

/// Returns the document of a revoked key. `made_here` is true if this machine made it.
pub(crate) fn revoked(InventoryKey { project, key, .. }: &InventoryKey, made_here: bool) -> String {
    #[derive(Serialize)]
    struct Revoked<'a> {
        schema: &'static str,
        project: Titled<'a>,
        key: ChosenKey<'a>,
        made_here: bool,
    }
    let (project, key) = (project.into(), key.into());
    to_json(&Revoked { schema: "keymint.revoked/1", project, key, made_here })
}
