//! The bodies of lists.
//!
//! Optional parts are parsed leniently: one invalid entry or title must not keep the user from a key.

use crate::json::{InvalidBody, fields, flag, object, text};
use crate::paging::{Next, Page};
use keymint_domain::{Organization, OrganizationId, Project, ProjectId, Title};
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use std::marker::PhantomData;

/// Parses one page of a list. An unusable entry is counted and does not affect the others.
pub(crate) fn page<T: Entry>(body: &[u8]) -> Result<Page<T>, InvalidBody> {
    #[derive(Deserialize)]
    #[serde(bound = "T: Entry")]
    struct Answer<'a, T> {
        data: Option<Entries<T>>,
        #[serde(borrow)]
        has_more: Option<&'a RawValue>,
        #[serde(borrow)]
        last_id: Option<&'a RawValue>,
    }

    let answer: Answer<'_, T> = object(body)?;
    let Entries { items, skipped, last_id } = answer.data.unwrap_or_default();
    let next = if flag(answer.has_more) {
        // A cursor goes into a URL, so it must be a valid id.
        match text(answer.last_id).or(last_id) {
            Some(id) if OrganizationId::parse(&id).is_ok() => Next::After(id),
            _ => Next::Unknown,
        }
    } else {
        Next::End
    };
    Ok(Page { items, skipped, next })
}

/// An entry of a list.
pub(crate) trait Entry: Sized {
    /// Parses an entry; None if it has no valid id.
    fn read(json: &RawValue) -> Option<Self>;
}

impl Entry for Organization {
    fn read(json: &RawValue) -> Option<Self> {
        let fields: Fields<'_> = fields(json)?;
        let mut organization = Self::new(OrganizationId::parse(&text(fields.id)?).ok()?);
        organization.title = text(fields.title).map(Title::new);
        organization.is_default = flag(fields.is_default);
        organization.personal = flag(fields.personal);
        Some(organization)
    }
}

impl Entry for Project {
    fn read(json: &RawValue) -> Option<Self> {
        let fields: Fields<'_> = fields(json)?;
        let mut project = Self::new(ProjectId::parse(&text(fields.id)?).ok()?);
        project.title = text(fields.title).map(Title::new);
        project.is_initial = flag(fields.is_initial);
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
}

/// The entries of a page, each checked while it is parsed.
struct Entries<T> {
    items: Vec<T>,
    skipped: usize,
    /// The id of the last entry, even if that entry is unusable.
    last_id: Option<String>,
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self { items: Vec::new(), skipped: 0, last_id: None }
    }
}

impl<'de, T: Entry> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements<T>(PhantomData<T>);

        impl<'de, T: Entry> Visitor<'de> for Elements<T> {
            type Value = Entries<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Entries<T>, A::Error> {
                let mut entries = Entries::default();
                let mut last = None;
                while let Some(json) = elements.next_element::<&RawValue>()? {
                    match T::read(json) {
                        Some(item) => entries.items.push(item),
                        None => entries.skipped += 1,
                    }
                    last = Some(json);
                }
                entries.last_id = last.and_then(id);
                Ok(entries)
            }
        }

        deserializer.deserialize_seq(Elements(PhantomData))
    }
}

fn id(entry: &RawValue) -> Option<String> {
    let fields: Fields<'_> = fields(entry)?;
    text(fields.id)
}
