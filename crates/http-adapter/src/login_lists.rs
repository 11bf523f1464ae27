//! The organizations and projects in the login's answer.
//!
//! They spare requests and are otherwise unnecessary: whatever is odd about them makes a list incomplete, and
//! nothing is an error.

use crate::json::{fields, object};
use crate::list::Entry;
use keymint_domain::{Listing, LoginOrganization, Organization, Project};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Parses `user.orgs`.
pub(crate) fn organizations(body: &[u8]) -> Listing<LoginOrganization> {
    #[derive(Deserialize)]
    struct LoginAnswer<'a> {
        #[serde(borrow)]
        user: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct User<'a> {
        #[serde(borrow)]
        orgs: Option<&'a RawValue>,
    }

    let answer = object::<LoginAnswer<'_>>(body).ok();
    let user: Option<User<'_>> = answer.and_then(|answer| fields(answer.user?));
    list(user.and_then(|user| user.orgs), |json, flags| {
        let projects = list(flags.projects, |json, flags| Some((Project::read(json)?, flags.is_initial)));
        Some((LoginOrganization::new(Organization::read(json)?, projects), flags.is_default))
    })
}

/// The members of an entry that are not in its own list, or must be explicit.
#[derive(Deserialize)]
struct EntryMembers<'a> {
    is_default: Option<bool>,
    is_initial: Option<bool>,
    #[serde(borrow)]
    projects: Option<&'a RawValue>,
}

/// Parses a list. `read` returns an entry and its flag, without which the list is not complete.
fn list<'a, T>(
    json: Option<&'a RawValue>,
    read: impl Fn(&'a RawValue, EntryMembers<'a>) -> Option<(T, Option<bool>)>,
) -> Listing<T> {
    #[derive(Deserialize)]
    struct ListMembers<'a> {
        #[serde(borrow)]
        data: Option<Vec<&'a RawValue>>,
        has_more: Option<bool>,
    }

    let Some(ListMembers { data: Some(entries), has_more }) = json.and_then(fields) else {
        return Listing::new(Vec::new(), 0, false);
    };
    let read: Vec<_> = entries.iter().filter_map(|entry| read(entry, fields(entry)?)).collect();
    let skipped = entries.len() - read.len();
    let complete = !has_more.unwrap_or(false) && skipped == 0 && read.iter().all(|(_, flag)| flag.is_some());
    Listing::new(read.into_iter().map(|(item, _)| item).collect(), skipped, complete)
}
