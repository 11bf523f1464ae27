//! The entries of a list in JSON.

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use std::marker::PhantomData;

/// An entry of a list.
pub(crate) trait Entry: Sized {
    /// The maximum sum of the [weights](Self::weight) of the entries that are kept of one list.
    const MOST: usize = 10_000;

    /// Parses an entry. `None` if it has no valid id.
    fn read(json: &RawValue) -> Option<Self>;

    /// Returns the part of the limit that this entry uses.
    fn weight(&self) -> usize {
        1
    }
}

/// The entries of a list, parsed one by one. Their number is bounded, however short they are.
pub(crate) struct Entries<'a, T> {
    pub(crate) items: Vec<T>,
    /// The number of unusable entries.
    pub(crate) skipped: usize,
    /// True if an entry was left out because of the limit.
    pub(crate) cut: bool,
    /// The last entry, usable or not.
    pub(crate) last: Option<&'a RawValue>,
}

impl<T> Default for Entries<'_, T> {
    fn default() -> Self {
        Self { items: Vec::new(), skipped: 0, cut: false, last: None }
    }
}

impl<'de: 'a, 'a, T: Entry> Deserialize<'de> for Entries<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<'a, T>(PhantomData<Entries<'a, T>>);

        impl<'de: 'a, 'a, T: Entry> Visitor<'de> for List<'a, T> {
            type Value = Entries<'a, T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let (mut entries, mut room) = (Entries::default(), T::MOST);
                while let Some(json) = list.next_element::<&'a RawValue>()? {
                    entries.last = Some(json);
                    match T::read(json) {
                        None => entries.skipped += 1,
                        Some(item) => match room.checked_sub(item.weight()) {
                            Some(rest) if !entries.cut => {
                                room = rest;
                                entries.items.push(item);
                            }
                            _ => entries.cut = true,
                        },
                    }
                }
                Ok(entries)
            }
        }

        deserializer.deserialize_seq(List(PhantomData))
    }
}
