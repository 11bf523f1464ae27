//! The key that replaced another one at a destination, found by the times of the deliveries.

use super::delivery::instant;
use super::{RecordedKey, Replacement};
use std::collections::HashMap;

/// Finds, for each delivery, the key that was delivered next to the same place.
pub(super) fn find_replacements(keys: &mut [RecordedKey]) {
    // The deliveries to each place, each with the index of the key and the index of the delivery.
    let mut places: HashMap<_, Vec<(usize, usize)>> = HashMap::new();
    for (key, RecordedKey { record, .. }) in keys.iter().enumerate() {
        for (number, delivery) in record.deliveries.iter().enumerate() {
            if let Some(place) = delivery.place() {
                places.entry(place).or_default().push((key, number));
            }
        }
    }
    let delivery = |(key, number): (usize, usize)| &keys[key].record.deliveries[number];
    let mut replacements = Vec::new();
    for mut place in places.into_values() {
        // Deliveries with the same time keep the order of their keys.
        place.sort_by(|&one, &other| delivery(one).time().cmp(delivery(other).time()));
        let (mut next_of_another, mut next) = (None, None::<(usize, usize)>);
        for own in place.into_iter().rev() {
            if next.is_some_and(|next| next.0 != own.0) {
                next_of_another = next;
            }
            let removed_at = delivery(own).removed_at.as_deref().map(instant);
            let by =
                next_of_another.filter(|&later| removed_at.is_none_or(|at| at >= delivery(later).time()));
            let by = by.map(|(by, _)| &keys[by]);
            let by = by.map(|by| Replacement { id: by.id.clone(), last4: by.record.last4.clone() });
            replacements.push((own, by));
            next = Some(own);
        }
    }
    for ((key, number), by) in replacements {
        keys[key].record.deliveries[number].replaced_by = by;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Keyring;
    use crate::store::tests::{FILE, line, replaced, state};

    #[test]
    fn a_key_is_replaced_by_the_next_one_at_the_same_place() {
        for (deliveries, by) in [
            ([(FILE, "A", "1"), (FILE, "A", "2"), (FILE, "A", "3")], ["bbbb", "cccc", "-"]),
            // The deliveries are ordered by time, not by key.
            ([(FILE, "A", "3"), (FILE, "A", "1"), (FILE, "A", "2")], ["-", "cccc", "aaaa"]),
            ([(FILE, "A", "1"), (FILE, "B", "2"), ("env-file:/x", "A", "3")], ["-", "-", "-"]),
            (
                [(Keyring::ID, "work", "1"), (Keyring::ID, "home", "2"), (Keyring::ID, "work", "3")],
                ["cccc", "-", "-"],
            ),
            ([("stdout", "", "1"), ("stdout", "", "2"), ("pipe", "", "3")], ["-", "-", "-"]),
            // Two runs may end at the same time, and an earlier version wrote whole seconds.
            ([(FILE, "A", "1"), (FILE, "A", "1"), (FILE, "A", "1")], ["bbbb", "cccc", "-"]),
            (
                [(FILE, "A", "10:00:00.5Z"), (FILE, "A", "10:00:00Z"), (FILE, "A", "10:00:01Z")],
                ["cccc", "aaaa", "-"],
            ),
        ] {
            let [a, b, c] = deliveries;
            let records = [("1", line("aaaa", &[a])), ("2", line("bbbb", &[b])), ("3", line("cccc", &[c]))];
            assert_eq!(replaced(&state(&records).1), by, "{deliveries:?}");
        }
    }

    /// Comparing each delivery with every other one would take minutes.
    #[test]
    fn of_very_many_keys_at_one_place_each_is_replaced_by_the_next_one() {
        let line = line("aaaa", &[(FILE, "A", "1")]);
        let mut keys: Vec<_> = (0..20_000)
            .map(|id: usize| RecordedKey { id: id.to_string(), record: serde_json::from_str(&line).unwrap() })
            .collect();
        find_replacements(&mut keys);
        let by = |key: &RecordedKey| key.record.deliveries[0].replaced_by.as_ref().map(|by| by.id.clone());
        let last = keys.pop().unwrap();
        assert_eq!((by(&last), by(&keys[7])), (None, Some("8".to_owned())));
        assert!(keys.iter().all(|key| by(key).is_some()));
    }
}
