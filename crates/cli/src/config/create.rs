//! The settings of a run that creates a key: the sign-in, the key, and its destinations.

use super::Profile;
use super::admin::{AdminSettings, admin_key};
use super::sign_in::SignInSettings;
use super::sources::Sources;
use crate::args::values::{check_local, key_scopes, lifetime, local_name, plain_name, plain_text};
use crate::args::{
    AdminEndpointArgs, BrowserArgs, CreateArgs, DestinationArgs, EndpointArgs, FinishArgs, KeyArgs,
    RestrictionArgs, RotateArgs, ServerTimeoutArgs, ServiceAccountArgs, TargetArgs, TimeoutArgs,
};
use crate::error::{CliError, ErrorKind};
use crate::ui::format::own_path;
use keymint_delivery_adapter::{KeyRecord, Keyring, RecordedKey, VariableName, is_same_file, wall_clock};
use keymint_domain::{KeptReason, KeyScope, Plan};
use keymint_host::{coding_agent, key_name};
use rand::TryRng;
use rand::rngs::SysRng;
#[cfg(feature = "sandbox")]
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

/// The settings of the creation of a key.
pub(crate) struct CreateSettings {
    pub(crate) sign_in: SignInSettings,
    pub(crate) plan: Plan,
    pub(crate) dry_run: bool,
    pub(crate) destinations: Destinations,
    /// True if the user picks the project of the key.
    pub(crate) choose: bool,
    /// True if the new key is checked.
    pub(crate) verify: bool,
    /// The key that the new one replaces.
    pub(crate) rotation: Option<RotationSettings>,
}

/// The key that a new one replaces.
pub(crate) struct RotationSettings {
    pub(crate) old: RecordedKey,
    /// The reason why the old key is not revoked, if it is known before the new key is created.
    pub(crate) kept: Option<KeptReason>,
}

impl CreateSettings {
    pub(crate) fn of_create(args: &CreateArgs, of: &Sources<'_>) -> Result<Self, CliError> {
        let sign_in = SignInSettings::resolve(&args.browser, &args.timeouts, &args.endpoints, of)?;
        let destinations = Destinations::resolve(&args.destinations, of)?;
        Self::resolve(sign_in, &args.key, &args.restrictions, destinations, of)?.with_target(
            &args.target,
            args.browser.no_input,
            of,
        )
    }

    /// Reads the settings of a run that replaces a key, whose destinations [`replace`](Self::replace) adds.
    pub(crate) fn of_rotate(args: &RotateArgs, of: &Sources<'_>) -> Result<Self, CliError> {
        let sign_in = SignInSettings::resolve(&args.browser, &args.timeouts, &args.endpoints, of)?;
        let destinations = Destinations::read(&args.destinations, of)?;
        Self::resolve(sign_in, &args.new_key, &args.restrictions, destinations, of)
    }

    /// Selects the project of the old key, and adds its destinations. Returns its files that no longer exist.
    pub(crate) fn replace(
        &mut self,
        old: &KeyRecord,
        args: &DestinationArgs,
        of: &Sources<'_>,
    ) -> Result<Vec<PathBuf>, CliError> {
        self.plan.selector.organization = Some(old.organization.id.clone());
        self.plan.selector.project = Some(old.project.id.clone());
        self.destinations.add_destinations_of(old, args, of)
    }

    /// Returns the settings of the administrator that revokes the old key, if there is an admin key.
    pub(crate) fn admin(&self, of: &Sources<'_>) -> Result<Option<AdminSettings>, CliError> {
        let SignInSettings { endpoints, http, .. } = &self.sign_in;
        let (api_base, http) = (endpoints.api_base.clone(), http.clone());
        Ok(admin_key(of)?.map(|key| AdminSettings { key, api_base, http, project: None }))
    }

    /// Reads the settings of the second half of a sign-in that began at these endpoints.
    pub(crate) fn of_finish(
        args: &FinishArgs,
        endpoints: &EndpointArgs,
        destinations: Destinations,
        of: &Sources<'_>,
    ) -> Result<Self, CliError> {
        let browser =
            BrowserArgs { no_input: args.no_input, no_revoke: args.no_revoke, ..BrowserArgs::default() };
        let timeouts = TimeoutArgs { servers: args.timeouts.clone(), ..TimeoutArgs::default() };
        let sign_in = SignInSettings::resolve(&browser, &timeouts, endpoints, of)?;
        Self::resolve(sign_in, &args.key, &args.restrictions, destinations, of)?.with_target(
            &args.target,
            args.no_input,
            of,
        )
    }

    /// Reads the settings of a key for the keyring alone. The other settings are those of the environment.
    pub(crate) fn for_keyring(of: &Sources<'_>) -> Result<Self, CliError> {
        let keyring = Some(KeyringOptions { profile: of.profile.clone(), new: false });
        let destinations = Destinations { keyring, ..Destinations::default() };
        Ok(Self { destinations, ..Self::of_create(&CreateArgs::default(), of)? })
    }

    /// Reads the settings of a key of a service account, which needs no sign-in.
    pub(crate) fn of_service_account(args: &ServiceAccountArgs, of: &Sources<'_>) -> Result<Self, CliError> {
        let AdminEndpointArgs { http_timeout, api_base, ca_file } = args.endpoint.clone();
        let browser = BrowserArgs { no_input: args.no_input, ..BrowserArgs::default() };
        let servers = ServerTimeoutArgs { http_timeout, ..ServerTimeoutArgs::default() };
        let timeouts = TimeoutArgs { servers, ..TimeoutArgs::default() };
        let endpoints = EndpointArgs { api_base, ca_file, ..EndpointArgs::default() };
        let sign_in = SignInSettings::resolve(&browser, &timeouts, &endpoints, of)?;
        let destinations = Destinations::resolve(&args.destinations, of)?;
        Self::resolve(sign_in, &args.key, &args.restrictions, destinations, of)
    }

    #[cfg(feature = "sandbox")]
    /// Returns the settings of the demonstration: the sandbox's servers, any free port, and nothing of the
    /// environment.
    pub(crate) fn for_demo(issuer: &str, api_base: &str) -> Result<Self, CliError> {
        let (issuer, api_base) = (Some(issuer.to_owned()), Some(api_base.to_owned()));
        let endpoints = EndpointArgs { issuer, api_base, ..EndpointArgs::default() };
        let args = CreateArgs { endpoints, ..CreateArgs::default() };
        let mut settings = Self::of_create(&args, &Sources::without_file(&HashMap::<&str, &str>::new()))?;
        settings.sign_in.endpoints.callback_port = 0;
        settings.sign_in.is_played = true;
        settings.sign_in.may_ask = false;
        settings.sign_in.persists = false;
        Ok(settings)
    }

    fn resolve(
        sign_in: SignInSettings,
        key: &KeyArgs,
        restrictions: &RestrictionArgs,
        destinations: Destinations,
        of: &Sources<'_>,
    ) -> Result<Self, CliError> {
        let name = of.get("name", &key.name, plain_name)?;
        let random = SysRng.try_next_u64().map_err(CliError::internal)?;
        let name = name.unwrap_or_else(|| key_name(&wall_clock::utc_now(), random));
        let mut plan = sign_in.plan(name);
        plan.key.expires_in = of.get("expires", &restrictions.expires, lifetime)?;
        plan.key.scopes = scopes(restrictions, of)?;
        plan.shortcut = !of.is_set("no-shortcut")?;
        Ok(Self {
            sign_in,
            plan,
            choose: false,
            dry_run: of.switch("dry-run", key.dry_run)?,
            destinations,
            verify: of.switch("verify", key.verify)?,
            rotation: None,
        })
    }

    /// Reads the project of the key. A named one needs no choice, unless a stronger source requests the choice.
    fn with_target(mut self, args: &TargetArgs, no_input: bool, of: &Sources<'_>) -> Result<Self, CliError> {
        let TargetArgs { organization, project, .. } = args;
        let selector = &mut self.plan.selector;
        selector.organization = of.get("organization", organization, plain_text)?;
        selector.project = of.get("project", project, plain_text)?;
        let contradictions = [
            ("organization", organization.is_some()),
            ("project", project.is_some()),
            ("no-input", no_input),
        ];
        self.choose = of.switch_unless("choose", args.choose, &contradictions)?;
        self.plan.shortcut &= !(args.no_shortcut || self.choose);
        Ok(self)
    }
}

/// Returns the permissions of the key. The stronger source of `--scope` and `--read-only` decides.
fn scopes(args: &RestrictionArgs, of: &Sources<'_>) -> Result<Vec<KeyScope>, CliError> {
    let flags = (!args.scope.is_empty()).then(|| args.scope.join(","));
    if of.switch_unless("read-only", args.read_only, &[("scope", flags.is_some())])? {
        return Ok(vec![KeyScope::read_only()]);
    }
    Ok(of.get("scope", &flags, key_scopes)?.unwrap_or_default())
}

/// The requested destinations, and the values that each may replace.
#[derive(Debug, Clone, Default)]
pub(crate) struct Destinations {
    pub(crate) env_files: Vec<EnvFileOptions>,
    pub(crate) keyring: Option<KeyringOptions>,
    /// The command line, not yet parsed.
    pub(crate) pipe_to: Option<String>,
    pub(crate) copy: bool,
    pub(crate) print: bool,
    /// The record of the key that a new one replaces in any of them.
    pub(crate) replaces: Option<KeyRecord>,
}

/// A dotenv file.
#[derive(Debug, Clone)]
pub(crate) struct EnvFileOptions {
    pub(crate) path: PathBuf,
    pub(crate) variable: VariableName,
    /// True if another value may be replaced.
    pub(crate) force: bool,
    /// True if git may track the file.
    pub(crate) allow_tracked: bool,
}

/// An item of the keyring.
#[derive(Debug, Clone)]
pub(crate) struct KeyringOptions {
    pub(crate) profile: Profile,
    /// True if an existing key may be replaced.
    pub(crate) new: bool,
}

impl Destinations {
    pub(crate) fn resolve(args: &DestinationArgs, of: &Sources<'_>) -> Result<Self, CliError> {
        let destinations = Self::read(args, of)?;
        let (has_file, keyring) = (!destinations.env_files.is_empty(), destinations.keyring.is_some());
        let has_profile = keyring || of.profile_is_defined() || of.profile.is_default();
        for (flag, is_given, has_effect, place) in [
            ("--var", args.var.is_some(), has_file, "--env-file"),
            ("--allow-tracked", args.allow_tracked, has_file, "--env-file"),
            ("--force", args.force, has_file || keyring, "--env-file or --keyring"),
            ("--new", args.new, keyring, "--keyring"),
            (
                "--profile",
                args.profile.is_some(),
                has_profile,
                "--keyring or a table in the configuration file",
            ),
        ] {
            if is_given && !has_effect {
                return Err(CliError::usage(format!("{flag} has no effect without {place}")));
            }
        }
        Ok(destinations)
    }

    /// Reads the destinations. Flags without an effect are not an error.
    fn read(args: &DestinationArgs, of: &Sources<'_>) -> Result<Self, CliError> {
        let env_file = match &args.env_file {
            Some(path) => {
                check_local(path).map_err(|error| CliError::usage(format!("--env-file: {error}")))?;
                Some(path.clone())
            }
            None => of.get("env-file", &None, local_name)?.map(Into::into),
        };
        let variable = of.get("var", &args.var, VariableName::parse)?.unwrap_or_default();
        let (force, allow_tracked) =
            (of.switch("force", args.force)?, of.switch("allow-tracked", args.allow_tracked)?);
        let (keyring, new) = (of.switch("keyring", args.keyring)?, of.switch("new", args.new)?);
        Ok(Self {
            env_files: env_file
                .map(|path| EnvFileOptions { path: path.into(), variable, force, allow_tracked })
                .into_iter()
                .collect(),
            keyring: keyring.then(|| KeyringOptions { profile: of.profile.clone(), new: new || force }),
            pipe_to: of.get("pipe-to", &args.pipe_to, local_name)?,
            copy: of.switch("copy", args.copy)?,
            print: of.switch("print", args.print)?,
            replaces: None,
        })
    }

    /// Adds the destinations of a key that a new one replaces. Returns the files among them that no longer exist.
    fn add_destinations_of(
        &mut self,
        record: &KeyRecord,
        args: &DestinationArgs,
        of: &Sources<'_>,
    ) -> Result<Vec<PathBuf>, CliError> {
        let (force, new) = (of.switch("force", args.force)?, of.switch("new", args.new)?);
        let allow_tracked = of.switch("allow-tracked", args.allow_tracked)?;
        let mut gone = Vec::new();
        for delivery in record.current_deliveries().filter(|delivery| delivery.is_traceable()) {
            if let Some(path) = delivery.file().map(Path::to_owned) {
                let looked_up = path.symlink_metadata();
                if looked_up.is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
                    gone.push(path);
                    continue;
                }
                let variable = delivery.variable.as_deref().and_then(|name| VariableName::parse(name).ok());
                let Some(variable) = variable else { continue };
                match self.env_files.iter().find(|file| is_same_file(&file.path, &path)) {
                    None => self.env_files.push(EnvFileOptions { path, variable, force, allow_tracked }),
                    Some(file) if file.variable == variable => {}
                    Some(file) => {
                        return Err(CliError::usage(format!(
                            "the key is in {} as {}, and not as {}",
                            own_path(&path),
                            variable.as_str(),
                            file.variable.as_str()
                        )));
                    }
                }
            } else if delivery.to == Keyring::ID {
                let profile = delivery.profile.as_deref().and_then(|name| Profile::parse(name).ok());
                let Some(profile) = profile else { continue };
                let here = self
                    .keyring
                    .get_or_insert(KeyringOptions { profile: profile.clone(), new: new || force });
                if here.profile != profile {
                    return Err(CliError::usage(format!(
                        "the key is in the keyring for the profile {profile}, and not for {}",
                        here.profile
                    )));
                }
            }
        }
        self.replaces = Some(record.clone());
        Ok(gone)
    }

    /// Fails if no destination is named and a coding agent would get the key in its transcript.
    pub(crate) fn check_transcript(&self, command: &str, of: &Sources<'_>) -> Result<(), CliError> {
        let agent = of.caller("agent", coding_agent)?;
        let Some(agent) = agent.filter(|_| !self.print && !self.elsewhere()) else { return Ok(()) };
        let message = format!(
            "{agent}, and keeps what is printed in its transcript: run `keymint {command} --env-file`, which puts \
             the key into .env here, or `keymint {command} --keyring`"
        );
        let hint = "Add one of them to the command that you ran. --print prints the key into the transcript. \
                    KEYMINT_AGENT=0 says that no agent runs keymint.";
        Err(CliError::new(ErrorKind::Usage, message).hint(hint))
    }

    /// Returns whether standard output gets the key: it was requested, or no other destination was.
    pub(crate) fn stdout(&self) -> bool {
        self.print || !self.elsewhere()
    }

    /// Returns whether any other destination gets the key.
    pub(crate) fn elsewhere(&self) -> bool {
        !self.env_files.is_empty() || self.keyring.is_some() || self.pipe_to.is_some() || self.copy
    }
}
