//! What `--events` reports: notices as JSON objects.

use crate::browser::Opening;
use crate::report::Notice;
use crate::words::of_listener;
use keymint_domain::text::mask_keys;
use keymint_domain::{Event, Observation};
use serde_json::{Value, json};
use std::time::Duration;

/// The notice as one JSON object, if it is one for programs. Secrets are in none.
pub(crate) fn of_notice(notice: &Notice<'_>) -> Option<Value> {
    let milliseconds = |duration: &Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Some(match notice {
        Notice::Warning(message) => json!({"event": "warning", "message": message}),
        Notice::Listening { redirect_uri } => json!({"event": "listening", "redirect_uri": redirect_uri}),
        Notice::AuthorizeUrl { url, .. } => json!({"event": "authorize_url", "url": url}),
        Notice::Browser(Opening::Tried) => json!({"event": "browser_tried"}),
        Notice::Listener(notice) => json!({"event": "warning", "message": of_listener(*notice)?}),
        Notice::CallbackReceived => json!({"event": "callback_received"}),
        Notice::KeyCreated { last_four, name, .. } => {
            json!({"event": "key_created", "name": name, "last4": last_four})
        }
        Notice::CommandSaid(line) => json!({"event": "command_said", "line": line}),
        Notice::Rehearsed { .. } => json!({"event": "rehearsed"}),
        Notice::Delivered { to, .. } => json!({"event": "delivered", "to": to}),
        Notice::Verified { .. } => json!({"event": "verified"}),
        Notice::Flow(Event::CodeExchanged) => json!({"event": "code_exchanged"}),
        Notice::Flow(Event::SignedIn) => json!({"event": "signed_in"}),
        Notice::Flow(Event::WaitingForProject { observed, retry_in }) => {
            let (organizations, projects) = match *observed {
                Observation::NoDefaultProject { organizations, projects } => (organizations, projects),
                Observation::ProjectsRefused { organizations } => (organizations, 0),
                _ => (0, 0),
            };
            json!({"event": "waiting_for_project", "organizations": organizations, "projects": projects, "retry_in_ms": milliseconds(retry_in)})
        }
        Notice::Flow(Event::OrganizationSkipped { id, reason }) => {
            json!({"event": "organization_skipped", "id": id.as_str(), "reason": reason.to_string()})
        }
        Notice::Flow(Event::ListIncomplete { step, skipped, cut }) => {
            json!({"event": "list_incomplete", "step": step.name(), "skipped": skipped, "cut": cut})
        }
        Notice::Flow(Event::Retrying { step, reason, after }) => {
            json!({"event": "retrying", "step": step.name(), "reason": reason.to_string(), "after_ms": milliseconds(after)})
        }
        Notice::Flow(Event::CreationRequested) => json!({"event": "creation_requested"}),
        Notice::Flow(Event::TargetSelected(target)) => json!({
            "event": "target_selected",
            "organization": {"id": target.organization_id.as_str(), "title": target.organization_title.as_deref().map(mask_keys)},
            "project": {"id": target.project_id.as_str(), "title": target.project_title.as_deref().map(mask_keys)},
        }),
        _ => return None,
    })
}
