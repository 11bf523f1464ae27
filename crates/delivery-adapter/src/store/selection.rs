//! The selection of a recorded key.

use super::{DeliveryRecord, KeyState, RecordedKey, RotationOutcome};
use crate::{KeySource, Keyring};
use keymint_domain::ApiKey;
use std::fs;
use std::path::Path;

impl RecordedKey {
    /// Returns the keys that the user identifies by the id, the name or the last four characters of a key, or by the
    /// id of its run.
    ///
    /// An id takes precedence over a name, and a current key over one that a rotation has replaced. Revoked keys are
    /// skipped.
    pub fn named<'a>(keys: &'a [Self], text: &str) -> Vec<&'a Self> {
        let with = |fits: &dyn Fn(&Self) -> bool| -> Vec<&'a Self> {
            keys.iter().filter(|key| key.may_be_valid() && fits(key)).collect()
        };
        let by_id = with(&|key| key.id == text || key.record.key_id.as_deref() == Some(text));
        if !by_id.is_empty() {
            return by_id;
        }
        let named = with(&|key| key.record.name == text || key.record.last4.as_deref() == Some(text));
        let current: Vec<_> = named.iter().copied().filter(|key| !key.is_replaced(keys)).collect();
        if current.is_empty() { named } else { current }
    }

    /// Returns the record of a key that the user enters: the record of this platform with its fingerprint, or else
    /// the only one with its last four characters.
    pub fn of_key<'a>(keys: &'a [Self], key: &ApiKey, api_base: &str) -> Option<&'a Self> {
        let is_same = |known: &&Self| known.record.api_base == api_base && known.record.is_of(key);
        let (exact, by_end): (Vec<_>, Vec<_>) =
            keys.iter().filter(is_same).partition(|known| known.record.fingerprint.is_some());
        let only = by_end.first().filter(|_| by_end.len() == 1);
        exact.first().or(only).copied()
    }

    /// Returns the recorded key that a program uses. If the program finds no key, returns the newest key that was
    /// delivered to a user. `None` if the program finds a key that is not recorded, or one that is revoked or
    /// replaced everywhere.
    pub fn in_use_or_newest<'a>(keys: &'a [Self], in_use: Option<(&ApiKey, &KeySource)>) -> Option<&'a Self> {
        let is_delivered =
            |key: &&Self| key.record.state == KeyState::Delivered && !key.record.deliveries.is_empty();
        let is_of_user = |key: &&Self| key.record.service_account.is_none();
        let mut valid = keys.iter().rev().filter(|key| key.may_be_valid());
        let is_somewhere = |key: &Self| key.record.current_deliveries().next().is_some();
        match in_use {
            Some((in_use, source)) => {
                valid.find(|key| key.is_at(in_use, source) && (!key.is_replaced(keys) || is_somewhere(key)))
            }
            None => valid.find(|key| is_delivered(key) && is_of_user(key) && !key.is_replaced(keys)),
        }
    }

    /// Returns whether the key was created, and was not revoked by this machine.
    fn may_be_valid(&self) -> bool {
        self.record.last4.is_some() && self.record.revoked_at.is_none()
    }

    /// Returns whether a rotation has replaced the key in every destination.
    fn is_replaced(&self, keys: &[Self]) -> bool {
        let rotations = keys.iter().filter_map(|key| key.record.rotation.as_ref());
        let outcomes =
            rotations.filter(|rotation| rotation.replaces == self.id).map(|rotation| rotation.outcome);
        outcomes.flatten().any(|outcome| outcome != RotationOutcome::NotReplaced)
    }

    fn is_at(&self, key: &ApiKey, source: &KeySource) -> bool {
        let is_there = |delivery: &DeliveryRecord| match source {
            KeySource::Variable(_) => true,
            KeySource::EnvFile(path, _) => delivery.file().is_some_and(|file| is_same_file(file, path)),
            KeySource::Keyring(profile) => {
                delivery.to == Keyring::ID && delivery.profile.as_deref() == Some(profile.as_str())
            }
        };
        self.record.is_of(key) && self.record.deliveries.iter().any(is_there)
    }
}

/// Returns whether two paths lead to the same file.
pub fn is_same_file(one: &Path, other: &Path) -> bool {
    one == other || fs::canonicalize(one).ok().zip(fs::canonicalize(other).ok()).is_some_and(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KeyRecord, Named, Profile, RotationRecord, VariableName};

    fn key(run: &str, name: &str, last4: &str, to: &str) -> RecordedKey {
        let record = KeyRecord {
            key_id: Some(format!("key_{run}")),
            last4: Some(last4.to_owned()),
            deliveries: vec![DeliveryRecord {
                to: to.to_owned(),
                profile: (to == Keyring::ID).then(|| "default".to_owned()),
                ..DeliveryRecord::default()
            }],
            ..KeyRecord::of_unknown_origin(name)
        };
        RecordedKey { id: run.to_owned(), record }
    }

    fn ending_in(last_four: &str) -> ApiKey {
        ApiKey::parse(format!("sk-proj-0123456789{last_four}")).unwrap()
    }

    #[test]
    fn a_key_is_named_by_its_id_its_name_its_end_or_its_run() {
        let mut revoked = key("5", "laptop", "eeee", "keyring");
        revoked.record.revoked_at = Some("2026-11-27T06:00:00Z".to_owned());
        let keys = [
            key("1", "laptop", "aaaa", "keyring"),
            key("2", "laptop", "bbbb", "keyring"),
            key("3", "key_1", "cccc", "keyring"),
            revoked,
        ];
        for (text, expected) in [
            ("key_1", "1"),
            ("3", "3"),
            ("laptop", "1 2"),
            ("bbbb", "2"),
            ("eeee", ""),
            ("5", ""),
            ("Laptop", ""),
        ] {
            let named: Vec<_> = RecordedKey::named(&keys, text).iter().map(|key| key.id.as_str()).collect();
            assert_eq!(named.join(" "), expected, "{text}");
        }
    }

    #[test]
    fn a_given_key_is_the_only_known_one_of_its_platform_with_its_end() {
        let mut elsewhere = key("3", "other", "cccc", "keyring");
        elsewhere.record.api_base = "https://api.example.com".to_owned();
        let keys = [
            key("1", "laptop", "aaaa", "keyring"),
            key("2", "laptop", "bbbb", "keyring"),
            elsewhere,
            key("4", "server", "bbbb", "keyring"),
        ];
        for (text, expected) in [
            ("sk-proj-0123456789aaaa", Some("1")),
            ("sk-proj-0123456789bbbb", None),
            ("sk-proj-0123456789cccc", None),
            ("sk-proj-0123456789dddd", None),
            ("sk-aaaa", None),
        ] {
            let given = ApiKey::parse(text.to_owned()).unwrap();
            let known = RecordedKey::of_key(&keys, &given, "");
            assert_eq!(known.map(|key| key.id.as_str()), expected, "{text}");
        }
        let [given, other] = ["sk-proj-0123456789aaaa", "sk-proj-another-one-aaaa"]
            .map(|key| ApiKey::parse(key.to_owned()).unwrap());
        let of = |key| RecordedKey { id: "5".to_owned(), record: KeyRecord::imported("a", key, "") };
        let id = |keys: &[RecordedKey], key| RecordedKey::of_key(keys, key, "").map(|known| known.id.clone());
        assert_eq!(id(&[keys[0].clone(), of(&given)], &given).as_deref(), Some("5"));
        assert_eq!(id(&[of(&other)], &given), None, "it only ends as the other one");
    }

    #[test]
    fn a_key_that_a_rotation_left_valid_can_be_named_again() {
        let rotated = |outcome| {
            let mut new = key("2", "laptop", "bbbb", "keyring");
            new.record.rotation = Some(RotationRecord { replaces: "1".to_owned(), outcome });
            [key("1", "laptop", "aaaa", "keyring"), new]
        };
        for (outcome, by_name) in [
            (Some(RotationOutcome::Kept), "2"),
            (Some(RotationOutcome::MayBeRevoked), "2"),
            (Some(RotationOutcome::NotReplaced), "1 2"),
            (None, "1 2"),
        ] {
            let keys = rotated(outcome);
            let named = |text: &str| {
                let named: Vec<_> =
                    RecordedKey::named(&keys, text).iter().map(|key| key.id.as_str()).collect();
                named.join(" ")
            };
            assert_eq!((named("laptop").as_str(), named("key_1").as_str()), (by_name, "1"), "{outcome:?}");
            assert_eq!(named("aaaa"), "1", "{outcome:?}");
        }
    }

    #[test]
    fn a_replaced_key_is_in_use_only_where_it_still_is() {
        let mut keys = [key("1", "laptop", "aaaa", "keyring"), key("2", "laptop", "bbbb", "keyring")];
        keys[1].record.rotation =
            Some(RotationRecord { replaces: "1".to_owned(), outcome: Some(RotationOutcome::Kept) });
        let (key, source) = (ending_in("aaaa"), KeySource::Variable(VariableName::default()));
        let in_use = (&key, &source);
        assert!(RecordedKey::in_use_or_newest(&keys, Some(in_use)).is_some());
        keys[0].record.deliveries[0].removed_at = Some("2".to_owned());
        assert!(RecordedKey::in_use_or_newest(&keys, Some(in_use)).is_none());
        keys[0].record.deliveries[0].present = Some(true);
        assert!(RecordedKey::in_use_or_newest(&keys, Some(in_use)).is_some());
    }

    #[test]
    fn the_key_in_use_is_chosen_where_it_was_put_and_else_the_newest_of_a_user() {
        let mut replaced = key("4", "laptop", "dddd", "keyring");
        replaced.record.deliveries[0].removed_at = Some("1".to_owned());
        let mut new = key("3", "laptop", "cccc", "stdout");
        new.record.rotation =
            Some(RotationRecord { replaces: "4".to_owned(), outcome: Some(RotationOutcome::Kept) });
        let keys = [
            key("1", "laptop", "aaaa", "env-file:/project/.env"),
            key("2", "laptop", "bbbb", "keyring"),
            replaced,
            new,
        ];
        let in_keyring = |profile: &str| KeySource::Keyring(Profile::parse(profile).unwrap());
        let file = |path: &str| KeySource::EnvFile(path.into(), VariableName::default());
        let environment = &KeySource::Variable(VariableName::default());
        let (keyring, other_profile) = (&in_keyring("default"), &in_keyring("work"));
        let (file, other_file) = (&file("/project/.env"), &file("/other/.env"));
        for (last_four, source, expected) in [
            ("aaaa", file, Some("1")),
            ("aaaa", other_file, None),
            ("aaaa", keyring, None),
            ("bbbb", keyring, Some("2")),
            ("bbbb", other_profile, None),
            ("aaaa", environment, Some("1")),
            ("dddd", keyring, None),
            ("zzzz", environment, None),
        ] {
            let found = RecordedKey::in_use_or_newest(&keys, Some((&ending_in(last_four), source)));
            assert_eq!(found.map(|key| key.id.as_str()), expected, "{last_four}, {source:?}");
        }
        let newest =
            |keys: &[RecordedKey]| RecordedKey::in_use_or_newest(keys, None).map(|key| key.id.clone());
        assert_eq!(newest(&keys).as_deref(), Some("3"));
        let mut of_account = key("5", "server", "eeee", "stdout");
        of_account.record.service_account = Some(Named { id: "user-1".to_owned(), title: None });
        assert_eq!(newest(&[keys[0].clone(), of_account]).as_deref(), Some("1"));
        assert!(RecordedKey::in_use_or_newest(&[], None).is_none());
    }
}
