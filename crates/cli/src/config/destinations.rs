//! Where the key is wanted.

use super::options::Sources;
use crate::args::DestinationArgs;
use crate::args::values::plain_text;
use crate::error::CliError;
use keymint_delivery_adapter::VariableName;
use std::path::PathBuf;

/// The destinations that were asked for, and how far each may go.
#[derive(Debug, Clone, Default)]
pub(crate) struct Destinations {
    pub(crate) env_file: Option<EnvFileOptions>,
    pub(crate) keyring: Option<KeyringOptions>,
    /// The command, as it was given.
    pub(crate) pipe_to: Option<String>,
    pub(crate) copy: bool,
    pub(crate) print: bool,
}

/// A dotenv file.
#[derive(Debug, Clone)]
pub(crate) struct EnvFileOptions {
    pub(crate) path: PathBuf,
    pub(crate) variable: VariableName,
    /// Whether another value may be replaced.
    pub(crate) force: bool,
    /// Whether git may track the file.
    pub(crate) allow_tracked: bool,
}

/// An item of the keyring.
#[derive(Debug, Clone)]
pub(crate) struct KeyringOptions {
    pub(crate) profile: String,
    /// Whether a key that is there may be replaced.
    pub(crate) new: bool,
}

impl Destinations {
    pub(super) fn resolve(args: &DestinationArgs, of: &Sources<'_>) -> Result<Self, CliError> {
        let env_file = match &args.env_file {
            Some(path) => Some(path.clone()),
            None => of.get("env-file", &None, plain_text)?.map(Into::into),
        };
        let variable = of.get("var", &args.var, VariableName::parse)?;
        if args.var.is_some() && env_file.is_none() {
            return Err(CliError::usage("--var names the variable of a file: say which with --env-file"));
        }
        let force = args.force || of.is_set("force")?;
        let allow_tracked = args.allow_tracked || of.is_set("allow-tracked")?;
        let keyring = args.keyring || of.is_set("keyring")?;
        let new = args.new || of.is_set("new")?;
        Ok(Self {
            env_file: env_file.map(|path| EnvFileOptions {
                path: path.into(),
                variable: variable.unwrap_or_default(),
                force,
                allow_tracked,
            }),
            keyring: keyring.then(|| KeyringOptions { profile: of.profile.clone(), new }),
            pipe_to: of.get("pipe-to", &args.pipe_to, plain_text)?,
            copy: args.copy || of.is_set("copy")?,
            print: args.print || of.is_set("print")?,
        })
    }

    /// Whether standard output is to have the key: asked for, or for want of another place.
    pub(crate) fn stdout(&self) -> bool {
        self.print || !self.elsewhere()
    }

    /// The variable that programs look for the key in, if they do so by themselves.
    pub(crate) fn variable(&self) -> Option<&str> {
        match &self.env_file {
            Some(file) => Some(file.variable.as_str()),
            None => (self.stdout() || self.copy).then_some(VariableName::OPENAI),
        }
    }

    /// The profile of the keyring that is to have it.
    pub(crate) fn profile(&self) -> Option<&str> {
        self.keyring.as_ref().map(|keyring| keyring.profile.as_str())
    }

    /// Whether any other place is to have it.
    pub(crate) fn elsewhere(&self) -> bool {
        self.env_file.is_some() || self.keyring.is_some() || self.pipe_to.is_some() || self.copy
    }
}
