//! The sources of an option's value: its flag, else its environment variable, else the configuration file, else its
//! default.

use super::Profile;
use super::file;
use super::file::parser::FileSettings;
use super::options::{DEFINITIONS, Kind};
use crate::args::OutputArgs;
use crate::args::values::switch;
use crate::error::CliError;
use crate::os::env::Environment;
use keymint_delivery_adapter::VariableName;
use keymint_host::Caller;
use std::fmt::Display;
use std::path::PathBuf;

/// The options of a run. Each has a flag, a variable with the prefix `KEYMINT_`, and, if that is useful, a key in
/// the configuration file.
#[derive(Clone)]
pub(crate) struct Sources<'a> {
    pub(crate) environment: &'a dyn Environment,
    /// The path of the configuration file, which need not exist.
    pub(crate) file: Option<PathBuf>,
    pub(crate) profile: Profile,
    pub(super) of_file: FileSettings,
}

/// The value of an option without its flag.
pub(crate) struct Given {
    pub(crate) value: String,
    pub(crate) source: Source,
}

/// The rank of the source of a value. A later one overrides the earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    File,
    Profile,
    Variable,
    Flag,
}

/// The source of a value.
pub(crate) enum Source {
    Variable(String),
    File {
        path: PathBuf,
        line: usize,
        /// The profile whose table has the value. `None` if it is before all tables.
        profile: Option<Profile>,
    },
}

impl Source {
    fn rank(&self) -> Rank {
        match self {
            Self::Variable(_) => Rank::Variable,
            Self::File { profile: Some(_), .. } => Rank::Profile,
            Self::File { profile: None, .. } => Rank::File,
        }
    }

    /// Returns the subject of an error about the value of an option.
    pub(crate) fn about(&self, name: &str) -> String {
        match self {
            Self::Variable(variable) => variable.clone(),
            Self::File { path, line, .. } => {
                format!("{}, line {line}: {}", path.display(), name.replace('-', "_"))
            }
        }
    }
}

impl<'a> Sources<'a> {
    /// Reads flags and variables only.
    pub(crate) fn without_file(environment: &'a dyn Environment) -> Self {
        Self { environment, file: None, profile: Profile::default(), of_file: FileSettings::default() }
    }

    /// Reads the configuration file as well, if it exists. A flag may name the profile.
    pub(crate) fn read(environment: &'a dyn Environment, profile: &Option<String>) -> Result<Self, CliError> {
        let file = file::path();
        let text = file.as_deref().map(file::read).transpose()?.flatten();
        Self::with_file(environment, file, text.as_deref(), profile)
    }

    pub(super) fn with_file(
        environment: &'a dyn Environment,
        file: Option<PathBuf>,
        text: Option<&str>,
        profile: &Option<String>,
    ) -> Result<Self, CliError> {
        let mut sources = Self::without_file(environment);
        sources.profile = sources.get("profile", profile, Profile::parse)?.unwrap_or_default();
        sources.file = file;
        if let (Some(path), Some(text)) = (&sources.file, text) {
            sources.of_file = FileSettings::parse(path, text, &sources.profile)?;
        }
        Ok(sources)
    }

    /// Returns the output options.
    pub(super) fn output(&self, flags: OutputArgs) -> Result<OutputArgs, CliError> {
        Ok(OutputArgs {
            json: self.switch("json", flags.json)?,
            events: self.switch("events", flags.events)?,
            quiet: self.switch_unless("quiet", flags.quiet, &[("verbose", flags.verbose)])?,
            verbose: self.switch_unless("verbose", flags.verbose, &[("quiet", flags.quiet)])?,
        })
    }

    /// Returns whether the configuration file has a table of this profile.
    pub(crate) fn profile_is_defined(&self) -> bool {
        self.of_file.is_defined
    }

    /// Returns the value of an option, if a variable or the file has one.
    pub(crate) fn raw(&self, name: &str) -> Result<Option<Given>, CliError> {
        let variable = variable(name);
        if let Some(value) = self.environment.get(&variable)? {
            return Ok(Some(Given { value, source: Source::Variable(variable) }));
        }
        let Some((path, value)) = self.file.as_ref().zip(self.of_file.get(name)) else { return Ok(None) };
        let source = Source::File {
            path: path.clone(),
            line: value.line,
            profile: value.of_profile.then(|| self.profile.clone()),
        };
        Ok(Some(Given { value: value.text.clone(), source }))
    }

    /// Returns the value of an option, if any source has one. No error repeats the value, which may be a mistyped
    /// secret.
    pub(super) fn get<T, E: Display>(
        &self,
        name: &str,
        flag: &Option<String>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, CliError> {
        if let Some(value) = flag {
            return parse(value).map(Some).map_err(|error| CliError::usage(format!("--{name}: {error}")));
        }
        let Some(Given { value, source }) = self.raw(name)? else { return Ok(None) };
        parse(&value).map(Some).map_err(|error| CliError::usage(format!("{}: {error}", source.about(name))))
    }

    /// Replaces the default of an option, if any source has a value.
    pub(super) fn override_default<T, E: Display>(
        &self,
        setting: &mut T,
        name: &str,
        flag: &Option<String>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<(), CliError> {
        if let Some(value) = self.get(name, flag, parse)? {
            *setting = value;
        }
        Ok(())
    }

    /// Returns whether a switch is on, by its flag or another source.
    pub(crate) fn switch(&self, name: &str, flag: bool) -> Result<bool, CliError> {
        Ok(flag || self.is_set(name)?)
    }

    /// Returns whether a switch is on without its flag.
    pub(super) fn is_set(&self, name: &str) -> Result<bool, CliError> {
        Ok(self.get(name, &None, switch)?.unwrap_or(false))
    }

    /// Returns whether a switch is on, and no stronger source sets an option that contradicts it. Each of these options
    /// has its name and whether its flag is given.
    pub(super) fn switch_unless(
        &self,
        name: &str,
        flag: bool,
        contradictions: &[(&str, bool)],
    ) -> Result<bool, CliError> {
        let rank = self.rank(name, flag)?;
        let stronger = contradictions.iter().map(|&(other, flag)| Ok(self.rank(other, flag)? > rank));
        Ok(rank.is_some() && !stronger.collect::<Result<Vec<_>, CliError>>()?.contains(&true))
    }

    /// Returns the rank of the source that sets an option, if any does. A switch that is off is not set.
    fn rank(&self, name: &str, flag: bool) -> Result<Option<Rank>, CliError> {
        if flag {
            return Ok(Some(Rank::Flag));
        }
        let is_switch = DEFINITIONS.iter().any(|it| it.name == name && it.kind == Kind::Switch);
        if is_switch && !self.is_set(name)? {
            return Ok(None);
        }
        Ok(self.raw(name)?.map(|given| given.source.rank()))
    }

    /// Returns whether the user may be asked.
    pub(crate) fn may_ask(&self, no_input: bool) -> Result<bool, CliError> {
        Ok(!self.switch("no-input", no_input)?)
    }

    /// Returns the agent or CI system that runs this program, unless a variable (`KEYMINT_AGENT`, `KEYMINT_CI`)
    /// denies it.
    pub(crate) fn caller(
        &self,
        kind: &str,
        find: fn() -> Option<Caller>,
    ) -> Result<Option<Caller>, CliError> {
        let is_denied = self.get(kind, &None, switch)? == Some(false);
        Ok(if is_denied { None } else { find() })
    }

    /// Returns the variable in which programs look for a key.
    pub(crate) fn key_variable(&self, flag: &Option<String>) -> Result<VariableName, CliError> {
        Ok(self.get("var", flag, VariableName::parse)?.unwrap_or_default())
    }
}

/// Returns the environment variable of an option.
pub(crate) fn variable(name: &str) -> String {
    format!("KEYMINT_{}", name.replace('-', "_").to_ascii_uppercase())
}
