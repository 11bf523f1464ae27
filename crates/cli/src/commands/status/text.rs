//! The status in words.

use super::Status;
use super::source::{FoundKey, KeySource};
use crate::ui::format::{DASHBOARD, indented, key_check, places, quoted, recover_command};
use keymint_delivery_adapter::{KeyRecord, KeyState, KnownKey, Named};
use keymint_domain::text::sanitize;

/// Longest path or reason, in characters. No system has longer paths.
const LONGEST: usize = 32 * 1024;

impl Status {
    pub(super) fn text(&self) -> String {
        let mut lines = Vec::new();
        if self.keys.is_empty() {
            lines.push("This machine was given no key yet.".to_owned());
        } else {
            lines.push("Keys that this machine was given:".to_owned());
            lines.extend(self.keys.iter().flat_map(about));
        }
        lines.push(String::new());
        match self.found.first() {
            None => lines.push("A program that is started here finds no key.".to_owned()),
            Some(found) => {
                lines.push(match found.source {
                    KeySource::Keyring { .. } => {
                        "A program that is started here finds no key by itself. There is:".to_owned()
                    }
                    _ => "A program that is started here uses:".to_owned(),
                });
                lines.extend(self.describe(found));
                lines.extend(self.verified.map(|verified| indented(2, &key_check(verified))));
            }
        }
        if self.found.len() > 1 {
            lines.push("What it would use if that were not there:".to_owned());
            lines.extend(self.found.iter().skip(1).flat_map(|found| self.describe(found)));
        }
        lines.join("\n")
    }

    /// A place, the key in it, and which of the known ones that is.
    fn describe(&self, found: &FoundKey) -> Vec<String> {
        let what = match (&found.key, found.last_four()) {
            (Err(problem), _) => problem.clone(),
            (Ok(_), last_four) => {
                let last_four = last_four.unwrap_or_default();
                let is_it = |key: &&KnownKey| key.record.last4.as_deref() == Some(last_four);
                match self.keys.iter().rev().find(is_it) {
                    Some(key) => format!("ends in {last_four}, as {} does", quoted(&key.record.name)),
                    None if last_four.is_empty() => "is too short for a key".to_owned(),
                    None => format!("ends in {last_four}, and was not made by keymint here"),
                }
            }
        };
        let line = indented(2, &sanitize(&format!("{}: {what}", found.source), LONGEST));
        std::iter::once(line).chain(found.source.who().map(|who| indented(4, &who))).collect()
    }
}

/// What is known of a key.
fn about(key: &KnownKey) -> Vec<String> {
    let KeyRecord {
        state, time, name, organization, project, last4, expires_at, delivered_to, kept_in, ..
    } = &key.record;
    let ending = last4.as_ref().map_or_else(String::new, |last4| format!(", ending in {last4}"));
    let mut lines = vec![indented(2, &format!("{}{ending}", quoted(name)))];
    if !time.is_empty() {
        let place = format!("project {} of organization {}", titled(project), titled(organization));
        lines.push(indented(4, &format!("{}, in {place}", to_the_minute(time))));
    }
    if let Some(expires_at) = expires_at {
        lines.push(indented(4, &format!("Expires {}", to_the_minute(expires_at))));
    }
    let look = format!("look for that name at {DASHBOARD}, and delete it unless you have it");
    match state {
        KeyState::Requested | KeyState::Unknown => lines.push(indented(4, &format!("It may exist: {look}."))),
        KeyState::Created => lines.push(indented(4, &format!("Perhaps nobody has it: {look}."))),
        KeyState::Delivered => {}
    }
    if !delivered_to.is_empty() {
        lines.push(indented(4, &format!("Delivered to {}", places(&key.record))));
    }
    if let Some(path) = kept_in {
        let (path, command) = (sanitize(&path.to_string_lossy(), LONGEST), recover_command(path));
        lines.push(indented(4, &format!("Kept in {path}: {command}, or another destination, delivers it.")));
    }
    lines
}

fn to_the_minute(time: &str) -> String {
    format!("{} UTC", sanitize(&time.get(..16).unwrap_or(time).replace('T', " "), LONGEST))
}

fn titled(named: &Named) -> String {
    named.title.as_deref().map_or_else(|| sanitize(&named.id, LONGEST), quoted)
}
