//! The status as text.

use super::Status;
use super::source;
use crate::ui::format::{DASHBOARD, PROJECTS_PAGE, destination, indented, key_of, quoted, recover_command};
use keymint_delivery_adapter::{
    DeliveryRecord, Expiry, FoundKey, KeyOrigin, KeyRecord, KeySource, KeyState, Named, RecordedKey,
    Replacement,
};
use keymint_domain::text::{rough_duration, sanitize};

/// The maximum length of a path or reason, in characters. It exceeds the limit of every system for paths.
const LONGEST: usize = 32 * 1024;

/// The number of keys that are shown: the newest, in addition to those that need attention.
const NEWEST: usize = 5;

impl Status {
    pub(super) fn text(&self) -> String {
        let mut lines = Vec::new();
        match self.found.first() {
            None => lines.push("Programs started here find no key.".to_owned()),
            Some(found) => {
                lines.push(match found.source {
                    KeySource::Keyring(_) => {
                        "Programs started here find no key by themselves. Stored here:".to_owned()
                    }
                    _ => "Programs started here use:".to_owned(),
                });
                lines.extend(self.describe(found));
                lines.extend(self.verified.map(|verified| indented(2, &self.verdict(verified))));
            }
        }
        if self.found.len() > 1 {
            lines.push("Also stored:".to_owned());
            lines.extend(self.found.iter().skip(1).flat_map(|found| self.describe(found)));
        }
        lines.push(String::new());
        lines.extend(self.known_keys());
        lines.join("\n")
    }

    /// Describes the known keys, the newest first.
    fn known_keys(&self) -> Vec<String> {
        if self.keys.is_empty() {
            return vec!["No key was created or imported here yet.".to_owned()];
        }
        let is_shown = |&(place, key): &(usize, &RecordedKey)| {
            self.shows_all || place < NEWEST || key.record.needs_attention()
        };
        let shown: Vec<_> = self.keys.iter().rev().enumerate().filter(is_shown).collect();
        let heading = if self.shows_all {
            "Keys of this machine, newest first:"
        } else {
            "Newest keys of this machine:"
        };
        let mut lines = vec![heading.to_owned()];
        lines.extend(shown.iter().flat_map(|(_, key)| about(&key.record)));
        let more = self.keys.len() - shown.len();
        if more > 0 {
            lines.push(format!("And {more} more: keymint status --all"));
        }
        lines.extend([String::new(), indented(0, &format!("Keys are managed at {DASHBOARD}"))]);
        lines
    }

    /// Describes a source, its key, and the record of that key.
    fn describe(&self, found: &FoundKey) -> Vec<String> {
        let what = match &found.key {
            Err(problem) => problem.clone(),
            Ok(key) => {
                let last_four = key.last_four();
                match self.known(key).map(|known| &known.record) {
                    Some(record) => {
                        format!("{}, ending in {last_four}{}", quoted(&record.name), validity(record))
                    }
                    None if last_four.is_empty() => "is too short for a key".to_owned(),
                    None => format!("ends in {last_four}, and was not created by keymint here"),
                }
            }
        };
        let line = indented(2, &sanitize(&format!("{}: {what}", source::describe(&found.source)), LONGEST));
        std::iter::once(line).chain(source::readers(&found.source).map(|who| indented(4, &who))).collect()
    }
}

/// Describes a key.
fn about(record: &KeyRecord) -> Vec<String> {
    let KeyRecord { state, origin, time, organization, project, kept_in, service_account, .. } = record;
    let mut texts = Vec::new();
    if *origin == KeyOrigin::Imported {
        texts.push(format!("{}, imported; its project is not known here", to_the_minute(time)));
    } else if let Some(account) = service_account {
        let account =
            if account.is_unknown() { String::new() } else { format!(" {}", sanitize(&account.id, LONGEST)) };
        let of = format!("of the service account{account}");
        texts.push(format!("{}, in project {}, {of}", to_the_minute(time), titled(project)));
    } else if !time.is_empty() {
        let place = format!("project {} of organization {}", titled(project), titled(organization));
        texts.push(format!("{}, in {place}", to_the_minute(time)));
    }
    let page = if service_account.is_some() { PROJECTS_PAGE } else { "the page below" };
    let look = format!("look for that name at {page}, and delete it unless you have it");
    match state {
        _ if record.revoked_at.is_some() => {}
        KeyState::Requested | KeyState::Unknown => texts.push(format!("It may exist: {look}.")),
        KeyState::Created => texts.push(format!("It may be in no destination: {look}.")),
        KeyState::Delivered => {}
    }
    texts.extend(places(&record.deliveries));
    if let Some(path) = kept_in {
        let (path, command) = (sanitize(&path.to_string_lossy(), LONGEST), recover_command(path));
        texts.push(format!("Kept in {path}: {command}, or another destination, delivers it."));
    }
    let title = indented(2, &format!("{}{}", key_of(record), validity(record)));
    std::iter::once(title).chain(texts.iter().map(|text| indented(4, text))).collect()
}

/// Returns the validity of the key after a comma. Empty if the record does not have it.
fn validity(record: &KeyRecord) -> String {
    match (&record.revoked_at, record.expiry()) {
        (Some(at), _) => format!(", revoked {}", on_day(at)),
        (None, Some(Expiry::In(time))) => format!(", expires in {}", rough_duration(time)),
        (None, Some(Expiry::Past(time))) => format!(", expired {} ago", rough_duration(time)),
        (None, None) => String::new(),
    }
}

/// Returns the destinations of the key, first those that may still have it.
fn places(deliveries: &[DeliveryRecord]) -> Vec<String> {
    let mut delivered = Vec::new();
    let mut gone = Vec::new();
    for delivery in deliveries {
        let place = destination(&delivery.to, delivery.profile.as_deref());
        match delivery {
            DeliveryRecord { present: Some(true), .. } => delivered.push(place),
            DeliveryRecord { replaced_by: Some(Replacement { last4, .. }), .. } => {
                let by =
                    last4.as_ref().map_or_else(String::new, |last4| format!(" by the key ending in {last4}"));
                gone.push(format!("Replaced{by} in {place}"));
            }
            DeliveryRecord { removed_at: Some(_), .. } => gone.push(format!("Removed from {place}")),
            DeliveryRecord { present: Some(false), .. } => gone.push(format!("No longer in {place}")),
            _ => delivered.push(place),
        }
    }
    let delivered = (!delivered.is_empty()).then(|| format!("Delivered to {}", delivered.join(", ")));
    delivered.into_iter().chain(gone).map(|text| sanitize(&text, LONGEST)).collect()
}

/// Returns the day of a time, with its preposition.
pub(super) fn on_day(time: &str) -> String {
    format!("on {}", sanitize(time.get(..10).unwrap_or(time), LONGEST))
}

fn to_the_minute(time: &str) -> String {
    format!("{} UTC", sanitize(&time.get(..16).unwrap_or(time).replace('T', " "), LONGEST))
}

fn titled(named: &Named) -> String {
    named.title.as_deref().map_or_else(|| sanitize(&named.id, LONGEST), quoted)
}
