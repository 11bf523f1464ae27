//! What a run is told: each option from its flag, else its environment variable, else the
//! configuration file, else its default.

mod config_file;
mod destinations;
mod endpoints;
pub(crate) mod key_name;
mod network;
mod options;
mod profile;
mod stored;
mod table;

use crate::args::values::{plain_text, wait};
use crate::args::{CreateArgs, EndpointArgs, OutputArgs, RecoverArgs, TimeoutArgs};
use crate::browser::{Browser, Launcher};
use crate::error::CliError;
use crate::os::env::ProcessEnvironment;
pub(crate) use destinations::{Destinations, EnvFileOptions, KeyringOptions};
pub(crate) use endpoints::Endpoints;
use keymint_domain::{BaseUrl, Client, Plan, PollPolicy, Timeouts};
use keymint_http_adapter::HttpOptions;
pub(crate) use network::{bundle, proxy, proxy_variable, roots_file};
pub(crate) use options::{Given, Source, Sources};
pub(crate) use profile::{DEFAULT as DEFAULT_PROFILE, flag as profile_flag};
use std::time::Duration;
pub(crate) use stored::{may_ask, variable};
pub(crate) use table::{DEFINITIONS, Definition, Kind};

/// How long to wait for the person, unless told otherwise.
const SIGN_IN_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// Everything that `create` needs to know.
pub(crate) struct Settings {
    pub(crate) client: Client,
    pub(crate) api_base: BaseUrl,
    /// 0 takes a free port.
    pub(crate) callback_port: u16,
    /// Whether the browser can come back by itself; otherwise a person pastes the address.
    pub(crate) listens: bool,
    pub(crate) plan: Plan,
    pub(crate) http: HttpOptions,
    pub(crate) sign_in_timeout: Duration,
    pub(crate) dry_run: bool,
    pub(crate) destinations: Destinations,
    /// Whether a person picks where the key is made.
    pub(crate) choose: bool,
    /// Whether the new key is tried.
    pub(crate) verify: bool,
    pub(crate) browser: Browser,
    /// Whether a person may be asked.
    pub(crate) may_ask: bool,
    /// Whether anything is written to the disk: what is known of the key, and the key where it
    /// cannot be delivered.
    pub(crate) persists: bool,
    /// What the person should know before the browser opens.
    pub(crate) warnings: Vec<String>,
}

/// The options of this process, and what is printed and how. Where they are wrong, that is told as
/// far as they were understood.
pub(crate) fn read(
    profile: &Option<String>,
    args: OutputArgs,
) -> Result<(Sources<'static>, OutputArgs), (CliError, OutputArgs)> {
    let variables =
        output(args, &Sources::without_file(&ProcessEnvironment)).map_err(|failure| (failure, args))?;
    let options = Sources::read(&ProcessEnvironment, profile).map_err(|failure| (failure, variables))?;
    let output = output(args, &options).map_err(|failure| (failure, variables))?;
    Ok((options, output))
}

/// What is printed and how.
fn output(args: OutputArgs, of: &Sources<'_>) -> Result<OutputArgs, CliError> {
    // Who gives one of the two wins over who, in a weaker place, gives the other.
    let variables = Sources::without_file(of.environment);
    let talk = if args.quiet || args.verbose {
        (args.quiet, args.verbose)
    } else if variables.is_set("quiet")? || variables.is_set("verbose")? {
        (variables.is_set("quiet")?, variables.is_set("verbose")?)
    } else {
        (of.is_set("quiet")?, of.is_set("verbose")?)
    };
    Ok(OutputArgs {
        json: args.json || of.is_set("json")?,
        events: args.events || of.is_set("events")?,
        quiet: talk.0,
        verbose: talk.1,
    })
}

impl Settings {
    pub(crate) fn resolve(args: &CreateArgs, of: &Sources<'_>) -> Result<Self, CliError> {
        let EndpointArgs { app, ca_file, .. } = &args.endpoints;
        let TimeoutArgs { sign_in_timeout, project_timeout, http_timeout, poll_interval } = &args.timeouts;

        let endpoints = Endpoints::resolve(&args.endpoints, of)?;
        if !endpoints.are_here() {
            proxy(of)?;
        }

        let mut plan = Plan::named(match of.get("name", &args.key.name, plain_text)? {
            Some(name) => name,
            None => key_name::default().map_err(CliError::internal)?,
        });
        of.override_default(&mut plan.app, "app", app, plain_text)?;
        plan.selector.organization = of.get("organization", &args.target.organization, plain_text)?;
        plan.selector.project = of.get("project", &args.target.project, plain_text)?;
        let mut http = HttpOptions::default();
        of.override_default(&mut http.request_timeout, "http-timeout", http_timeout, wait)?;
        // Less than the whole, so that it is known which of the two was too long.
        http.connect_timeout = http.connect_timeout.min(http.request_timeout / 2);
        if let Some(bundle) = bundle(of, ca_file)? {
            http.extra_roots = bundle.read()?;
        }
        plan.timeouts = Timeouts::for_requests(http.request_timeout);
        let project_timeout = of.get("project-timeout", project_timeout, wait)?;
        let interval = of.get("poll-interval", poll_interval, wait)?;
        plan.polling = polling(interval, project_timeout);

        let mut sign_in = SIGN_IN_TIMEOUT;
        of.override_default(&mut sign_in, "sign-in-timeout", sign_in_timeout, wait)?;
        let settings = Self {
            warnings: endpoints.warnings(),
            client: endpoints.client,
            api_base: endpoints.api_base,
            callback_port: endpoints.callback_port,
            listens: !(args.browser.no_listen || of.is_set("no-listen")?),
            plan,
            http,
            sign_in_timeout: sign_in,
            dry_run: args.key.dry_run || of.is_set("dry-run")?,
            destinations: Destinations::resolve(&args.destinations, of)?,
            choose: args.target.choose || of.is_set("choose")?,
            verify: args.key.verify || of.is_set("verify")?,
            browser: browser(args.browser.no_browser, &args.browser.browser, of)?,
            may_ask: may_ask(args.browser.no_input, of)?,
            persists: true,
        };
        Ok(settings)
    }

    /// Whether keys are made at OpenAI, rather than at another deployment or at the sandbox.
    pub(crate) fn is_openai(&self) -> bool {
        self.api_base == BaseUrl::openai_api()
    }

    #[cfg(feature = "sandbox")]
    /// Those of the demonstration: the sandbox's servers, any free port, and nothing from outside.
    pub(crate) fn for_demo(issuer: &str, api_base: &str) -> Result<Self, CliError> {
        let base = |url| BaseUrl::parse(url).map_err(CliError::internal);
        let random = CliError::internal;
        Ok(Self {
            client: Client::at(base(issuer)?),
            api_base: base(api_base)?,
            callback_port: 0,
            listens: true,
            plan: Plan::named(key_name::default().map_err(random)?),
            http: HttpOptions::default(),
            sign_in_timeout: SIGN_IN_TIMEOUT,
            dry_run: false,
            destinations: Destinations::default(),
            choose: false,
            verify: false,
            browser: Browser::Sandbox,
            may_ask: false,
            persists: false,
            warnings: Vec::new(),
        })
    }
}

/// Whose browser opens the address. A flag for one of the two wins over a variable for the other.
pub(crate) fn browser(
    no_browser: bool,
    command: &Option<String>,
    of: &Sources<'_>,
) -> Result<Browser, CliError> {
    if no_browser || command.is_none() && of.is_set("no-browser")? {
        return Ok(Browser::None);
    }
    if let Some(launcher) = of.get("browser", command, Launcher::parse)? {
        return Ok(Browser::Named(vec![launcher]));
    }
    Ok(of.environment.get("BROWSER")?.map_or(Browser::System, |variable| Browser::named_by(&variable)))
}

/// What `recover` needs to know.
pub(crate) struct RecoverSettings {
    pub(crate) destinations: Destinations,
    /// Whether a person may be asked.
    pub(crate) may_ask: bool,
}

impl RecoverSettings {
    pub(crate) fn resolve(args: &RecoverArgs, of: &Sources<'_>) -> Result<Self, CliError> {
        Ok(Self {
            destinations: Destinations::resolve(&args.destinations, of)?,
            may_ask: may_ask(args.no_input, of)?,
        })
    }
}

fn polling(interval: Option<Duration>, timeout: Option<Duration>) -> PollPolicy {
    let timeout = timeout.unwrap_or(PollPolicy::DEFAULT_TIMEOUT);
    interval.map_or_else(|| PollPolicy::adaptive(timeout), |interval| PollPolicy::fixed(interval, timeout))
}

#[cfg(test)]
mod tests {
    use super::endpoints::REGISTERED_PORT;
    use super::*;
    use crate::args::{Args, Command};
    use clap::Parser;
    use std::collections::HashMap;
    use url::Url;

    pub(super) fn resolve(
        flags: &[&str],
        environment: &[(&'static str, &'static str)],
    ) -> Result<Settings, CliError> {
        let args = Args::try_parse_from([&["keymint", "create"], flags].concat()).unwrap();
        let Command::Create(args) = args.command else { panic!("another command") };
        let environment: HashMap<_, _> = environment.iter().copied().collect();
        Settings::resolve(&args, &Sources::with_file(&environment, None, None, &args.destinations.profile)?)
    }

    #[test]
    fn the_defaults_are_the_contracts() {
        let settings = resolve(&[], &[]).unwrap();
        assert_eq!(settings.client.issuer.as_str(), "https://auth.openai.com");
        assert_eq!(settings.api_base.as_str(), "https://api.openai.com");
        assert_eq!((settings.callback_port, settings.plan.app.as_str()), (5000, "api"));
        assert_eq!(settings.sign_in_timeout, Duration::from_secs(900));
        assert_eq!(settings.plan.polling, PollPolicy::adaptive(Duration::from_secs(60)));
        assert_eq!(
            (settings.browser, settings.dry_run, settings.warnings.len()),
            (Browser::System, false, 0)
        );
    }

    #[test]
    fn the_registered_port_is_that_of_the_registered_redirect_uri() {
        let registered: Url = keymint_domain::REGISTERED_REDIRECT_URI.parse().unwrap();
        assert_eq!(registered.port(), Some(REGISTERED_PORT));
    }

    #[test]
    fn a_flag_wins_over_its_variable_and_an_empty_variable_is_none() {
        let environment =
            [("KEYMINT_APP", "from-env"), ("KEYMINT_CALLBACK_PORT", "6001"), ("KEYMINT_SCOPE", "")];
        let settings = resolve(&["--app", "from-flag"], &environment).unwrap();
        assert_eq!((settings.plan.app.as_str(), settings.callback_port), ("from-flag", 6001));
        assert_eq!(settings.client.scope, Client::default().scope);
    }

    #[test]
    fn switches_have_variables() {
        let settings = resolve(&[], &[("KEYMINT_NO_BROWSER", "1"), ("KEYMINT_DRY_RUN", "0")]).unwrap();
        assert_eq!((settings.browser, settings.dry_run), (Browser::None, false));
        let variables = HashMap::from([("KEYMINT_JSON", "1"), ("KEYMINT_QUIET", "1")]);
        let json = output(OutputArgs::default(), &Sources::without_file(&variables)).unwrap();
        assert!(json.json && json.quiet && !json.events && !json.verbose);
        assert!(resolve(&[], &[("KEYMINT_NO_BROWSER", "maybe")]).is_err());
    }

    fn with_file(
        flags: &[&str],
        environment: &[(&'static str, &'static str)],
        text: &str,
    ) -> Result<Settings, CliError> {
        let args = Args::try_parse_from([&["keymint", "create"], flags].concat()).unwrap();
        let Command::Create(args) = args.command else { panic!("another command") };
        let environment: HashMap<_, _> = environment.iter().copied().collect();
        let file = Some("/c.toml".into());
        let options = Sources::with_file(&environment, file, Some(text), &args.destinations.profile)?;
        Settings::resolve(&args, &options)
    }

    #[test]
    fn flag_variable_file_and_default_count_in_this_order() {
        let text =
            "app = \"file\"\nscope = \"file\"\naudience = \"file\"\n[profiles.work]\naudience = \"work\"";
        let environment = [("KEYMINT_APP", "variable"), ("KEYMINT_SCOPE", "variable")];
        let settings = with_file(&["--app", "flag", "--profile", "work"], &environment, text).unwrap();
        let Settings { plan, client, .. } = settings;
        assert_eq!((&*plan.app, &*client.scope, &*client.audience), ("flag", "variable", "work"));
        assert_eq!(client.client_id, Client::default().client_id);
        let named = with_file(&[], &[("KEYMINT_PROFILE", "work")], text).unwrap();
        assert_eq!((named.plan.app.as_str(), named.client.audience.as_str()), ("file", "work"));
    }

    #[test]
    fn a_switch_of_the_file_can_be_turned_off_and_the_loudness_comes_from_one_place() {
        let text = "no_browser = true\nverbose = true\nkeyring = true";
        assert_eq!(with_file(&[], &[], text).unwrap().browser, Browser::None);
        let off = [("KEYMINT_NO_BROWSER", "0"), ("KEYMINT_KEYRING", "0")];
        let settings = with_file(&[], &off, text).unwrap();
        assert_eq!((settings.browser, settings.destinations.stdout()), (Browser::System, true));
        let environment = HashMap::from([("KEYMINT_QUIET", "1")]);
        let options = Sources::with_file(&environment, Some("/c.toml".into()), Some(text), &None).unwrap();
        let output = output(OutputArgs::default(), &options).unwrap();
        assert!(output.quiet && !output.verbose);
    }

    /// What the table has and no part of the program asks for would be accepted and do nothing.
    #[test]
    fn every_option_of_the_table_is_looked_up() {
        for Definition { name, kind, .. } in DEFINITIONS {
            let bad = match kind {
                Kind::Text | Kind::File | Kind::Variable => "a\tb",
                Kind::Command => "'\t",
                _ => "nonsense",
            };
            let variable = options::variable(name);
            let environment = HashMap::from([(variable.as_str(), bad)]);
            let args = Args::try_parse_from(["keymint", "create"]).unwrap();
            let Command::Create(args) = args.command else { panic!("another command") };
            let outcome = Sources::with_file(&environment, None, None, &None).and_then(|options| {
                output(args.output, &options)?;
                Settings::resolve(&args, &options).map(drop)
            });
            let failure = outcome.expect_err(name);
            assert!(failure.message().starts_with(&variable), "{}", failure.message());
            assert!(kind.check(bad).is_err(), "{name}");
        }
    }

    #[test]
    fn a_browser_can_be_named_in_three_ways() {
        let by_variable = ("BROWSER", "firefox");
        for (flags, environment, expected) in [
            (&["--browser", "x '%s'"][..], &[by_variable][..], "x %s"),
            (&["--browser", "x"], &[("KEYMINT_NO_BROWSER", "1")], "x"),
            (&[], &[by_variable, ("KEYMINT_BROWSER", "y")], "y"),
            (&[], &[by_variable], "firefox"),
        ] {
            let launcher = Launcher::parse(expected).unwrap();
            assert_eq!(resolve(flags, environment).unwrap().browser, Browser::Named(vec![launcher]));
        }
        assert_eq!(resolve(&["--no-browser"], &[("KEYMINT_BROWSER", "y")]).unwrap().browser, Browser::None);
    }

    #[test]
    fn a_bad_value_is_told_with_its_source_and_without_itself() {
        for (flags, environment, expected) in [
            (&["--issuer", "http://canary.example"][..], &[][..], "--issuer: it must begin with https://"),
            (
                &[],
                &[("KEYMINT_API_BASE", "https://u:canary@host")],
                "KEYMINT_API_BASE: it must not hold a user name",
            ),
            (&["--callback-port", "0"], &[], "--callback-port: it must be a port"),
            (&["--callback-port", "65536"], &[], "--callback-port: it must be a port"),
            (&["--name", ""], &[], "--name: it must not be empty"),
            (&["--name", "a\nb"], &[], "--name: it must not have control characters"),
            (&["--var", "CANARY"], &[], "--var names the variable of a file"),
            (&["--client-id", "canary\tid"], &[], "--client-id: it must not have control characters"),
            (&["--audience", "canary\u{7f}"], &[], "--audience: it must not have control characters"),
            (
                &[],
                &[("KEYMINT_SCOPE", "openid\r\ncanary")],
                "KEYMINT_SCOPE: it must not have control characters",
            ),
            (&["--issuer", "https://host?canary=1"], &[], "--issuer: it must not"),
            (&["--api-base", "https://host/#canary"], &[], "--api-base: it must not"),
            (&["--sign-in-timeout", "0"], &[], "--sign-in-timeout: it must be longer"),
            (&["--browser", "'canary"], &[], "--browser: it has a quote without an end"),
            (&[], &[("KEYMINT_BROWSER", " ")], "KEYMINT_BROWSER: it must name a program"),
            (&["--http-timeout", "canary"], &[], "--http-timeout: it must be a time"),
            (&[], &[("SSL_CERT_FILE", "/no/such/file")], "SSL_CERT_FILE: /no/such/file cannot be read"),
            (&["--ca-file", "/dev/zero"], &[], "--ca-file: /dev/zero cannot be read: it has more than 8 MiB"),
            (&[], &[("HTTPS_PROXY", "::::canary")], "HTTPS_PROXY: it must be a proxy"),
            (&[], &[("https_proxy", "socks5://u:canary@host:1")], "https_proxy: it must be a proxy"),
            (&[], &[("ALL_PROXY", "http://")], "ALL_PROXY: it must be a proxy"),
        ] {
            let Err(failure) = resolve(flags, environment) else {
                panic!("{flags:?} {environment:?} was accepted")
            };
            assert!(failure.message().starts_with(expected), "{}", failure.message());
            assert!(!failure.message().contains("canary"), "{}", failure.message());
        }
    }

    #[test]
    fn other_endpoints_and_ports_are_told_before_the_browser_opens() {
        let elsewhere =
            resolve(&["--issuer", "http://127.0.0.1:1/", "--callback-port", "6000"], &[]).unwrap();
        assert_eq!(
            elsewhere.warnings,
            ["signing in at http://127.0.0.1:1 for the API at https://api.openai.com, not at OpenAI's own"]
        );
        let lookalike = resolve(&["--issuer", "https://\u{430}uth.openai.com"], &[]).unwrap();
        assert!(lookalike.warnings[0].starts_with("signing in at https://xn--uth-5cd.openai.com for"));
        assert_eq!(resolve(&["--issuer", "https://AUTH.openai.com:443///"], &[]).unwrap().warnings.len(), 0);
        assert_eq!(resolve(&["--callback-port", "6000"], &[]).unwrap().warnings.len(), 1);
        assert!(
            resolve(&["--callback-port", "6000", "--client-id", "mine"], &[]).unwrap().warnings.is_empty()
        );
    }
}
