//! The event of each message, for `--events`.

use crate::error::CliError;
use crate::ui::format::{key_check, of_listener, of_warning};
use crate::ui::json::{Destination, OldKey, to_json};
use crate::ui::message::Message;
use keymint_domain::{KeyCheck, Reason};
use keymint_host::Opening;
use serde::Serialize;

/// An event in its printed form. No event contains a secret.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event<'a> {
    Warning {
        message: String,
    },
    Listening {
        redirect_uri: &'a str,
    },
    AuthorizeUrl {
        url: &'a str,
    },
    BrowserTried,
    CallbackReceived,
    KeyCreated {
        name: &'a str,
        last4: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        expires_at: Option<&'a str>,
    },
    /// The final state of the old key of a rotation.
    OldKey(OldKey<'a>),
    CommandOutput {
        line: &'a str,
    },
    DryRun,
    Delivered {
        to: Destination<'a>,
    },
    Verified,
    Error {
        kind: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'static str>,
        message: String,
        hint: Option<String>,
    },
}

/// Returns the event of the error that ends the command.
pub(crate) fn of_error(error: &CliError) -> String {
    to_json(&Event::Error {
        kind: error.kind.name(),
        reason: error.reason.map(Reason::name),
        message: error.message(),
        hint: error.hints(),
    })
}

/// Returns the event of a message, if it has one.
pub(crate) fn of_message(message: &Message<'_>) -> Option<String> {
    Some(to_json(&match *message {
        Message::Warning(ref warning) => Event::Warning { message: of_warning(warning) },
        Message::Listening { redirect_uri } => Event::Listening { redirect_uri },
        Message::AuthorizeUrl { url, .. } => Event::AuthorizeUrl { url },
        Message::Browser(Opening::Tried) => Event::BrowserTried,
        Message::Listener(warning) => Event::Warning { message: of_listener(warning)?.to_owned() },
        Message::CallbackReceived => Event::CallbackReceived,
        Message::KeyCreated { last_four: last4, name, expires_at, .. } => {
            Event::KeyCreated { name, last4, expires_at }
        }
        Message::OldKey { old, outcome } => Event::OldKey(OldKey::new(old, outcome)),
        Message::CommandOutput(line) => Event::CommandOutput { line },
        Message::DryRun { .. } => Event::DryRun,
        Message::Delivered(to) => Event::Delivered { to: to.into() },
        Message::KeyChecked(KeyCheck::Works | KeyCheck::Restricted) => Event::Verified,
        Message::KeyChecked(check @ (KeyCheck::NotAccepted | KeyCheck::NoCredit)) => {
            Event::Warning { message: key_check(check) }
        }
        Message::Flow(event) => return Some(to_json(event)),
        #[cfg(feature = "sandbox")]
        Message::Demonstration
        | Message::DemonstrationOver
        | Message::SandboxUp
        | Message::SandboxDown { .. } => return None,
        Message::Browser(Opening::NotWanted | Opening::NotTried(_))
        | Message::RunByAgent(_)
        | Message::Advice(_)
        | Message::WaitingForPerson { .. }
        | Message::Pasted(_)
        | Message::PastedInPart
        | Message::PasteAddress
        | Message::Started { .. }
        | Message::Reading
        | Message::NothingToList
        | Message::Chosen { .. }
        | Message::Looking { .. }
        | Message::MoreOrganizationsSkipped
        | Message::Rotating { .. }
        | Message::CheckingKey
        | Message::Creating { .. }
        | Message::StillCreating { .. }
        | Message::Recovery { .. }
        | Message::Printing
        | Message::Deleted { .. }
        | Message::Kept { .. }
        | Message::Done { .. }
        | Message::Revocation(_)
        | Message::NoKeyStored
        | Message::AskingForKey
        | Message::KeyRead { .. }
        | Message::Exported(_)
        | Message::Forgotten { .. }
        | Message::NothingToForget { .. }
        | Message::Revoked { .. } => return None,
    }))
}
