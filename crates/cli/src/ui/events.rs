//! The event of each message, for `--events`.

use crate::browser::Opening;
use crate::ui::format::{key_check, of_listener};
use crate::ui::message::Message;
use keymint_domain::KeyCheck;
use serde_json::{Value, json};

/// The message as one JSON object, if it is for programs. None has a secret.
pub(crate) fn of_message(message: &Message<'_>) -> Option<Value> {
    Some(match message {
        Message::Warning(message) => json!({"event": "warning", "message": message}),
        Message::Listening { redirect_uri } => json!({"event": "listening", "redirect_uri": redirect_uri}),
        Message::AuthorizeUrl { url, .. } => json!({"event": "authorize_url", "url": url}),
        Message::Browser(Opening::Tried) => json!({"event": "browser_tried"}),
        Message::Listener(warning) => json!({"event": "warning", "message": of_listener(*warning)?}),
        Message::CallbackReceived => json!({"event": "callback_received"}),
        Message::KeyCreated { last_four, name, .. } => {
            json!({"event": "key_created", "name": name, "last4": last_four})
        }
        Message::CommandOutput(line) => json!({"event": "command_output", "line": line}),
        Message::DryRun { .. } => json!({"event": "dry_run"}),
        Message::Delivered { id, .. } => json!({"event": "delivered", "to": id}),
        Message::KeyChecked(KeyCheck::Works) => json!({"event": "verified"}),
        Message::KeyChecked(check) => json!({"event": "warning", "message": key_check(*check)}),
        Message::Flow(event) => json!(event),
        #[cfg(feature = "sandbox")]
        Message::Demonstration | Message::SandboxUp | Message::SandboxDown { .. } => return None,
        Message::Browser(Opening::NotWanted | Opening::NotTried(_))
        | Message::RunByAgent(_)
        | Message::Advice(_)
        | Message::WaitingForPerson { .. }
        | Message::Pasted(_)
        | Message::PasteAddress
        | Message::Started { .. }
        | Message::Reading
        | Message::NothingToList
        | Message::Chosen { .. }
        | Message::Looking { .. }
        | Message::MoreOrganizationsSkipped
        | Message::Creating { .. }
        | Message::StillCreating { .. }
        | Message::Recovery { .. }
        | Message::Deleted { .. }
        | Message::Kept { .. }
        | Message::Done { .. }
        | Message::Forgotten { .. }
        | Message::NothingToForget { .. } => return None,
    })
}
