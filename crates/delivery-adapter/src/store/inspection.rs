//! The inspection of the destinations that received a key.

use super::RecordedKey;
use super::record::{KeyRecord, is_of};
use crate::{EnvFile, EnvFileErrorKind, Keyring, VariableName};
use keymint_domain::ApiKey;
use std::collections::HashMap;
use std::path::Path;

impl RecordedKey {
    /// Checks which of the key's keyring profiles have no item now, since the user may have removed it with another
    /// program. Updates the deliveries of the record.
    pub async fn inspect_keyring(&mut self) {
        for delivery in self.record.deliveries.iter_mut().filter(|delivery| delivery.to == Keyring::ID) {
            if let Some(profile) = &delivery.profile {
                delivery.is_empty = matches!(Keyring::get(profile).await, Ok(None));
            }
        }
    }

    /// Checks which dotenv files still contain these keys, and updates the deliveries of their records. Each file is
    /// read once for each variable.
    ///
    /// If a file cannot be read, it is unknown whether it has the key. If the variable of a delivery is unknown, the
    /// default variable is checked, and only a match counts.
    pub fn inspect_files(keys: &mut [Self]) {
        let mut files = HashMap::new();
        for KeyRecord { fingerprint, last4, deliveries, .. } in keys.iter_mut().map(|key| &mut key.record) {
            for delivery in deliveries {
                let Some(path) = delivery.to.strip_prefix(EnvFile::ID_PREFIX) else { continue };
                let Ok(variable) =
                    delivery.variable.as_deref().map_or(Ok(VariableName::default()), VariableName::parse)
                else {
                    continue;
                };
                let file = files
                    .entry((path.to_owned(), variable.as_str().to_owned()))
                    .or_insert_with(|| InspectedFile::read(path, &variable));
                let present = file
                    .key
                    .as_ref()
                    .and_then(|key| key.as_ref().map_or(Some(false), |key| is_of(fingerprint, last4, key)));
                if delivery.variable.is_some() || present == Some(true) {
                    delivery.variable = Some(variable.as_str().to_owned());
                    (delivery.present, delivery.is_empty) = (present, file.is_empty);
                }
            }
        }
    }
}

/// A variable of a dotenv file.
struct InspectedFile {
    /// The key in the variable, if there is one. The outer `None` means that the file cannot be read.
    key: Option<Option<ApiKey>>,
    is_empty: bool,
}

impl InspectedFile {
    fn read(path: &str, variable: &VariableName) -> Self {
        let found = EnvFile::find_key(Path::new(path), variable);
        let is_empty = matches!(found, Ok(None)) && Path::new(path).exists();
        let key = match found {
            // The path in the record is not the real one: characters that are not UTF-8 were replaced.
            Ok(None) if path.contains(char::REPLACEMENT_CHARACTER) => None,
            Ok(key) => Some(key),
            Err(error) => matches!(error.kind, EnvFileErrorKind::NotAKey).then_some(None),
        };
        Self { key, is_empty }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DeliveryRecord, Replacement};
    use std::fs;

    #[test]
    fn a_file_that_was_inspected_decides_whether_it_has_the_key() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".env");
        let file = EnvFile::id_of(&path);
        let key = |variable: Option<&str>, is_replaced: bool| {
            let replaced_by = is_replaced.then(|| Replacement { id: "2".to_owned(), last4: None });
            let variable = variable.map(str::to_owned);
            let delivery =
                DeliveryRecord { to: file.clone(), variable, replaced_by, ..DeliveryRecord::default() };
            let last4 = Some("6789".to_owned());
            let deliveries = vec![delivery];
            let record = KeyRecord { last4, deliveries, ..KeyRecord::of_unknown_origin("a") };
            RecordedKey { id: "1".to_owned(), record }
        };
        let here = Some("OPENAI_API_KEY=sk-proj-0123456789\n");
        let (other, unset) = (Some("OPENAI_API_KEY=sk-proj-another-key\n"), Some("A=1\n"));
        for (content, variable, is_replaced, is_current) in [
            (here, Some("OPENAI_API_KEY"), false, true),
            // The user has put the key back.
            (here, Some("OPENAI_API_KEY"), true, true),
            (here, None, true, true),
            (other, Some("OPENAI_API_KEY"), false, true),
            (other, Some("OPENAI_API_KEY"), true, false),
            (unset, Some("OPENAI_API_KEY"), false, false),
            // The key may be in another variable.
            (unset, None, false, true),
            // The file may have been moved.
            (None, Some("OPENAI_API_KEY"), false, true),
        ] {
            let _ = fs::remove_file(&path);
            content.iter().for_each(|content| fs::write(&path, content).unwrap());
            let mut key = key(variable, is_replaced);
            RecordedKey::inspect_files(std::slice::from_mut(&mut key));
            let case = format!("{content:?} {variable:?} {is_replaced}");
            assert_eq!(key.record.current_deliveries().count(), usize::from(is_current), "{case}");
            let is_traceable = key.record.deliveries[0].is_traceable();
            assert_eq!(is_traceable, variable.is_some() || content == here, "{case}");
        }
    }

    #[test]
    fn a_record_without_the_last_four_characters_does_not_say_whose_key_a_file_has() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".env");
        let to = EnvFile::id_of(&path);
        let variable = Some("OPENAI_API_KEY".to_owned());
        for (content, present) in [("OPENAI_API_KEY=sk-proj-0123456789\n", None), ("A=1\n", Some(false))] {
            fs::write(&path, content).unwrap();
            for last4 in [None, Some(String::new())] {
                let delivery = DeliveryRecord {
                    to: to.clone(),
                    variable: variable.clone(),
                    ..DeliveryRecord::default()
                };
                let deliveries = vec![delivery];
                let record = KeyRecord { last4, deliveries, ..KeyRecord::of_unknown_origin("a") };
                let mut key = RecordedKey { id: "1".to_owned(), record };
                RecordedKey::inspect_files(std::slice::from_mut(&mut key));
                assert_eq!(key.record.deliveries[0].present, present, "{content}");
            }
        }
    }

    /// Reading a file once for each key would take minutes.
    #[test]
    fn a_large_file_that_was_given_thousands_of_keys_is_read_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".env");
        fs::write(&path, "A=1\n".repeat(20_000) + "OPENAI_API_KEY=sk-proj-0123456789\n").unwrap();
        let file = EnvFile::id_of(&path);
        let variable = Some("OPENAI_API_KEY".to_owned());
        let delivery = DeliveryRecord { to: file, variable, ..DeliveryRecord::default() };
        let records = ["6789", "aaaa"].map(|last4| KeyRecord {
            last4: Some(last4.to_owned()),
            deliveries: vec![delivery.clone()],
            ..KeyRecord::of_unknown_origin("a")
        });
        let key = |id: usize| RecordedKey { id: id.to_string(), record: records[id % 2].clone() };
        let mut keys: Vec<_> = (0..2_000).map(key).collect();
        RecordedKey::inspect_files(&mut keys);
        let present = keys.iter().map(|key| key.record.deliveries[0].present);
        assert!(present.eq([Some(true), Some(false)].into_iter().cycle().take(2_000)));
    }
}
