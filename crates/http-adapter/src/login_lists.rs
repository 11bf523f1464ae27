//! The organizations and projects in the login's answer.
//!
//! They spare requests and are otherwise unnecessary: whatever is odd about them makes a list incomplete, and
//! nothing is an error.

use crate::expected::{Expected, optional, required};
use crate::json::{fields, object};
use crate::list::Entry;
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
    list(user.and_then(|user| user.orgs), |json, flags| {
        let projects = list(flags.projects, |json, flags| Some((Project::read(json)?, flags.is_initial)));
        Some((LoginOrganization::new(Organization::read(json)?, projects), flags.is_default))
    })
}

/// The members of an entry that are not in its own list, or may have to be explicit.
#[derive(Deserialize)]
struct EntryMembers<'a> {
    is_default: Option<bool>,
    is_initial: Option<bool>,
    #[serde(borrow)]
    projects: Option<&'a RawValue>,
}

/// Parses a list. `read` returns an entry and its flag. A list is not complete if an entry lacks its flag,
/// unless the entry follows one whose flag is true: no later entry is preferred to that one.
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
    let has_flags =
        read.iter().map_while(|(_, flag)| (*flag != Some(true)).then_some(flag)).all(Option::is_some);
    let complete = !has_more.unwrap_or(false) && skipped == 0 && has_flags;
    Listing::new(read.into_iter().map(|(item, _)| item).collect(), skipped, complete)
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
