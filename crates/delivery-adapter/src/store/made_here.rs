//! The keys on the server that this machine certainly created or imported.

use super::RecordedKey;
use keymint_domain::{ApiKey, InventoryKey, KeyChoice, KeyId, LastFour, Listing, keys_ending_in};
use std::collections::HashMap;

/// The listed keys that certainly have a record on this machine, by their ids.
#[derive(Debug)]
pub struct MadeHere(HashMap<KeyId, RecordedKey>);

impl MadeHere {
    /// Finds the recorded keys of the platform at this base URL in the lists of their projects.
    pub fn find(known: Vec<RecordedKey>, api_base: &str, listed: &Listing<InventoryKey>) -> Self {
        let here = known.into_iter().filter(|known| known.record.api_base == api_base);
        let found = here.filter_map(|known| match known.record.known_key().find_in(listed) {
            KeyChoice::Certain(found) if found.project.id.as_str() == known.record.project.id => {
                Some((found.key.id.clone(), known))
            }
            _ => None,
        });
        Self(found.collect())
    }

    /// Returns the record of a listed key, if it has one.
    pub fn get(&self, id: &KeyId) -> Option<&RecordedKey> {
        self.0.get(id)
    }

    /// Finds the key of a keyring profile in a list. The result is certain if exactly one listed key has a record
    /// that matches the key and the profile. Otherwise, a listed key with the same last four characters may be a key
    /// of another machine.
    pub fn in_keyring<'a>(
        &self,
        profile: &str,
        key: &ApiKey,
        last_four: LastFour,
        listed: &'a Listing<InventoryKey>,
    ) -> KeyChoice<'a, InventoryKey> {
        let is_there = |listed: &&InventoryKey| {
            self.get(&listed.key.id).is_some_and(|RecordedKey { record, .. }| {
                record.is_of(key)
                    && record
                        .deliveries
                        .iter()
                        .any(|delivery| delivery.is_in_keyring(profile) && !delivery.by_last_four)
            })
        };
        let mut there = listed.items.iter().filter(is_there);
        match (there.next(), there.next()) {
            (Some(only), None) => KeyChoice::Certain(only),
            _ => keys_ending_in(last_four, listed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DeliveryRecord, KeyRecord, Keyring, Named};
    use keymint_domain::testing::{FakeAdmin, FakeClock, admin_key, project, project_key};
    use keymint_domain::{Administrator, Inventory};

    fn inventory() -> Inventory {
        let clock = FakeClock::new();
        let api = FakeAdmin::new(&clock)
            .with(project("proj_1", true), vec![project_key("key_1", "laptop", "aaaa")])
            .with(project("proj_2", false), vec![project_key("key_2", "server", "aaaa")]);
        let key = admin_key();
        let administrator = Administrator::new(&api, &clock, &key, 1);
        clock.run(async { administrator.inventory(administrator.projects().await?).await }).unwrap()
    }

    fn known(id: &str, project: &str, profile: &str) -> RecordedKey {
        let record = KeyRecord {
            key_id: Some(id.to_owned()),
            last4: Some("aaaa".to_owned()),
            project: Named { id: project.to_owned(), title: None },
            api_base: "https://a.example".to_owned(),
            deliveries: vec![DeliveryRecord {
                to: Keyring::ID.to_owned(),
                profile: Some(profile.to_owned()),
                ..DeliveryRecord::default()
            }],
            ..KeyRecord::of_unknown_origin("laptop")
        };
        RecordedKey { id: id.to_owned(), record }
    }

    #[test]
    fn the_stored_key_is_certain_only_by_one_record_of_its_platform_project_and_place() {
        let Inventory { keys, .. } = inventory();
        let key = ApiKey::parse("sk-proj-0123456789aaaa".to_owned()).unwrap();
        let last_four = LastFour::of(&key).unwrap();
        let mut imported = known("key_1", "proj_1", "default");
        imported.record.deliveries[0].by_last_four = true;
        for (known, api_base, expected) in [
            (vec![known("key_1", "proj_1", "default")], "https://a.example", Some("key_1")),
            (vec![known("key_1", "proj_1", "default")], "https://b.example", None),
            (vec![known("key_1", "proj_2", "default")], "https://a.example", None),
            (vec![known("key_1", "proj_1", "other")], "https://a.example", None),
            (
                vec![known("key_1", "proj_1", "default"), known("key_2", "proj_2", "default")],
                "https://a.example",
                None,
            ),
            (vec![imported], "https://a.example", None),
            (vec![], "https://a.example", None),
        ] {
            let made_here = MadeHere::find(known, api_base, &keys);
            match (made_here.in_keyring("default", &key, last_four, &keys), expected) {
                (KeyChoice::Certain(key), Some(id)) => assert_eq!(key.key.id.as_str(), id),
                (KeyChoice::Ask(keys), None) => assert_eq!(keys.len(), 2),
                other => panic!("{other:?}"),
            }
        }
    }
}
