//! The state of the screen, and its changes.

use keymint_domain::text::human_duration;
use keymint_domain::{Event, ProvisionedKey, Target, Title, Url};
use std::path::PathBuf;

/// The page of the platform that lists the keys.
const DASHBOARD: &str = "https://platform.openai.com/api-keys";

/// The state of the screen. It does not implement `Debug`, since it may contain the key.
pub(crate) struct App {
    key_name: String,
    pub(crate) account: Option<String>,
    pub(crate) progress: Vec<String>,
    /// The file that has the key.
    file: Option<PathBuf>,
    pub(crate) stage: Stage,
    /// The user has asked to leave, and sees a warning about the loss.
    pub(crate) leaving: bool,
}

pub(crate) enum Stage {
    Starting,
    /// Waits for the browser, which was opened at this URL.
    Browser(Url),
    Working,
    Choosing {
        targets: Vec<Target>,
        at: usize,
        /// True if another browser returned than the one that was opened.
        doubtful: bool,
    },
    /// The creation was requested, so a key may exist.
    Creating,
    Created {
        made: ProvisionedKey,
        revealed: bool,
        seen: bool,
    },
    Failed(String),
}

pub(crate) enum Message {
    Pressed(Input),
    Redraw,
    Listening(Url),
    BrowserIsBack,
    Happened(Event),
    /// The e-mail address of the account, if it is known.
    SignedIn(Option<String>),
    /// The possible targets, at least one.
    Found {
        targets: Vec<Target>,
        doubtful: bool,
    },
    /// The dotenv file that has the key, or the reason why it does not.
    Delivered(Result<PathBuf, String>),
    Created(ProvisionedKey),
    Failed(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    Up,
    Down,
    Confirm,
    Reveal,
    Leave,
}

/// The work that the app requests.
pub(crate) enum Effect {
    Create(Target),
    Leave,
}

impl App {
    pub(crate) fn new(key_name: String) -> Self {
        Self {
            key_name,
            account: None,
            progress: Vec::new(),
            file: None,
            stage: Stage::Starting,
            leaving: false,
        }
    }

    pub(crate) fn update(&mut self, message: Message) -> Option<Effect> {
        match message {
            Message::Pressed(Input::Leave) => return self.leave(),
            Message::Pressed(input) => {
                self.leaving = false;
                return self.press(input);
            }
            Message::Redraw => {}
            Message::Listening(address) => self.stage = Stage::Browser(address),
            Message::BrowserIsBack => self.stage = Stage::Working,
            Message::Happened(event) => self.progress.extend(in_words(&event)),
            Message::SignedIn(account) => self.account = account,
            Message::Found { targets, doubtful } => {
                self.stage = Stage::Choosing { targets, at: 0, doubtful };
            }
            Message::Delivered(Ok(file)) => {
                self.progress.push(format!("The key is in {}", file.display()));
                self.file = Some(file);
            }
            Message::Delivered(Err(reason)) => {
                self.progress.push(format!("The file does not have the key: {reason}"));
            }
            Message::Created(made) => self.end(Stage::Created { made, revealed: false, seen: false }),
            Message::Failed(reason) => self.end(Stage::Failed(reason)),
        }
        None
    }

    fn press(&mut self, input: Input) -> Option<Effect> {
        match (&mut self.stage, input) {
            (Stage::Choosing { at, .. }, Input::Up) => *at = at.saturating_sub(1),
            (Stage::Choosing { at, targets, .. }, Input::Down) => *at = (*at + 1).min(targets.len() - 1),
            (Stage::Choosing { at, targets, .. }, Input::Confirm) => {
                let target = targets.swap_remove(*at);
                self.progress.push(format!("Creating a key in {}", place(&target)));
                self.stage = Stage::Creating;
                return Some(Effect::Create(target));
            }
            (Stage::Created { revealed, seen, .. }, Input::Reveal) => {
                *revealed = !*revealed;
                *seen = true;
            }
            _ => {}
        }
        None
    }

    /// Leaves at once, or, if a key would be lost, after a second request.
    fn leave(&mut self) -> Option<Effect> {
        let loses = match self.stage {
            Stage::Creating => true,
            Stage::Created { seen, .. } => !seen && self.file.is_none(),
            _ => false,
        };
        if loses && !self.leaving {
            self.leaving = true;
            return None;
        }
        Some(Effect::Leave)
    }

    fn end(&mut self, stage: Stage) {
        self.stage = stage;
        self.leaving = false;
    }

    /// Returns the text that remains on the terminal.
    pub(crate) fn farewell(&self) -> String {
        let name = &self.key_name;
        match &self.stage {
            Stage::Created { made, seen, .. } if *seen || self.file.is_some() => {
                let place = self.file.as_ref().map(|file| format!(" It is in {}.", file.display()));
                let last_four = made.key.last_four();
                format!("Created the key \"{name}\", ending in {last_four}.{}", place.unwrap_or_default())
            }
            Stage::Created { .. } => {
                format!("Created the key \"{name}\", which was never shown: delete it at {DASHBOARD}")
            }
            Stage::Creating => format!("A key \"{name}\" may exist: delete it at {DASHBOARD}"),
            Stage::Failed(reason) => reason.clone(),
            _ => "No key was created.".to_owned(),
        }
    }
}

/// Returns a text such as `Default project of Acme`, with ids for missing titles.
pub(crate) fn place(target: &Target) -> String {
    let named = |title: &Option<Title>, id: &str| title.as_ref().map_or(id.to_owned(), Title::to_string);
    let project = named(&target.project_title, target.project_id.as_str());
    format!("{project} of {}", named(&target.organization_title, target.organization_id.as_str()))
}

/// Describes an event, if it is relevant to the user.
fn in_words(event: &Event) -> Option<String> {
    Some(match event {
        Event::CodeExchanged => "The sign-in was accepted".to_owned(),
        Event::SignedIn => "Signed in to the platform".to_owned(),
        Event::WaitingForProject { observed, retry_in } => {
            format!("No project yet: {observed}; looking again in {}", human_duration(*retry_in))
        }
        Event::OrganizationSkipped { id, kind, .. } => format!("Skipped {id}: {kind}"),
        Event::TargetSkipped(skipped) => {
            format!("Skipped {}, where user API keys are disabled", skipped.organization.id)
        }
        Event::ListIncomplete { step, .. } => format!("Not everything could be read while {step}"),
        Event::Retrying { step, kind, after, .. } => {
            format!("Trying again in {}: {step} failed, {kind}", human_duration(*after))
        }
        _ => return None,
    })
}
