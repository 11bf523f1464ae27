//! The destinations of a run. They are checked before the sign-in, with the necessary questions to the user.

use crate::config::{Destinations, EnvFileOptions, KeyringOptions, Profile};
use crate::error::CliError;
use crate::explain::delivery as explain;
use crate::flow::context::Context;
use crate::ui::format::{describe_item, own_path, profile_flag, shown};
use crate::ui::message::DeliveredTo;
use crate::ui::prompter::Prompter;
use keymint_delivery_adapter::{
    Clipboard, Command, Current, EnvFile, FileLocation, FoundEnvFile, KeyRecord, Keyring, Overwrite,
    StoredItem, Warning,
};
use keymint_domain::{ApiKey, DeliveryError, KeyDestination};
use keymint_host::coding_agent;
use keymint_host::core_dumps::with_inherited_limit;

/// A destination that is ready for the key.
pub(crate) enum Destination<'a> {
    /// The file, and the reasons why others may get its content, which are repeated after the delivery.
    EnvFile(EnvFile, Vec<String>),
    Keyring(Keyring, Profile),
    Command(Command<'a>),
    Clipboard(Clipboard),
}

impl<'a> Destination<'a> {
    /// Checks and reserves all destinations: everything that can fail without the key.
    pub(crate) async fn reserve_all(
        context: &Context,
        destinations: &Destinations,
        prompter: Prompter<'a>,
    ) -> Result<Vec<Self>, CliError> {
        let mut reserved = Vec::new();
        let replaces = destinations.replaces.as_ref();
        for options in &destinations.env_files {
            let (file, warnings) = env_file(options, replaces, prompter).await?;
            reserved.push(Self::EnvFile(file, warnings));
        }
        if let Some(options) = &destinations.keyring {
            let keyring = keyring(context, options, replaces, prompter).await?;
            reserved.push(Self::Keyring(keyring, options.profile.clone()));
        }
        if let Some(command) = &destinations.pipe_to {
            let command = Command::parse(command).map_err(|error| explain::command(&error))?;
            let command = command.on_output(move |line| prompter.relay(line));
            reserved.push(Self::Command(command.around_spawn(|spawn| with_inherited_limit(spawn))));
        }
        if destinations.copy {
            let agent = context.sources.caller("agent", coding_agent)?;
            let clipboard = Clipboard::find(agent.is_some() && !destinations.print).await;
            let clipboard = clipboard.map_err(|error| explain::clipboard(&error))?;
            reserved.push(Self::Clipboard(clipboard.around_spawn(|spawn| with_inherited_limit(spawn))));
        }
        Ok(reserved)
    }

    pub(crate) fn port(&self) -> &dyn KeyDestination {
        match self {
            Self::EnvFile(file, _) => file,
            Self::Keyring(keyring, _) => keyring,
            Self::Command(command) => command,
            Self::Clipboard(clipboard) => clipboard,
        }
    }

    pub(crate) async fn deliver(&mut self, key: &ApiKey) -> Result<(), DeliveryError> {
        match self {
            Self::EnvFile(file, _) => file.deliver(key).await,
            Self::Keyring(keyring, _) => keyring.deliver(key).await,
            Self::Command(command) => command.deliver(key).await,
            Self::Clipboard(clipboard) => clipboard.deliver(key).await,
        }
    }

    /// Returns the destination for a message after the delivery.
    pub(crate) fn delivered_to(&self) -> DeliveredTo<'_> {
        match self {
            Self::EnvFile(file, warnings) => {
                DeliveredTo::EnvFile { path: file.path(), variable: file.variable().as_str(), warnings }
            }
            Self::Keyring(_, profile) => {
                DeliveredTo::Keyring { profile: profile.as_str(), profile_flag: profile_flag(profile) }
            }
            Self::Command(command) => DeliveredTo::Command { name: command.name() },
            Self::Clipboard(clipboard) => DeliveredTo::Clipboard { is_confirmed: clipboard.is_confirmed() },
        }
    }
}

/// Reserves a dotenv file. Also returns the reasons why others may get its content. The key of the record `replaces` is
/// replaced without a question.
async fn env_file(
    options: &EnvFileOptions,
    replaces: Option<&KeyRecord>,
    prompter: Prompter<'_>,
) -> Result<(EnvFile, Vec<String>), CliError> {
    let error = |error| explain::env_file(&error, replaces.is_some());
    let location = FileLocation::find(&options.path).await.map_err(error)?;
    if let Some(link) = location.followed_link() {
        let link = shown(link);
        prompter.warn(&format!("{link} is a link: {location} is the file that will change"));
    }
    if !location.try_lock().map_err(error)? {
        prompter.warn(&format!("another keymint run is writing {location}; waiting up to 10 s"));
    }
    let found = location.inspect(options.variable.clone()).await.map_err(error)?;
    let mut repeated = Vec::new();
    for warning in found.warnings() {
        let text = explain::env_file_warning(found.path(), warning);
        prompter.warn(&text);
        repeated.extend(matches!(warning, Warning::ReadableByOthers { .. }).then_some(text));
    }
    let git = explain::git(&found, options.allow_tracked)?;
    if let Some(warning) = &git {
        prompter.warn(warning);
    }
    let overwrite = if options.force {
        Overwrite::Always
    } else if replaces.zip(found.key()).is_some_and(|(old, key)| old.is_of(&key)) {
        Overwrite::IfUnchanged
    } else {
        consent_to_replace_value(&found, prompter).await?
    };
    repeated.extend(git);
    Ok((found.reserve(overwrite).map_err(error)?, repeated))
}

/// Asks the user whether an existing value may be lost.
async fn consent_to_replace_value(
    found: &FoundEnvFile,
    prompter: Prompter<'_>,
) -> Result<Overwrite, CliError> {
    let Current::One(lines) = found.current() else { return Ok(Overwrite::Never) };
    let (file, variable) = (own_path(found.path()), found.variable().as_str());
    let question =
        format!("{file} already has {variable} ({lines}). Replace the value and lose the old one?");
    match prompter.confirm(question).await {
        Some(true) => Ok(Overwrite::IfUnchanged),
        Some(false) => Err(explain::unusable(format!(
            "{}: {variable} already has a value ({lines}), and you chose to keep it",
            shown(found.path())
        ))
        .hint("Name another variable with --var, or another file.")),
        None => Ok(Overwrite::Never),
    }
}

async fn keyring(
    context: &Context,
    options: &KeyringOptions,
    replaces: Option<&KeyRecord>,
    prompter: Prompter<'_>,
) -> Result<Keyring, CliError> {
    let KeyringOptions { profile, new } = options;
    let error = |error| explain::keyring(&error);
    let found = context.patiently(Keyring::inspect(profile.as_str())).await.map_err(error)?;
    let is_replaced =
        matches!(found.current(), StoredItem::Key(key) if replaces.is_some_and(|old| old.is_of(key)));
    let overwrite = match describe_item(found.current()) {
        _ if *new => Overwrite::Always,
        _ if is_replaced => Overwrite::IfUnchanged,
        None => Overwrite::Never,
        Some(item) => {
            let state = format!("the keyring has {item} for the profile {profile}");
            consent_to_replace_key(&state, replaces.is_some(), prompter).await?
        }
    };
    context.patiently(found.reserve(overwrite)).await.map_err(error)
}

/// Asks the user whether an existing key is replaced, since it may still be valid.
async fn consent_to_replace_key(
    state: &str,
    is_rotation: bool,
    prompter: Prompter<'_>,
) -> Result<Overwrite, CliError> {
    let question = format!("warning: {state}. Replace it?");
    let message = match prompter.confirm(question).await {
        Some(true) => return Ok(Overwrite::IfUnchanged),
        Some(false) => format!("{state}, and you chose to keep it"),
        None => state.to_owned(),
    };
    Err(explain::unusable(message).hint(if is_rotation {
        explain::NOT_THE_OLD_KEY
    } else {
        "`keymint run` uses the stored key. --force replaces it, and --profile stores the new key under another profile."
    }))
}
