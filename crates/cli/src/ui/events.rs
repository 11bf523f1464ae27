//! What `--events` reports: notices as JSON objects.

use crate::browser::Opening;
use crate::ui::format::of_listener;
use crate::ui::reporter::Message;
use keymint_domain::text::redact_keys;
use keymint_domain::{Event, Observation};
use serde_json::{Value, json};
use std::time::Duration;

/// The notice as one JSON object, if it is one for programs. Secrets are in none.
pub(crate) fn of_message(message: &Message<'_>) -> Option<Value> {
    Some(match message {
        Message::Warning(message) => json!({"event": "warning", "message": message}),
        Message::Listening { redirect_uri } => json!({"event": "listening", "redirect_uri": redirect_uri}),
        Message::AuthorizeUrl { url, .. } => json!({"event": "authorize_url", "url": url}),
        Message::Browser(Opening::Tried) => json!({"event": "browser_tried"}),
        Message::Listener(notice) => json!({"event": "warning", "message": of_listener(*notice)?}),
        Message::CallbackReceived => json!({"event": "callback_received"}),
        Message::KeyCreated { last_four, name, .. } => {
            json!({"event": "key_created", "name": name, "last4": last_four})
        }
        Message::CommandOutput(line) => json!({"event": "command_output", "line": line}),
        Message::DryRun { .. } => json!({"event": "dry_run"}),
        Message::Delivered { to, .. } => json!({"event": "delivered", "to": to}),
        Message::Verified { .. } => json!({"event": "verified"}),
        Message::Flow(event) => of_flow(event),
        _ => return None,
    })
}

/// What happened in the flow, under the name that the domain has for it.
fn of_flow(event: &Event) -> Value {
    let mut json = match event {
        Event::WaitingForProject { observed, retry_in } => {
            let (organizations, projects) = match *observed {
                Observation::NoDefaultProject { organizations, projects } => (organizations, projects),
                Observation::ProjectsRefused { organizations } => (organizations, 0),
                _ => (0, 0),
            };
            json!({"organizations": organizations, "projects": projects, "retry_in_ms": milliseconds(*retry_in)})
        }
        Event::OrganizationSkipped { id, reason } => json!({"id": id.as_str(), "reason": reason.to_string()}),
        Event::ListIncomplete { step, skipped, cut } => {
            json!({"step": step.name(), "skipped": skipped, "cut": cut})
        }
        Event::Retrying { step, reason, after } => {
            json!({"step": step.name(), "reason": reason.to_string(), "after_ms": milliseconds(*after)})
        }
        Event::TargetSelected(target) => json!({
            "organization": {"id": target.organization_id.as_str(), "title": target.organization_title.as_ref().map(|title| redact_keys(title.raw()))},
            "project": {"id": target.project_id.as_str(), "title": target.project_title.as_ref().map(|title| redact_keys(title.raw()))},
        }),
        _ => json!({}),
    };
    json["event"] = event.name().into();
    json
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
