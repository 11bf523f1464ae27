//! The bodies of lists.
//!
//! Optional parts are parsed leniently: one invalid entry or title must not prevent the creation of a key.

use crate::entries::{Entries, Entry};
use crate::expected::{Expected, optional, required, usual};
use crate::json::{InvalidBody, fields, flag, object, text, value};
use crate::paging::{Next, Page};
use crate::shape::Kind;
use crate::short_text::{short_text, title};
use keymint_domain::{Organization, OrganizationId, Project, ProjectId, Role};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The members of organizations that [`page`] reads.
pub(crate) const ORGANIZATIONS: &[Expected] = &[
    required("data", Kind::List),
    required("data[].id", Kind::Text),
    usual("data[].title", Kind::Text),
    usual("data[].is_default", Kind::Flag),
    usual("data[].personal", Kind::Flag),
    optional("data[].role", Kind::Text),
    optional("data[].settings", Kind::Object),
    optional("data[].settings.disable_user_api_keys", Kind::Flag),
    optional("data[].settings.completed_platform_onboarding", Kind::Flag),
    optional("has_more", Kind::Flag),
    optional("last_id", Kind::Text),
];

/// The members of projects that [`page`] reads.
pub(crate) const PROJECTS: &[Expected] = &[
    required("data", Kind::List),
    required("data[].id", Kind::Text),
    usual("data[].title", Kind::Text),
    usual("data[].is_initial", Kind::Flag),
    optional("data[].disable_user_api_keys", Kind::Flag),
    optional("has_more", Kind::Flag),
    optional("last_id", Kind::Text),
];

/// Parses one page of a list. An unusable entry is counted and does not affect the others.
pub(crate) fn page<T: Entry>(body: &[u8]) -> Result<Page<T>, InvalidBody> {
    #[derive(Deserialize)]
    #[serde(bound(deserialize = "'de: 'a, T: Entry"))]
    struct ListBody<'a, T> {
        data: Option<Entries<'a, T>>,
        #[serde(borrow)]
        has_more: Option<&'a RawValue>,
        #[serde(borrow)]
        last_id: Option<&'a RawValue>,
    }

    let answer: ListBody<'_, T> = object(body)?;
    let Entries { items, skipped, cut, last } = answer.data.unwrap_or_default();
    let next = if cut {
        Next::Unknown
    } else if flag(answer.has_more) {
        // The last entry is the cursor, even if that entry is unusable. A cursor becomes a part of a URL, so it must
        // be a valid id.
        match text(answer.last_id).or_else(|| id(last?)) {
            Some(id) if OrganizationId::parse(&id).is_ok() => Next::After(id),
            _ => Next::Unknown,
        }
    } else {
        Next::End
    };
    Ok(Page { items, skipped, next })
}

impl Entry for Organization {
    fn read(json: &RawValue) -> Option<Self> {
        let fields: Fields<'_> = fields(json)?;
        let mut organization = Self::new(OrganizationId::parse(&short_text(fields.id)?).ok()?);
        organization.title = title(fields.title);
        organization.is_default = flag(fields.is_default);
        organization.personal = flag(fields.personal);
        organization.role = short_text(fields.role).and_then(|role| Role::parse(&role));
        if let Some(settings) = fields.settings.and_then(self::fields::<Settings<'_>>) {
            organization.disable_user_api_keys = value(settings.disable_user_api_keys);
            organization.completed_platform_onboarding = value(settings.completed_platform_onboarding);
        }
        Some(organization)
    }
}

impl Entry for Project {
    fn read(json: &RawValue) -> Option<Self> {
        let fields: Fields<'_> = fields(json)?;
        let mut project = Self::new(ProjectId::parse(&short_text(fields.id)?).ok()?);
        project.title = title(fields.title);
        project.is_initial = flag(fields.is_initial);
        project.disable_user_api_keys = value(fields.disable_user_api_keys);
        Some(project)
    }
}

/// The members of an entry of any list.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    title: Option<&'a RawValue>,
    #[serde(borrow)]
    is_default: Option<&'a RawValue>,
    #[serde(borrow)]
    personal: Option<&'a RawValue>,
    #[serde(borrow)]
    is_initial: Option<&'a RawValue>,
    #[serde(borrow)]
    disable_user_api_keys: Option<&'a RawValue>,
    #[serde(borrow)]
    role: Option<&'a RawValue>,
    #[serde(borrow)]
    settings: Option<&'a RawValue>,
}

/// The settings of an organization.
#[derive(Deserialize)]
struct Settings<'a> {
    #[serde(borrow)]
    disable_user_api_keys: Option<&'a RawValue>,
    #[serde(borrow)]
    completed_platform_onboarding: Option<&'a RawValue>,
}

fn id(entry: &RawValue) -> Option<String> {
    let fields: Fields<'_> = fields(entry)?;
    text(fields.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expected::tests::each_is_read;
    use std::fmt::Debug;

    fn read<T: Entry + Debug>(body: &[u8]) -> String {
        page::<T>(body).map_or_else(
            |error| format!("{error:?}"),
            |Page { items, skipped, next }| format!("{items:?} {skipped} {next:?}"),
        )
    }

    #[test]
    fn the_parsers_read_what_they_are_said_to_read() {
        each_is_read(ORGANIZATIONS, read::<Organization>);
        each_is_read(PROJECTS, read::<Project>);
    }
}
