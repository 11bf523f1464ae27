//! The bodies of lists.
//!
//! Optional parts are parsed leniently: one invalid entry or title must not keep the user from a key.

use crate::entries::{Entries, Entry};
use crate::expected::{Expected, optional, required, usual};
use crate::json::{InvalidBody, fields, flag, known_flag, object, text};
use crate::paging::{Next, Page};
use crate::shape::Kind;
use keymint_domain::{Organization, OrganizationId, Project, ProjectId, Role, Title};
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
        // The last entry has the cursor even if that entry is unusable. A cursor goes into a URL, so it
        // must be a valid id.
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
            organization.disable_user_api_keys = known_flag(settings.disable_user_api_keys);
            organization.completed_platform_onboarding = known_flag(settings.completed_platform_onboarding);
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
        project.disable_user_api_keys = known_flag(fields.disable_user_api_keys);
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

/// Longest text of an entry that is parsed, in bytes of JSON: 128 characters of 12 bytes, and more.
const LONGEST_TEXT: usize = 2048;

/// Parses a string, unless it is too long for an id or a role.
///
/// A long text in memory, even for a moment, leaves a gap between those that are kept, and thousands of
/// gaps take more memory than what is kept.
fn short_text(json: Option<&RawValue>) -> Option<String> {
    text(json.filter(|json| json.get().len() <= LONGEST_TEXT))
}

/// Parses a title, or as much of it as is kept.
fn title(json: Option<&RawValue>) -> Option<Title> {
    let json = json?.get();
    let title: String = match beginning(json) {
        Some(beginning) => serde_json::from_str(&format!("{beginning}\"")),
        None => serde_json::from_str(json),
    }
    .ok()?;
    Some(Title::new(title))
}

/// Returns the beginning of a long string, up to a character or an escape sequence, without the last quote.
fn beginning(json: &str) -> Option<&str> {
    let bytes = json.strip_prefix('"').filter(|_| json.len() > 2 * LONGEST_TEXT)?.as_bytes();
    let mut end = 0;
    while end < LONGEST_TEXT {
        end += match bytes[end..] {
            // The first half of a character.
            [b'\\', b'u', b'd' | b'D', b'8'..=b'9' | b'a'..=b'b' | b'A'..=b'B', ..] => 12,
            [b'\\', b'u', ..] => 6,
            [b'\\', ..] => 2,
            _ => 1,
        };
    }
    (end..).find_map(|end| json.get(..=end))
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
    fn a_long_title_is_cut_between_characters_however_they_are_written() {
        for (written, character) in [
            ("x", "x"),
            ("\u{1f600}", "\u{1f600}"),
            (r"\ud83d\ude00", "\u{1f600}"),
            (r"\n", "\n"),
            (r"\u0000", "\0"),
        ] {
            for shift in ["", "a", "ab", "abc", "abcdef"] {
                let json = format!("\"{shift}{}\"", written.repeat(16_000));
                let whole = Title::new(format!("{shift}{}", character.repeat(16_000)));
                let json = RawValue::from_string(json).unwrap();
                assert_eq!(title(Some(&json)), Some(whole), "{shift}{written}");
            }
        }
    }

    #[test]
    fn the_parsers_read_what_they_are_said_to_read() {
        each_is_read(ORGANIZATIONS, read::<Organization>);
        each_is_read(PROJECTS, read::<Project>);
    }
}
