//! The text of each message.

use crate::ui::format::{
    DASHBOARD, cut_url, deletion_page, describe_candidate, describe_key, describe_target, key_check, key_of,
    of_listener, of_obstacle, of_stray, of_warning, own_path, quoted,
};
use crate::ui::message::{DeliveredTo, Message, ResponseChannel};
use crate::ui::old_key::kept;
use keymint_delivery_adapter::{ExportFormat, VariableName};
use keymint_domain::text::human_duration;
use keymint_domain::{Event, KeyCheck, Observation, OldKeyOutcome, RevocationOutcome};
use keymint_host::{Advice, Opening};
use std::io::{self, IsTerminal};

/// A part of a text, with its style.
pub(crate) enum Text {
    Warning(String),
    /// A line that stays.
    Step(String),
    /// A line that stays, about a completed step, with a mark on a terminal.
    Success(String),
    /// An empty line, which --quiet hides.
    Blank,
    /// An empty line before the next line, if one follows. --quiet hides it.
    Gap,
    /// A line that stays, only with --verbose.
    Detail(String),
    /// The current state. The next state replaces it.
    Status(String),
    /// Text that is shown even with --quiet.
    Prose(String),
    /// A line without wrapping.
    Line(String),
    /// A URL to open.
    Url(String),
    /// A command to run, which --quiet hides.
    Command(String),
}

/// Returns the text of a message. Empty for a message that is only an event.
pub(crate) fn of_message(message: &Message<'_>) -> Vec<Text> {
    use Text::{Blank, Command, Detail, Gap, Line, Prose, Status, Step, Success, Url, Warning};
    let text = match message {
        Message::Warning(warning) => Warning(of_warning(warning)),
        Message::AuthorizeUrl { url, is_played } => {
            let introduction = if *is_played {
                "The URL to sign in at, which the sandbox opens by itself:\n"
            } else {
                "Open this URL in your browser to sign in:\n"
            };
            let gap = is_played.then_some(Gap).into_iter();
            let text = [Prose(introduction.to_owned()), Url((*url).to_owned()), Line(String::new())];
            return gap.chain(text).collect();
        }
        #[cfg(feature = "sandbox")]
        Message::Demonstration => Prose(
            "A demonstration: a sandbox on this machine plays the servers and the browser. Its key has no value.\n"
                .to_owned(),
        ),
        #[cfg(feature = "sandbox")]
        Message::DemonstrationOver => return vec![Gap, Step("Now for real: `keymint create`".to_owned())],
        Message::Listening { redirect_uri } => Detail(format!("Listening at {redirect_uri}")),
        Message::Browser(Opening::NotWanted) => return Vec::new(),
        Message::Browser(Opening::Tried) => Step("Tried to open it for you.".to_owned()),
        Message::Browser(Opening::NotTried(obstacle)) => {
            let why = of_obstacle(obstacle).into_iter();
            return why.map(|why| Step(format!("{why}: open it yourself."))).collect();
        }
        Message::RunByAgent(agent) => {
            let name = agent.own_name().unwrap_or("the agent");
            Step(format!("{agent}. If you cannot see the URL above, ask {name} for it."))
        }
        Message::Advice(Advice { text, command }) => {
            return [Step(text.clone())].into_iter().chain(command.clone().map(Command)).collect();
        }
        Message::WaitingForPerson { patience, channel } => {
            let patience = human_duration(*patience);
            let waiting = format!("Waiting for you to sign in, at most {patience}. Ctrl-C ends it.");
            // Where the user can paste, a spinner would overwrite the pasted text.
            return match channel {
                ResponseChannel::Listener => vec![Status(waiting)],
                ResponseChannel::ListenerOrPaste => vec![Step(format!(
                    "Waiting for you to sign in ({patience}). If the last page does not load, paste its URL here."
                ))],
                ResponseChannel::Paste => vec![
                    Step(waiting),
                    Prose(
                        "The last page in the browser will not load. Copy its URL and paste it here:"
                            .to_owned(),
                    ),
                ],
            };
        }
        Message::PasteAddress => Prose("Paste the URL that the browser ended on:".to_owned()),
        Message::Started { patience } => {
            let text = Step(format!(
                "Open that URL in any browser. The last page will not load: give its URL to `keymint finish` within {}.",
                human_duration(*patience)
            ));
            return beside_output(Gap).into_iter().chain([text]).collect();
        }
        Message::Reading => Status("Reading your organizations and projects …".to_owned()),
        Message::NothingToList => Step("The account has no organization yet.".to_owned()),
        // Shows the account and the project, so that a user with several notices the wrong one.
        Message::Chosen { target, account } => {
            let account = account.map(|account| Success(format!("Signed in as {}.", account.as_str())));
            let refuses = target.keys_disabled_by.map(|_| {
                Warning("user API keys are disabled there: the platform will probably refuse".to_owned())
            });
            return account.into_iter().chain(refuses).collect();
        }
        Message::PastedInPart => Prose(format!("{}:", cut_url())),
        Message::Pasted(stray) => Prose(of_stray(*stray).to_owned()),
        Message::Listener(warning) => {
            return of_listener(*warning).map(|text| Warning(text.to_owned())).into_iter().collect();
        }
        Message::CallbackReceived => {
            Status("You are back from the browser. Signing in to the platform …".to_owned())
        }
        Message::Looking { patience } => Status(format!(
            "Looking for your default project, at most {} …",
            human_duration(*patience)
        )),
        Message::Flow(event) => return of_event(event),
        Message::MoreOrganizationsSkipped => {
            Warning("more organizations are skipped".to_owned())
        }
        Message::Creating { place, name } => {
            Status(format!("Creating the key {} in {} …", quoted(name), place))
        }
        Message::StillCreating { patience } => Step(format!(
            "The key is being created; waiting for it, at most {}. Press Ctrl-C again to stop waiting: the key may then \
             exist without you having it.",
            human_duration(*patience)
        )),
        Message::KeyCreated { name, place, expires_at, .. } => Success(format!(
            "Created {} in {place}{}",
            quoted(name),
            expires_at.map_or_else(String::new, |time| format!(" (expires {time})"))
        )),
        Message::Rotating { old } => Step(format!("Replacing the key {}.", key_of(old))),
        Message::CheckingKey => Status("Checking that the new key works …".to_owned()),
        // The error that ends the run contains this text.
        Message::OldKey { outcome, .. } if outcome.is_failure() => return Vec::new(),
        Message::OldKey { old, outcome: OldKeyOutcome::Kept(reason) } => Warning(kept(old, reason)),
        Message::OldKey { outcome: OldKeyOutcome::MayBeRevoked(_), .. } => return Vec::new(),
        Message::OldKey { old, outcome: OldKeyOutcome::Revoked } => {
            Success(format!("Revoked the old key {}.", key_of(old)))
        }
        Message::CommandOutput(line) => Line((*line).to_owned()),
        Message::Printing => return beside_output(Blank).into_iter().collect(),
        Message::Delivered(to) => return of_delivery(to),
        Message::Kept { path } => {
            Step(format!("A clipboard does not last, so the key is also kept in {}.", own_path(path)))
        }
        Message::KeyChecked(check @ (KeyCheck::Works | KeyCheck::Restricted)) => Success(key_check(*check)),
        Message::KeyChecked(check @ (KeyCheck::NotAccepted | KeyCheck::NoCredit)) => Warning(key_check(*check)),
        Message::Recovery { keys: 0 } => Step("No key is kept.".to_owned()),
        Message::Recovery { keys } => {
            let id = if *keys == 1 { "" } else { "ID " };
            Step(format!(
                "`keymint recover {id}--print`, or another destination, delivers a key and deletes the file."
            ))
        }
        Message::Deleted(record) => Success(format!(
            "Deleted here. The key {} stays valid until you delete it at {}",
            quoted(&record.name),
            deletion_page(record)
        )),
        Message::Done { is_only_printed, dashboard } => {
            let name = VariableName::OPENAI;
            let set = if cfg!(windows) {
                format!("$env:{name} = \"<the key above>\"")
            } else {
                format!("export {name}=<the key above>")
            };
            let shown = [
                format!("Shown once. To use it now: `{set}`"),
                "To keep it: `keymint import --keyring`, or `keymint import --env-file`".to_owned(),
            ];
            let is_shown = *is_only_printed && io::stdout().is_terminal();
            let shown = shown.into_iter().filter(|_| is_shown);
            let delete_it = dashboard.map(|dashboard| format!("To delete it: {dashboard}"));
            return shown.chain(delete_it).map(Step).collect();
        }
        Message::Revocation(RevocationOutcome::Revoked) => {
            Detail("Revoked the refresh token of this sign-in.".to_owned())
        }
        Message::Revocation(RevocationOutcome::Failed(error)) => {
            Detail(format!("The refresh token of this sign-in stays valid until it expires: {error}"))
        }
        Message::Revocation(_) => return Vec::new(),
        Message::DryRun { place } => {
            Success(format!("Dry run complete: the key would be created in {place}. No key was created."))
        }
        Message::Forgotten { profile, last_four, is_revoked, record } => {
            let which =
                last_four.map_or_else(String::new, |last_four| format!(", which ends in {last_four},"));
            let valid = if *is_revoked {
                String::new()
            } else {
                let page = record.map_or(DASHBOARD, deletion_page);
                format!(" It stays valid on the server until you delete it: {page}")
            };
            Success(format!("Removed the key of the profile {profile}{which} from the keyring.{valid}"))
        }
        Message::NothingToForget { profile } => {
            Step(format!("The keyring has nothing for the profile {profile}."))
        }
        Message::NoKeyStored => Prose("No key is stored yet; signing in to create one.".to_owned()),
        Message::AskingForKey => Prose("Paste the key, which is not shown, and press Enter:".to_owned()),
        Message::KeyRead { name, last_four } => {
            Step(format!("Read the key {}, ending in {last_four}.", quoted(name)))
        }
        Message::Exported(format) => {
            return of_export(*format).map_or_else(Vec::new, |command| {
                vec![Step("A program gets that line like this:".to_owned()), Command(command.to_owned())]
            });
        }
        Message::Revoked { key, is_gone } => {
            let [title, _] = describe_key(&key.key, false);
            let done = if *is_gone { "was deleted already" } else { "is revoked" };
            Success(format!("The key {title} ({}) {done}.", key.key.id))
        }
        #[cfg(feature = "sandbox")]
        Message::SandboxUp => Step(
            "The sandbox is running; Ctrl-C stops it. To use it, paste this line in another POSIX shell, and add \
             `keymint create` at its end:"
                .to_owned(),
        ),
        #[cfg(feature = "sandbox")]
        Message::SandboxDown { requests, keys } => Step(format!("Requests: {requests}. Keys made: {keys}.")),
    };
    vec![text]
}

fn of_event(event: &Event) -> Vec<Text> {
    use Text::{Detail, Status, Warning};
    vec![match event {
        Event::CodeExchanged => Detail("The authorization server has granted access.".to_owned()),
        Event::SignedIn => Detail("The platform has opened a session.".to_owned()),
        Event::WaitingForProject { observed: Observation::NotOnboarded { .. }, retry_in } => {
            let wait = human_duration(*retry_in);
            return vec![
                Warning(
                    "your account is not set up yet. Open https://platform.openai.com/ in a browser, sign in with \
                     the same account, and complete the setup; keymint keeps waiting"
                        .to_owned(),
                ),
                Status(format!("Waiting until your account is set up; checking again in {wait}.")),
            ];
        }
        Event::WaitingForProject { observed, retry_in } => Status(format!(
            "Your default project does not exist yet: {observed}. A new account takes a while; checking again in {}.",
            human_duration(*retry_in)
        )),
        Event::OrganizationSkipped { id, kind, .. } => {
            Warning(format!("the projects of organization {id} could not be read, so it is skipped: {kind}"))
        }
        Event::ListIncomplete { step, skipped, cut } => {
            let skipped =
                (*skipped > 0).then(|| Warning(format!("{step}: skipped {skipped} without a usable id")));
            let cut = cut.then(|| Warning(format!("{step}: there are more than were read")));
            return skipped.into_iter().chain(cut).collect();
        }
        Event::Retrying { step, kind, after, .. } => {
            Status(format!("Retrying in {}: {step} failed, {kind}.", human_duration(*after)))
        }
        Event::TargetSkipped(candidate) => {
            let flag = if candidate.project.is_some() { "--project" } else { "--organization" };
            Warning(format!(
                "skipped {}, where user API keys are disabled; name it with {flag} to use it anyway",
                describe_candidate(candidate)
            ))
        }
        Event::TargetSelected(target) => Detail(format!("Found {}.", describe_target(target))),
        _ => return Vec::new(),
    }]
}

/// Returns a command that uses an exported line.
fn of_export(format: ExportFormat) -> Option<&'static str> {
    Some(match format {
        ExportFormat::Sh => r#"eval "$(keymint export)""#,
        ExportFormat::Fish => "keymint export --format fish | source",
        ExportFormat::PowerShell => "keymint export --format powershell | Invoke-Expression",
        ExportFormat::Cmd => r#"for /f "delims=" %i in ('keymint export --format cmd') do @%i"#,
        ExportFormat::Json => "keymint export --format json | jq -r .OPENAI_API_KEY",
        ExportFormat::GitHub => r#"keymint export --format github >> "$GITHUB_ENV""#,
        ExportFormat::Docker => "docker run --env-file <(keymint export --format docker) IMAGE",
        ExportFormat::Dotenv => return None,
    })
}

/// Returns a text around a line of standard output if both are on a terminal.
fn beside_output(text: Text) -> Option<Text> {
    (io::stdout().is_terminal() && io::stderr().is_terminal()).then_some(text)
}

/// Returns the place of the key, with the next step of the user.
fn of_delivery(to: &DeliveredTo<'_>) -> Vec<Text> {
    let text = match to {
        DeliveredTo::EnvFile { path, variable, warnings } => {
            let saved = Text::Success(format!("Saved to {} as {variable}", own_path(path)));
            let warnings = warnings.iter().cloned().map(Text::Warning);
            return [saved].into_iter().chain(warnings).collect();
        }
        DeliveredTo::Keyring { profile_flag, .. } => {
            format!("Saved to the keyring. Use it: `keymint run{profile_flag} -- CMD`")
        }
        DeliveredTo::Command { name } => format!("Passed to {}", quoted(name)),
        DeliveredTo::Clipboard { is_confirmed: true } => {
            "Copied to the clipboard. Programs that record its history may keep the key.".to_owned()
        }
        DeliveredTo::Clipboard { is_confirmed: false } => {
            "Asked your terminal to copy it to the clipboard, which not every terminal does. Programs that record the \
             clipboard's history may keep the key."
                .to_owned()
        }
        DeliveredTo::StandardOutput => return beside_output(Text::Gap).into_iter().collect(),
    };
    vec![Text::Success(text)]
}
