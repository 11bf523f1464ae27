//! Where the value of an option comes from, and what it may be.

use super::config_file;
use super::profile::{self, Profile, check_name};
use crate::args::values::switch;
use crate::error::CliError;
use crate::os::env::Environment;
use std::fmt::Display;
use std::path::PathBuf;

/// The options of a run. Each has a flag, a variable with `KEYMINT_` before its name, and, where
/// that makes sense, a key in the configuration file.
pub(crate) struct Sources<'a> {
    pub(super) environment: &'a dyn Environment,
    /// Where the configuration file is, whether or not it is there.
    pub(crate) file: Option<PathBuf>,
    /// The name of the profile.
    pub(crate) profile: String,
    pub(super) of_file: Profile,
}

/// The value of an option that no flag gives.
pub(crate) struct Given {
    pub(crate) value: String,
    pub(crate) source: Source,
}

/// Where a value comes from.
pub(crate) enum Source {
    Variable(String),
    File {
        path: PathBuf,
        line: usize,
        /// In whose table it stands, if not before all tables.
        profile: Option<String>,
    },
}

impl Source {
    /// For a complaint about the value of an option.
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
    /// Flags and variables alone.
    pub(crate) fn without_file(environment: &'a dyn Environment) -> Self {
        Self { environment, file: None, profile: profile::DEFAULT.to_owned(), of_file: Profile::default() }
    }

    /// With the configuration file, as far as it is there. A flag may name the profile.
    pub(crate) fn read(environment: &'a dyn Environment, profile: &Option<String>) -> Result<Self, CliError> {
        let file = config_file::path();
        let text = file.as_deref().map(config_file::read).transpose()?.flatten();
        Self::with_file(environment, file, text.as_deref(), profile)
    }

    pub(super) fn with_file(
        environment: &'a dyn Environment,
        file: Option<PathBuf>,
        text: Option<&str>,
        profile: &Option<String>,
    ) -> Result<Self, CliError> {
        let mut options = Self { file, ..Self::without_file(environment) };
        options.set_profile(profile)?;
        if let (Some(path), Some(text)) = (&options.file, text) {
            options.of_file = Profile::parse(path, text, &options.profile)?;
        }
        Ok(options)
    }

    fn set_profile(&mut self, flag: &Option<String>) -> Result<(), CliError> {
        if let Some(name) = self.get("profile", flag, check_name)? {
            self.profile = name;
        }
        Ok(())
    }

    /// Whether the configuration file has a table of this profile.
    pub(crate) fn profile_is_defined(&self) -> bool {
        self.of_file.is_defined
    }

    /// The value of an option, if a variable or the file gives one.
    pub(crate) fn raw(&self, name: &str) -> Result<Option<Given>, CliError> {
        let variable = variable(name);
        if let Some(value) = self.environment.get(&variable)? {
            return Ok(Some(Given { value, source: Source::Variable(variable) }));
        }
        let Some((path, value)) = self.file.as_ref().zip(self.of_file.values.get(name)) else {
            return Ok(None);
        };
        let source = Source::File {
            path: path.clone(),
            line: value.line,
            profile: value.of_profile.then(|| self.profile.clone()),
        };
        Ok(Some(Given { value: value.text.clone(), source }))
    }

    /// The value of an option, if it is given anywhere. No message repeats the value: what is
    /// mistyped may be a secret.
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

    /// The same for an option that has a default.
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

    /// Whether something that is off by default is switched on.
    pub(crate) fn is_set(&self, name: &str) -> Result<bool, CliError> {
        Ok(self.get(name, &None, switch)?.unwrap_or(false))
    }
}

pub(super) fn variable(name: &str) -> String {
    format!("KEYMINT_{}", name.replace('-', "_").to_ascii_uppercase())
}
