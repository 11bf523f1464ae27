//! The search for a key in the server's list.
//!
//! A deleted key cannot be restored. Therefore a key is selected without a question to the user only if it is
//! certainly the right one.

use crate::platform::id::KeyId;
use crate::platform::listing::Listing;
use crate::platform::project_key::{KeyOwner, LastFour, ProjectKey};

/// The result of the search for a key in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyChoice<'a, K = ProjectKey> {
    /// Certainly this key.
    Certain(&'a K),
    /// One of these keys, or none of them: ask the user. Even a single candidate needs a confirmation.
    Ask(Vec<&'a K>),
    /// No listed key matches.
    Missing {
        /// True if the server may have keys that are not in the list.
        is_list_partial: bool,
    },
}

/// The known facts about a key that this machine created or received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    /// The id, if the server sent one.
    pub id: Option<KeyId>,
    /// The name.
    pub name: String,
    /// The last four characters, if they are known.
    pub last_four: Option<LastFour>,
}

impl KnownKey {
    /// Finds the key in a list of its project.
    ///
    /// With a known id, only the key with that id is certain, and only if its last four characters do not contradict
    /// the known ones. Without an id, a key is certain only if its name and its last four characters are equal to the
    /// known ones, no other listed key may have both, and the list is complete.
    pub fn find_in<'a, K>(&self, listed: &'a Listing<K>) -> KeyChoice<'a, K>
    where
        K: AsRef<ProjectKey> + PartialEq,
    {
        let may_be = |key: &ProjectKey| match &self.id {
            Some(id) => key.id == *id,
            None => key.has_name(&self.name) && may_equal(key.last_four, self.last_four),
        };
        let candidates = candidates(listed, may_be);
        let is_certain = |key: &ProjectKey| match self.id {
            Some(_) => may_equal(key.last_four, self.last_four),
            None => listed.is_whole() && key.last_four.is_some() && key.last_four == self.last_four,
        };
        match candidates[..] {
            [only] if is_certain(only.as_ref()) => KeyChoice::Certain(only),
            _ => ask(candidates, listed),
        }
    }
}

/// Finds the key that the user identifies by its id, its name, the name of its service account or its last four
/// characters.
///
/// Only an id is certain, and only if no other key has it as a name. Several keys may have the same name or the same
/// last four characters, so the user must confirm the key or pick one.
pub fn named_key<'a, K>(text: &str, listed: &'a Listing<K>) -> KeyChoice<'a, K>
where
    K: AsRef<ProjectKey> + PartialEq,
{
    let four = LastFour::parse(text);
    let is_named = |key: &ProjectKey| {
        key.id.as_str() == text
            || key.has_name(text)
            || key.is_of_account_named(text)
            || (four.is_some() && key.last_four == four)
    };
    let candidates = candidates(listed, is_named);
    match candidates[..] {
        [only] if only.as_ref().id.as_str() == text => KeyChoice::Certain(only),
        _ => ask(candidates, listed),
    }
}

/// Finds the keys that end in these characters. No result is certain, since a key that is not listed may have the
/// same ending.
pub fn keys_ending_in<K>(last_four: LastFour, listed: &Listing<K>) -> KeyChoice<'_, K>
where
    K: AsRef<ProjectKey> + PartialEq,
{
    ask(candidates(listed, |key| key.last_four == Some(last_four)), listed)
}

impl ProjectKey {
    fn has_name(&self, name: &str) -> bool {
        self.name.as_ref().is_some_and(|own| own.is(name))
    }

    /// Returns whether the key belongs to a service account with this name. The server gives such keys a name of its
    /// own.
    fn is_of_account_named(&self, name: &str) -> bool {
        matches!(&self.owner, Some(KeyOwner::ServiceAccount { name: Some(own), .. }) if own.is(name))
    }
}

/// Returns whether two values may be equal. An unknown value may be equal to any other.
fn may_equal(one: Option<LastFour>, other: Option<LastFour>) -> bool {
    one.zip(other).is_none_or(|(one, other)| one == other)
}

/// Returns the distinct entries of every key that may match. Two different entries with the same id are both
/// returned, which makes the choice uncertain.
fn candidates<K>(listed: &Listing<K>, may_be: impl Fn(&ProjectKey) -> bool) -> Vec<&K>
where
    K: AsRef<ProjectKey> + PartialEq,
{
    let keys = || listed.items.iter().map(|key| (key, key.as_ref()));
    let ids: Vec<_> = keys().filter(|(_, key)| may_be(key)).map(|(_, key)| &key.id).collect();
    let mut distinct: Vec<&K> = Vec::new();
    for (key, _) in keys().filter(|(_, key)| ids.contains(&&key.id)) {
        // A list that changed between two pages may contain an entry twice.
        if !distinct.contains(&key) {
            distinct.push(key);
        }
    }
    distinct
}

fn ask<'a, K>(candidates: Vec<&'a K>, listed: &Listing<K>) -> KeyChoice<'a, K> {
    if candidates.is_empty() {
        KeyChoice::Missing { is_list_partial: !listed.is_whole() }
    } else {
        KeyChoice::Ask(candidates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::title::Title;
    use crate::testing::project_key;
    use proptest::prelude::*;

    fn known(id: &str, name: &str, last_four: &str) -> KnownKey {
        let name = name.to_owned();
        KnownKey { id: KeyId::parse(id).ok(), name, last_four: LastFour::parse(last_four) }
    }

    /// Returns a word for the choice and the ids of its keys.
    fn shown(choice: &KeyChoice<'_>) -> String {
        match choice {
            KeyChoice::Certain(key) => format!("certain {}", key.id),
            KeyChoice::Ask(keys) => {
                format!("ask {}", keys.iter().map(|key| key.id.as_str()).collect::<Vec<_>>().join(" "))
            }
            KeyChoice::Missing { is_list_partial } => format!("missing {is_list_partial}"),
        }
    }

    #[test]
    fn the_table_of_known_keys() {
        let one = project_key("key_1", "laptop", "aaaa");
        let same_name = project_key("key_2", "laptop", "bbbb");
        let same_end = project_key("key_3", "server", "aaaa");
        let twin = project_key("key_4", "laptop", "aaaa");
        let unknown_end = project_key("key_5", "laptop", "");
        let nameless = project_key("key_6", "", "aaaa");
        let all = [&one, &same_name, &same_end, &nameless];
        for (id, name, last_four, listed, choice) in [
            ("key_1", "laptop", "aaaa", &all[..], "certain key_1"),
            ("key_1", "renamed", "aaaa", &all, "certain key_1"),
            ("key_1", "laptop", "", &all, "certain key_1"),
            ("key_1", "laptop", "aaaa", &[&one, &one], "certain key_1"),
            ("key_5", "laptop", "aaaa", &[&unknown_end], "certain key_5"),
            ("key_1", "laptop", "bbbb", &all, "ask key_1"),
            ("key_9", "laptop", "aaaa", &all, "missing false"),
            ("", "laptop", "aaaa", &all, "certain key_1"),
            ("", "laptop", "aaaa", &[&one, &one], "certain key_1"),
            ("", "laptop", "aaaa", &[&one, &twin], "ask key_1 key_4"),
            ("", "laptop", "aaaa", &[&one, &unknown_end], "ask key_1 key_5"),
            ("", "laptop", "aaaa", &[&unknown_end], "ask key_5"),
            ("", "laptop", "", &all, "ask key_1 key_2"),
            ("", "laptop", "", &[&one], "ask key_1"),
            ("", "laptop", "cccc", &all, "missing false"),
            ("", "other", "aaaa", &all, "missing false"),
            ("", "", "aaaa", &[&nameless], "missing false"),
            ("", "laptop", "aaaa", &[], "missing false"),
        ] {
            let listed: Listing<_> = listed.iter().map(|&key| key.clone()).collect::<Vec<_>>().into();
            let known = known(id, name, last_four);
            assert_eq!(shown(&known.find_in(&listed)), choice, "{known:?}");
            for (skipped, complete) in [(1, true), (0, false)] {
                let partial = Listing::new(listed.items.clone(), skipped, complete);
                let shown = shown(&known.find_in(&partial));
                let expected = match choice {
                    "missing false" => "missing true".to_owned(),
                    _ if id.is_empty() => choice.replace("certain", "ask"),
                    _ => choice.to_owned(),
                };
                assert_eq!(shown, expected, "{known:?} in a part of the list");
            }
        }
        let mut changed = one.clone();
        changed.last_four = LastFour::parse("zzzz");
        let contradictory = vec![one, changed].into();
        assert_eq!(shown(&known("key_1", "laptop", "aaaa").find_in(&contradictory)), "ask key_1 key_1");
    }

    #[test]
    fn the_table_of_named_keys() {
        let mut of_account = project_key("key_7", "Secret Key", "eeee");
        of_account.owner = Some(KeyOwner::ServiceAccount { id: None, name: Some(Title::new("ci")) });
        let listed: Listing<_> = vec![
            of_account,
            project_key("key_1", "laptop", "aaaa"),
            project_key("key_2", "laptop", "bbbb"),
            project_key("key_3", "server", "bbbb"),
            project_key("key_4", "key_3", "cccc"),
            project_key("dddd", "n", "dddd"),
            project_key("key_6", "m", "key_"),
        ]
        .into();
        for (text, choice) in [
            ("key_1", "certain key_1"),
            ("key_3", "ask key_3 key_4"),
            ("laptop", "ask key_1 key_2"),
            ("server", "ask key_3"),
            ("aaaa", "ask key_1"),
            ("bbbb", "ask key_2 key_3"),
            ("dddd", "certain dddd"),
            ("key_", "ask key_6"),
            ("ci", "ask key_7"),
            ("Secret Key", "ask key_7"),
            ("Laptop", "missing false"),
            ("", "missing false"),
        ] {
            assert_eq!(shown(&named_key(text, &listed)), choice, "{text:?}");
        }
    }

    #[test]
    fn no_key_is_certain_by_its_last_four_characters_alone() {
        let keys = vec![
            project_key("key_1", "laptop", "aaaa"),
            project_key("key_2", "server", "bbbb"),
            project_key("key_3", "laptop", "bbbb"),
            project_key("key_4", "unknown", ""),
        ];
        for (last_four, choice) in
            [("aaaa", "ask key_1"), ("bbbb", "ask key_2 key_3"), ("cccc", "missing false")]
        {
            let last_four = LastFour::parse(last_four).unwrap();
            assert_eq!(shown(&keys_ending_in(last_four, &keys.clone().into())), choice);
            let partial = Listing::new(keys.clone(), 0, false);
            assert_eq!(shown(&keys_ending_in(last_four, &partial)), choice.replace("false", "true"));
        }
    }

    fn keys() -> impl Strategy<Value = Vec<ProjectKey>> {
        let key = ("key_[1-4]", "(|laptop|server|key_1|aaaa)", "(|aaaa|bbbb)");
        let key = key.prop_map(|(id, name, last_four)| project_key(&id, &name, &last_four));
        proptest::collection::vec(key, 0..6)
    }

    proptest! {
        #[test]
        fn no_key_is_certain_that_may_be_another_one(
            keys in keys(),
            (id, name, last_four) in ("(|key_[1-4])", "(laptop|server|key_1|aaaa)", "(|aaaa|bbbb)"),
            (skipped, complete) in (0..2_usize, any::<bool>()),
        ) {
            let listed = Listing::new(keys, skipped, complete);
            let known = known(&id, &name, &last_four);
            if let KeyChoice::Certain(key) = known.find_in(&listed) {
                for other in listed.items.iter().filter(|other| *other != key) {
                    let same_id = other.id == key.id;
                    let same_name = other.name == key.name && may_equal(other.last_four, key.last_four);
                    prop_assert!(!same_id && (known.id.is_some() || !same_name), "{key:?} may be {other:?}");
                }
                prop_assert!(may_equal(key.last_four, known.last_four));
                match &known.id {
                    Some(id) => prop_assert_eq!(&key.id, id),
                    None => {
                        prop_assert!(complete && skipped == 0);
                        prop_assert!(key.last_four.is_some() && key.last_four == known.last_four);
                        prop_assert_eq!(key.name.as_ref().map(|name| name.raw()), Some(&*known.name));
                    }
                }
            }
            let text = if id.is_empty() { name } else { id };
            if let KeyChoice::Certain(key) = named_key(&text, &listed) {
                prop_assert_eq!(key.id.as_str(), &text);
                let is_named = |other: &&ProjectKey| {
                    other.id.as_str() == text || other.name.as_ref().is_some_and(|name| name.raw() == text)
                };
                prop_assert!(listed.items.iter().filter(is_named).all(|other| other == key));
            }
        }
    }
}
