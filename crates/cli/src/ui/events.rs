//! What `--events` reports: notices as JSON objects.

use crate::browser::Opening;
use crate::ui::format::of_listener;
use crate::ui::message::Message;
use serde_json::{Value, json};

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
        Message::Flow(event) => json!(event),
        _ => return None,
    })
}
