//! The settings of a run. The value of a setting is that of its flag, else of its environment variable, else of the
//! configuration file, else its default.

mod admin;
mod create;
mod file;
mod import;
mod network;
mod options;
mod sign_in;
mod sources;

use crate::args::OutputArgs;
use crate::error::CliError;
use crate::os::env::ProcessEnvironment;
pub(crate) use admin::AdminSettings;
pub(crate) use create::{CreateSettings, Destinations, EnvFileOptions, KeyringOptions, RotationSettings};
pub(crate) use import::ImportSettings;
pub(crate) use keymint_delivery_adapter::Profile;
pub(crate) use network::{bundle, extra_roots, proxy_settings, roots_file};
pub(crate) use options::{DEFINITIONS, Definition, Kind};
pub(crate) use sign_in::{Endpoints, SignInSettings, resolve_browser};
pub(crate) use sources::{Given, Source, Sources, variable};

/// Reads the sources of this process, and the output options. An error is reported in the format that is known by
/// then.
pub(crate) fn read(
    profile: &Option<String>,
    flags: OutputArgs,
) -> Result<(Sources<'static>, OutputArgs), (CliError, OutputArgs)> {
    let variables =
        Sources::without_file(&ProcessEnvironment).output(flags).map_err(|error| (error, flags))?;
    let sources = Sources::read(&ProcessEnvironment, profile).map_err(|error| (error, variables))?;
    let output = sources.output(flags).map_err(|error| (error, variables))?;
    Ok((sources, output))
}

/// Returns the names of the profiles of the configuration file, if it can be read.
pub(crate) fn profiles_of_file() -> Vec<String> {
    let text = file::path().and_then(|path| file::read(&path).ok().flatten());
    text.map(|text| file::parser::profiles(&text)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::sign_in::REGISTERED_PORT;
    use super::*;
    use crate::args::{Args, Command, CreateArgs};
    use crate::ui::format::of_warning;
    use clap::Parser;
    use keymint_domain::{Client, KeyScope};
    use keymint_host::{Browser, Launcher};
    use std::collections::HashMap;
    use url::Url;

    type Variables = [(&'static str, &'static str)];
    type Outcome = Result<CreateSettings, CliError>;

    pub(super) fn resolve(flags: &[&str], environment: &Variables) -> Outcome {
        with_file(flags, environment, None)
    }

    fn with_file(flags: &[&str], environment: &Variables, text: Option<&str>) -> Outcome {
        let args = Args::try_parse_from([&["keymint", "create"], flags].concat()).unwrap();
        let Command::Create(args) = args.command else { panic!("another command") };
        let environment: HashMap<_, _> = environment.iter().copied().collect();
        let file = Some("/c.toml".into());
        let sources = Sources::with_file(&environment, file, text, &args.destinations.profile)?;
        CreateSettings::of_create(&args, &sources)
    }

    #[test]
    fn the_registered_port_is_that_of_the_registered_redirect_uri() {
        let registered: Url = keymint_domain::REGISTERED_REDIRECT_URI.parse().unwrap();
        assert_eq!(registered.port(), Some(REGISTERED_PORT));
    }

    #[test]
    fn flag_variable_file_and_default_count_in_this_order() {
        let text = "app = \"file\"\noauth_scope = \"file\"\naudience = \"file\"\n[profiles.work]\naudience = \"work\"";
        let environment =
            [("KEYMINT_APP", "variable"), ("KEYMINT_OAUTH_SCOPE", "variable"), ("KEYMINT_AUDIENCE", "")];
        let settings = with_file(&["--app", "flag", "--profile", "work"], &environment, Some(text)).unwrap();
        let CreateSettings { plan, sign_in, .. } = settings;
        let client = sign_in.endpoints.client;
        assert_eq!((&*plan.app, &*client.scope, &*client.audience), ("flag", "variable", "work"));
        assert_eq!(client.client_id, Client::default().client_id);
        let named = with_file(&[], &[("KEYMINT_PROFILE", "work")], Some(text)).unwrap();
        assert_eq!((&*named.plan.app, &*named.sign_in.endpoints.client.audience), ("file", "work"));
    }

    #[test]
    fn a_switch_of_the_file_can_be_turned_off_and_the_loudness_comes_from_one_place() {
        let text = Some("no_browser = true\nverbose = true\nkeyring = true");
        assert_eq!(with_file(&[], &[], text).unwrap().sign_in.browser, Browser::None);
        let off = [("KEYMINT_NO_BROWSER", "0"), ("KEYMINT_KEYRING", "0")];
        let settings = with_file(&[], &off, text).unwrap();
        assert_eq!((settings.sign_in.browser, settings.destinations.stdout()), (Browser::System, true));
        assert!(resolve(&[], &[("KEYMINT_NO_BROWSER", "maybe")]).is_err());
        let environment = HashMap::from([("KEYMINT_JSON", "1"), ("KEYMINT_QUIET", "1")]);
        let sources = Sources::with_file(&environment, Some("/c.toml".into()), text, &None).unwrap();
        let output = sources.output(OutputArgs::default()).unwrap();
        assert!(output.json && output.quiet && !output.events && !output.verbose);
    }

    /// An option of the table that no code reads would be accepted and ignored.
    #[test]
    fn of_two_options_that_contradict_each_other_the_stronger_source_counts() {
        let weaker =
            Some("choose = true\nread_only = true\nno_browser = true\n[profiles.work]\nproject = \"p\"");
        let scope = ("KEYMINT_SCOPE", "api.model.request");
        let named = [("KEYMINT_PROJECT", "off"), scope, ("KEYMINT_BROWSER", "y")];
        let settings = with_file(&[], &named, weaker).unwrap();
        assert!(!settings.choose && settings.plan.shortcut);
        assert_eq!(settings.plan.selector.project.as_deref(), Some("off"));
        assert_eq!(settings.plan.key.scopes, [KeyScope::parse("api.model.request").unwrap()]);
        assert!(matches!(settings.sign_in.browser, Browser::Named(_)));
        for flags in
            [&["--project", "p"][..], &["--organization", "o"], &["--profile", "work"], &["--no-input"]]
        {
            assert!(!with_file(flags, &[], weaker).unwrap().choose, "{flags:?}");
        }

        let stronger = [("KEYMINT_CHOOSE", "1"), ("KEYMINT_READ_ONLY", "1"), ("KEYMINT_NO_BROWSER", "1")];
        let weaker = Some("project = \"p\"\nscope = [\"api.model.request\"]\nbrowser = \"y\"");
        let settings = with_file(&[], &stronger, weaker).unwrap();
        assert!(settings.choose && !settings.plan.shortcut);
        assert_eq!(settings.plan.key.scopes, [KeyScope::read_only()]);
        assert_eq!(settings.sign_in.browser, Browser::None);
    }

    #[test]
    fn a_command_that_never_chooses_needs_no_question_for_it() {
        let environment = HashMap::from([("KEYMINT_CHOOSE", "1"), ("KEYMINT_NO_INPUT", "1")]);
        let sources = Sources::with_file(&environment, None, None, &None).unwrap();
        let args = Args::try_parse_from(["keymint", "rotate"]).unwrap();
        let Command::Rotate(args) = args.command else { panic!("another command") };
        assert!(!CreateSettings::of_rotate(&args, &sources).unwrap().choose);
    }

    #[test]
    fn a_dry_run_that_the_environment_requests_is_one_for_run_as_well() {
        let environment = HashMap::from([("KEYMINT_DRY_RUN", "1")]);
        let sources = Sources::with_file(&environment, None, None, &None).unwrap();
        assert!(CreateSettings::for_keyring(&sources).unwrap().dry_run);
    }

    #[test]
    fn every_option_of_the_table_is_looked_up() {
        for Definition { name, kind, .. } in DEFINITIONS {
            let bad = match kind {
                Kind::Text | Kind::File | Kind::Variable | Kind::Scopes => "a\tb",
                Kind::Command => "'\t",
                _ => "nonsense",
            };
            let variable = sources::variable(name);
            let environment = HashMap::from([(variable.as_str(), bad)]);
            let outcome = Sources::with_file(&environment, None, None, &None).and_then(|sources| {
                sources.output(OutputArgs::default())?;
                // `run` reads this one.
                sources.switch("mask", false)?;
                CreateSettings::of_create(&CreateArgs::default(), &sources)
            });
            let Err(failure) = outcome else { panic!("{name} was accepted") };
            assert!(failure.message().starts_with(&variable), "{}", failure.message());
            assert!(kind.check(bad).is_err(), "{name}");
        }
    }

    #[test]
    fn a_browser_can_be_named_in_three_ways() {
        let by_variable = ("BROWSER", "firefox");
        for (flags, environment, expected) in [
            (&["--browser", "x '%s'"][..], &[by_variable][..], Some("x %s")),
            (&["--browser", "x"], &[("KEYMINT_NO_BROWSER", "1")], Some("x")),
            (&[], &[by_variable, ("KEYMINT_BROWSER", "y")], Some("y")),
            (&[], &[by_variable], Some("firefox")),
            (&["--no-browser"], &[("KEYMINT_BROWSER", "y")], None),
        ] {
            let launcher = expected.map(|command| Launcher::parse(command).unwrap());
            let expected = launcher.map_or(Browser::None, |launcher| Browser::Named(vec![launcher]));
            assert_eq!(resolve(flags, environment).unwrap().sign_in.browser, expected);
        }
    }

    #[test]
    fn a_bad_value_is_reported_with_its_source_and_without_itself() {
        for (flags, environment, expected) in [
            (&["--issuer", "http://canary.example"][..], &[][..], "--issuer: it must begin with https://"),
            (
                &[],
                &[("KEYMINT_API_BASE", "https://u:canary@host")],
                "KEYMINT_API_BASE: it must not contain a user",
            ),
            (&["--callback-port", "0"], &[], "--callback-port: it must be a port"),
            (&["--callback-port", "65536"], &[], "--callback-port: it must be a port"),
            (&["--name", ""], &[], "--name: it must not be empty"),
            (&["--name", "a\nb"], &[], "--name: it must not have control characters"),
            (&["--name", "my sk-proj-canary0123456789"], &[], "--name: it must not have a key in it"),
            (&["--name", "KEY=sk-admin-canary"], &[], "--name: it must not have a key in it"),
            (&["--var", "CANARY"], &[], "--var has no effect without --env-file"),
            (&["--client-id", "canary\tid"], &[], "--client-id: it must not have control characters"),
            (&["--audience", "canary\u{7f}"], &[], "--audience: it must not have control characters"),
            (
                &[],
                &[("KEYMINT_OAUTH_SCOPE", "openid\r\ncanary")],
                "KEYMINT_OAUTH_SCOPE: it must not have control",
            ),
            (&["--issuer", "https://host?canary=1"], &[], "--issuer: it must not"),
            (&["--api-base", "https://host/#canary"], &[], "--api-base: it must not"),
            (&["--sign-in-timeout", "0"], &[], "--sign-in-timeout: it must be longer"),
            (
                &["--sign-in-timeout", "2h"],
                &[],
                "--sign-in-timeout: it must be longer than 0, and at most 1h",
            ),
            (
                &[],
                &[("KEYMINT_HTTP_TIMEOUT", "3601")],
                "KEYMINT_HTTP_TIMEOUT: it must be longer than 0, and at",
            ),
            (&["--browser", "'canary"], &[], "--browser: it has an unclosed quote"),
            (&[], &[("KEYMINT_BROWSER", " ")], "KEYMINT_BROWSER: it must name a program"),
            (&["--http-timeout", "canary"], &[], "--http-timeout: it must be a time"),
            (&[], &[("SSL_CERT_FILE", "/no/such/file")], "SSL_CERT_FILE: /no/such/file cannot be read"),
            #[cfg(unix)]
            (&["--ca-file", "/dev/zero"], &[], "--ca-file: /dev/zero cannot be read: it is not a file"),
            (&[], &[("HTTPS_PROXY", "::::canary")], "HTTPS_PROXY must be a proxy URL"),
            (&[], &[("https_proxy", "socks5://u:canary@host:1")], "https_proxy must be a proxy URL"),
            (&[], &[("ALL_PROXY", "http://")], "ALL_PROXY must be a proxy URL"),
            (&[], &[("HTTPS_PROXY", "http://canary:9\r")], "HTTPS_PROXY must be a proxy URL"),
            (&[], &[("HTTPS_PROXY", "http://user:12/canary@h.test")], "HTTPS_PROXY must be a proxy URL"),
        ] {
            let Err(failure) = resolve(flags, environment) else {
                panic!("{flags:?} {environment:?} was accepted")
            };
            assert!(failure.message().starts_with(expected), "{}", failure.message());
            assert!(!failure.message().contains("canary"), "{}", failure.message());
        }
    }

    #[test]
    fn a_proxy_that_is_not_understood_matters_only_where_it_would_be_used() {
        let proxy = ("ALL_PROXY", "socks5://x:1");
        let corp = ["--issuer", "https://auth.corp.test", "--api-base", "https://corp.test"];
        let mixed = ["--issuer", "http://127.0.0.1:1"];
        let here = ["--issuer", "http://127.0.0.1:1", "--api-base", "http://[::1]:1"];
        assert!(resolve(&corp, &[proxy, ("NO_PROXY", ""), ("no_proxy", ".corp.test")]).is_ok());
        assert!(resolve(&here, &[proxy]).is_ok());
        assert!(resolve(&corp, &[proxy]).is_err() && resolve(&mixed, &[proxy]).is_err());
    }

    #[test]
    fn other_endpoints_and_ports_are_reported_before_the_browser_opens() {
        let warnings = |flags: &[&str]| {
            let endpoints = resolve(flags, &[]).unwrap().sign_in.endpoints;
            endpoints.warnings().map(|warning| of_warning(&warning)).collect::<Vec<_>>()
        };
        assert_eq!(
            warnings(&["--issuer", "http://127.0.0.1:1/", "--callback-port", "6000"]),
            ["signing in at http://127.0.0.1:1 for the API at https://api.openai.com, not at OpenAI's own"]
        );
        let lookalike = warnings(&["--issuer", "https://\u{430}uth.openai.com"]);
        assert!(lookalike[0].starts_with("signing in at https://xn--uth-5cd.openai.com for"));
        assert!(warnings(&["--issuer", "https://AUTH.openai.com:443///"]).is_empty());
        assert_eq!(warnings(&["--callback-port", "6000"]).len(), 1);
        assert!(warnings(&["--callback-port", "6000", "--client-id", "mine"]).is_empty());
    }
}
