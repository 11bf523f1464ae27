//! The destinations of a key. They are checked, and the user agrees to a replacement, before the user signs in.

use crate::call::Call;
use crate::dialog::Answer;
use crate::failure::Failure;
use crate::roots::Roots;
use keymint_delivery_adapter::{
    Current, DeliveryRecord, EnvFile, FileLocation, FoundEnvFile, GitStatus, Keyring, Overwrite, Profile,
    StoredItem, VariableName, Warning,
};
use keymint_domain::text::escape;
use keymint_domain::{ApiKey, DeliveryError, KeyDestination};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The file in which programs look for the key, in their working directory.
pub(crate) const ENV_FILE: &str = ".env";

/// The kind of a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DestinationKind {
    EnvFile,
    Keyring,
}

/// A destination as the arguments of a call name it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Requested<'a> {
    pub(crate) kind: DestinationKind,
    pub(crate) path: Option<&'a str>,
    pub(crate) variable: Option<&'a str>,
}

/// A checked destination that is ready for the key.
#[derive(Debug)]
pub(crate) enum Destination {
    EnvFile(EnvFile),
    Keyring(Keyring, Profile),
}

/// A destination that has the key, or had it.
#[derive(Debug, Serialize)]
pub(crate) struct DeliveredTo {
    /// `env_file` or `keyring`. The key of a command can have another kind of destination.
    kind: String,
    /// The absolute path of the file.
    path: Option<String>,
    /// The variable in the file.
    variable: Option<String>,
    /// The profile in the keyring.
    profile: Option<String>,
}

impl From<&DeliveryRecord> for DeliveredTo {
    fn from(delivery: &DeliveryRecord) -> Self {
        Self {
            kind: escape(delivery.kind()),
            path: delivery.file().map(shown),
            variable: delivery.variable.as_deref().map(escape),
            profile: delivery.profile.as_deref().map(escape),
        }
    }
}

impl Requested<'_> {
    /// Checks and reserves the destination: everything that can fail without the key. Also returns warnings.
    pub(crate) async fn reserve(self, call: &Call) -> Result<(Destination, Vec<String>), Failure> {
        match self.kind {
            DestinationKind::EnvFile => self.env_file(call).await,
            DestinationKind::Keyring if self.path.is_some() || self.variable.is_some() => {
                Err(Failure::usage("`path` and `variable` are for the destination `env_file`"))
            }
            DestinationKind::Keyring => Ok((keyring(call).await?, Vec::new())),
        }
    }

    async fn env_file(self, call: &Call) -> Result<(Destination, Vec<String>), Failure> {
        let variable = match self.variable {
            Some(name) => {
                VariableName::parse(name).map_err(|error| Failure::usage(format!("`variable`: {error}")))?
            }
            None => call.settings.variable.clone(),
        };
        let roots = Roots::of(call).await?;
        let location = FileLocation::find(roots.resolve(self.path.unwrap_or(ENV_FILE))).await?;
        // A symbolic link may have been put into the path while the path was resolved.
        roots.check(&location.current_path())?;
        let found = location.inspect(variable).await?;
        let mut warnings: Vec<_> =
            found.warnings().iter().map(|warning| in_words(found.path(), warning)).collect();
        warnings.extend(git(&found)?);
        let overwrite = consent_to_replace_value(call, &found).await?;
        Ok((Destination::EnvFile(found.reserve(overwrite)?), warnings))
    }
}

/// Asks the user before a value is replaced, since the old value will be lost.
async fn consent_to_replace_value(call: &Call, found: &FoundEnvFile) -> Result<Overwrite, Failure> {
    let Current::One(lines) = found.current() else { return Ok(Overwrite::Never) };
    let (file, variable) = (shown(found.path()), found.variable().as_str());
    let question = format!(
        "{file} already sets {variable} ({lines}). Replace its value with a new API key? The old value will be lost."
    );
    match call.dialog.confirm(question).await {
        Answer::Yes => Ok(Overwrite::IfUnchanged),
        Answer::No => Err(Failure::unusable(
            format!("{file} already sets {variable} ({lines}), and the user wants to keep the value"),
            "Use the existing value, or name another variable or file.",
        )),
        Answer::Missing => Ok(Overwrite::Never),
    }
}

async fn keyring(call: &Call) -> Result<Destination, Failure> {
    let profile = &call.settings.profile;
    let found = Keyring::inspect(profile.as_str()).await?;
    let item = match found.current() {
        StoredItem::Nothing => None,
        StoredItem::Key(key) => Some(format!("a key ending in {}", key.last_four())),
        StoredItem::NoKey(_) => Some("an item that is not a key".to_owned()),
    };
    let overwrite = match item {
        None => Overwrite::Never,
        Some(item) => {
            let state = format!("the keyring has {item} for the profile {profile}");
            match call.dialog.confirm(format!("Warning: {state}. Create a new key in its place?")).await {
                Answer::Yes => Overwrite::IfUnchanged,
                Answer::No => {
                    let message = format!("{state}, and the user wants to keep it");
                    return Err(Failure::unusable(
                        message,
                        "Use the existing key, or the destination `env_file`.",
                    ));
                }
                Answer::Missing => Overwrite::Never,
            }
        }
    };
    Ok(Destination::Keyring(found.reserve(overwrite).await?, profile.clone()))
}

/// Ensures that git does not publish the key. Returns a warning, if there is one.
fn git(file: &FoundEnvFile) -> Result<Option<String>, Failure> {
    let path = shown(file.path());
    Ok(match file.git() {
        GitStatus::Tracked => {
            return Err(Failure::unusable(
                format!("git tracks {path}, and would publish the key"),
                "Name a file that git ignores, or untrack this one (`git rm --cached`).",
            ));
        }
        GitStatus::Untracked => {
            let line = file.gitignore_line();
            Some(format!("git does not ignore {path}: add the line {line} to .gitignore"))
        }
        GitStatus::Unknown(why) => Some(format!("cannot determine whether git ignores {path}: {why}")),
        _ => None,
    })
}

/// Returns a warning about a dotenv file, in words for the user.
fn in_words(file: &Path, warning: &Warning) -> String {
    let file = shown(file);
    match warning {
        Warning::LeftBehind { path, .. } => {
            format!("{} is left from a run that was killed, and may contain a key", shown(path))
        }
        Warning::HardLink => format!("{file} has another hard link, which keeps the old content"),
        Warning::ReadableByOthers { mode } | Warning::NoModes { mode } => {
            format!("other users can read {file} (mode {mode:03o})")
        }
        Warning::TakenLiterally(lines) => format!(
            "{file} has quotes or a comment in {lines}: `docker run --env-file` treats them as part of the key"
        ),
        _ => format!("{file}: {warning:?}"),
    }
}

pub(crate) fn shown(path: &Path) -> String {
    escape(&path.to_string_lossy())
}

impl Destination {
    pub(crate) fn port(&self) -> &dyn KeyDestination {
        match self {
            Self::EnvFile(file) => file,
            Self::Keyring(keyring, _) => keyring,
        }
    }

    pub(crate) async fn deliver(&mut self, key: &ApiKey) -> Result<(), DeliveryError> {
        match self {
            Self::EnvFile(file) => file.deliver(key).await,
            Self::Keyring(keyring, _) => keyring.deliver(key).await,
        }
    }

    pub(crate) fn delivered_to(&self) -> DeliveredTo {
        match self {
            Self::EnvFile(file) => DeliveredTo {
                kind: "env_file".to_owned(),
                path: Some(shown(&file.path())),
                variable: Some(file.variable().as_str().to_owned()),
                profile: None,
            },
            Self::Keyring(_, profile) => DeliveredTo {
                kind: "keyring".to_owned(),
                path: None,
                variable: None,
                profile: Some(profile.to_string()),
            },
        }
    }

    /// Returns the destination as a part of a sentence.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::EnvFile(file) => format!("{} as {}", shown(&file.path()), file.variable().as_str()),
            Self::Keyring(_, profile) => format!("the keyring (profile {profile})"),
        }
    }
}
