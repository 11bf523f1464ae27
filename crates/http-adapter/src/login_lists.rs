//! The organizations and projects in the answer to a login.
//!
//! They save requests and are otherwise unnecessary. Therefore no flaw in them is an error: it makes a list
//! incomplete.

use crate::entries::{Entries, Entry};
use crate::expected::{Expected, optional, required};
use crate::json::{fields, object};
use crate::shape::Kind;
use keymint_domain::{Listing, LoginOrganization, Organization, Project};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The members that [`organizations`] reads.
pub(crate) const ORGANIZATIONS: &[Expected] = &[
    optional("user.orgs", Kind::Object),
    optional("user.orgs.data", Kind::List),
    required("user.orgs.data[].id", Kind::Text),
    optional("user.orgs.data[].title", Kind::Text),
    optional("user.orgs.data[].is_default", Kind::Flag),
    optional("user.orgs.data[].personal", Kind::Flag),
    optional("user.orgs.data[].role", Kind::Text),
    optional("user.orgs.data[].settings", Kind::Object),
    optional("user.orgs.data[].settings.disable_user_api_keys", Kind::Flag),
    optional("user.orgs.data[].settings.completed_platform_onboarding", Kind::Flag),
    optional("user.orgs.data[].projects", Kind::Object),
    optional("user.orgs.data[].projects.data", Kind::List),
    required("user.orgs.data[].projects.data[].id", Kind::Text),
    optional("user.orgs.data[].projects.data[].title", Kind::Text),
    optional("user.orgs.data[].projects.data[].is_initial", Kind::Flag),
    optional("user.orgs.data[].projects.data[].disable_user_api_keys", Kind::Flag),
    optional("user.orgs.data[].projects.has_more", Kind::Flag),
    optional("user.orgs.has_more", Kind::Flag),
];

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
    list(user.and_then(|user| user.orgs))
}

/// An entry, and its flag if the entry states it.
struct Flagged<T>(T, Option<bool>);

/// The maximum number of entries of all levels that are kept for the run.
const MOST: usize = 1_000;

impl Entry for Flagged<LoginOrganization> {
    const MOST: usize = MOST;

    fn read(json: &RawValue) -> Option<Self> {
        let members: EntryMembers<'_> = fields(json)?;
        let organization = LoginOrganization::new(Organization::read(json)?, list(members.projects));
        Some(Self(organization, members.is_default))
    }

    fn weight(&self) -> usize {
        1 + self.0.projects.items.len()
    }
}

impl Entry for Flagged<Project> {
    const MOST: usize = MOST / 2;

    fn read(json: &RawValue) -> Option<Self> {
        let members: EntryMembers<'_> = fields(json)?;
        Some(Self(Project::read(json)?, members.is_initial))
    }
}

/// The members of an entry that only the answer to a login has, or that have to be explicit here.
#[derive(Deserialize)]
struct EntryMembers<'a> {
    is_default: Option<bool>,
    is_initial: Option<bool>,
    #[serde(borrow)]
    projects: Option<&'a RawValue>,
}

/// Parses a list. It is incomplete if an entry does not state its flag, unless an earlier entry's flag is true: no
/// later entry is preferred to that one.
fn list<T>(json: Option<&RawValue>) -> Listing<T>
where
    Flagged<T>: Entry,
{
    #[derive(Deserialize)]
    #[serde(bound(deserialize = "'de: 'a, T: Entry"))]
    struct ListMembers<'a, T> {
        data: Option<Entries<'a, T>>,
        has_more: Option<bool>,
    }

    let Some(ListMembers { data: Some(entries), has_more }) = json.and_then(fields) else {
        return Listing::new(Vec::new(), 0, false);
    };
    let Entries::<Flagged<T>> { items, skipped, cut, .. } = entries;
    let has_flags =
        items.iter().map_while(|Flagged(_, flag)| (*flag != Some(true)).then_some(flag)).all(Option::is_some);
    let complete = !has_more.unwrap_or(false) && skipped == 0 && !cut && has_flags;
    Listing::new(items.into_iter().map(|Flagged(item, _)| item).collect(), skipped, complete)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expected::tests::each_is_read;

    #[test]
    fn the_parser_reads_what_it_is_said_to_read() {
        let user = [optional("user", Kind::Object)];
        each_is_read(&[&user, ORGANIZATIONS].concat(), |body| format!("{:?}", organizations(body)));
    }
}
