//! What a run is told: each option from its flag, else its environment variable, else its default.

use crate::args::{CreateArgs, EndpointArgs, OutputArgs, PatienceArgs};
use crate::browser::Browser;
use crate::failure::Failure;
use crate::key_name;
use keymint_domain::{BaseUrl, Client, Plan, PollPolicy};
use keymint_http_adapter::{ExtraRoots, HttpOptions};
use std::env::VarError;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;
use url::Url;

/// The port of the redirect URI that OpenAI's server knows for the default client.
const REGISTERED_PORT: u16 = 5000;

/// Longest wait for a person or a server. A longer one counts as this.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// How much later than the adapter the domain gives a request up: the adapter's words name the URL.
const AFTER_THE_ADAPTER: Duration = Duration::from_secs(1);

/// How long to wait for the person, unless told otherwise.
const SIGN_IN_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// Longest bundle of certificates that is read, in bytes. A system's own has a quarter of a million.
const LONGEST_PEM: u64 = 8 * 1024 * 1024;

const DEFAULT_API_BASE: &str = "https://api.openai.com";

/// Everything that `create` needs to know.
pub(crate) struct Settings {
    pub(crate) client: Client,
    pub(crate) api_base: BaseUrl,
    /// 0 takes a free port.
    pub(crate) callback_port: u16,
    pub(crate) plan: Plan,
    pub(crate) http: HttpOptions,
    pub(crate) sign_in_timeout: Duration,
    pub(crate) dry_run: bool,
    pub(crate) browser: Browser,
    /// Whether a person may be asked.
    pub(crate) may_ask: bool,
    /// Whether a key that cannot be delivered is kept.
    pub(crate) keeps: bool,
    /// What the person should know before the browser opens.
    pub(crate) warnings: Vec<String>,
}

/// Where values that no flag gives come from.
pub(crate) trait Environment {
    /// The variable's value; `None` where it is unset or empty.
    fn get(&self, name: &str) -> Result<Option<String>, Failure>;
}

/// The variables of this process.
pub(crate) struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn get(&self, name: &str) -> Result<Option<String>, Failure> {
        match std::env::var(name) {
            Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
            Err(VarError::NotPresent) => Ok(None),
            Err(VarError::NotUnicode(_)) => Err(Failure::usage(format!("{name} is not UTF-8 text"))),
        }
    }
}

/// What is printed and how, with the variables that say so.
pub(crate) fn output(args: OutputArgs, environment: &dyn Environment) -> Result<OutputArgs, Failure> {
    let of = Options(environment);
    // A flag for one of the two wins over a variable for the other.
    let talk = if args.quiet || args.verbose {
        (args.quiet, args.verbose)
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
    pub(crate) fn resolve(args: &CreateArgs, environment: &dyn Environment) -> Result<Self, Failure> {
        let of = Options(environment);
        let EndpointArgs { issuer, api_base, client_id, audience, scope, app, callback_port, ca_file } =
            &args.endpoints;
        let PatienceArgs { sign_in_timeout, project_timeout, http_timeout, poll_interval } = &args.patience;

        let mut client = Client::default();
        of.set(&mut client.issuer, "issuer", issuer, BaseUrl::parse)?;
        of.set(&mut client.client_id, "client-id", client_id, plain_text)?;
        of.set(&mut client.audience, "audience", audience, plain_text)?;
        of.set(&mut client.scope, "scope", scope, plain_text)?;
        let mut base = BaseUrl::parse(DEFAULT_API_BASE).expect("a constant");
        of.set(&mut base, "api-base", api_base, BaseUrl::parse)?;
        let mut port = REGISTERED_PORT;
        of.set(&mut port, "callback-port", callback_port, port_number)?;

        if !(client.issuer.is_loopback() && base.is_loopback()) {
            check_proxy(environment)?;
        }

        let mut plan = Plan::default();
        of.set(&mut plan.app, "app", app, plain_text)?;
        plan.key_name = match of.find("name", &args.name, plain_text)? {
            Some(name) => name,
            None => key_name::default().map_err(|error| Failure::internal(&error))?,
        };
        let mut http = HttpOptions::default();
        of.set(&mut http.request_timeout, "http-timeout", http_timeout, wait)?;
        // Less than the whole, so that it is known which of the two was too long.
        http.connect_timeout = http.connect_timeout.min(http.request_timeout / 2);
        http.extra_roots = extra_roots(&of, ca_file)?;
        plan.call_timeout = http.request_timeout + AFTER_THE_ADAPTER;
        plan.step_timeout = 3 * plan.call_timeout;
        let project_timeout = of.find("project-timeout", project_timeout, wait)?;
        let interval = of.find("poll-interval", poll_interval, wait)?;
        plan.polling = polling(interval, project_timeout);

        let mut sign_in = SIGN_IN_TIMEOUT;
        of.set(&mut sign_in, "sign-in-timeout", sign_in_timeout, wait)?;
        let settings = Self {
            warnings: warnings(&client, &base, port),
            client,
            api_base: base,
            callback_port: port,
            plan,
            http,
            sign_in_timeout: sign_in,
            dry_run: args.dry_run || of.is_set("dry-run")?,
            browser: if args.no_browser || of.is_set("no-browser")? {
                Browser::None
            } else {
                Browser::System
            },
            may_ask: !(args.no_input || of.is_set("no-input")?),
            keeps: true,
        };
        Ok(settings)
    }
}

impl Settings {
    /// Whether keys are made at OpenAI, rather than at another deployment or at the sandbox.
    pub(crate) fn is_openai(&self) -> bool {
        self.api_base.as_str() == DEFAULT_API_BASE
    }

    /// Those of the demonstration: the sandbox's servers, any free port, and nothing from outside.
    pub(crate) fn for_demo(issuer: &str, api_base: &str) -> Result<Self, Failure> {
        let base = |url| BaseUrl::parse(url).map_err(|error| Failure::internal(&error));
        let random = |error| Failure::internal(&error);
        let mut client = Client::default();
        client.issuer = base(issuer)?;
        let mut plan = Plan::default();
        plan.key_name = key_name::default().map_err(random)?;
        Ok(Self {
            client,
            api_base: base(api_base)?,
            callback_port: 0,
            plan,
            http: HttpOptions::default(),
            sign_in_timeout: SIGN_IN_TIMEOUT,
            dry_run: false,
            browser: Browser::Sandbox,
            may_ask: false,
            keeps: false,
            warnings: Vec::new(),
        })
    }
}

fn polling(interval: Option<Duration>, timeout: Option<Duration>) -> PollPolicy {
    let timeout = timeout.unwrap_or(PollPolicy::DEFAULT_TIMEOUT);
    interval.map_or_else(|| PollPolicy::adaptive(timeout), |interval| PollPolicy::fixed(interval, timeout))
}

/// The options of a run: each has a flag, and a variable with `KEYMINT_` before its name.
struct Options<'a>(&'a dyn Environment);

impl Options<'_> {
    /// The value of an option, if it is given anywhere. No message repeats the value: what is
    /// mistyped may be a secret.
    fn find<T, E: Display>(
        &self,
        name: &str,
        flag: &Option<String>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Failure> {
        if let Some(value) = flag {
            return parse(value).map(Some).map_err(|error| Failure::usage(format!("--{name}: {error}")));
        }
        let variable = variable(name);
        let Some(value) = self.0.get(&variable)? else { return Ok(None) };
        parse(&value).map(Some).map_err(|error| Failure::usage(format!("{variable}: {error}")))
    }

    /// The same for an option that has a default.
    fn set<T, E: Display>(
        &self,
        setting: &mut T,
        name: &str,
        flag: &Option<String>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<(), Failure> {
        if let Some(value) = self.find(name, flag, parse)? {
            *setting = value;
        }
        Ok(())
    }

    /// Whether a variable switches something on that is off by default.
    fn is_set(&self, name: &str) -> Result<bool, Failure> {
        let parse = |value: &str| match value.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "on" => Ok(true),
            "0" | "false" | "no" | "off" => Ok(false),
            _ => Err("it must be 1 or 0"),
        };
        Ok(self.find(name, &None, parse)?.unwrap_or(false))
    }
}

fn variable(name: &str) -> String {
    format!("KEYMINT_{}", name.replace('-', "_").to_ascii_uppercase())
}

fn plain_text(value: &str) -> Result<String, &'static str> {
    if value.is_empty() {
        Err("it must not be empty")
    } else if value.contains(char::is_control) {
        Err("it must not have control characters")
    } else {
        Ok(value.to_owned())
    }
}

pub(crate) fn port_number(value: &str) -> Result<u16, &'static str> {
    value.parse().ok().filter(|port| *port != 0).ok_or("it must be a port number from 1 to 65535")
}

/// `15m`, `90s`, `1h`, `500ms`; a bare number counts seconds.
pub(crate) fn wait(value: &str) -> Result<Duration, &'static str> {
    const NOT_A_TIME: &str = "it must be a time such as 15m, 90s or 500ms";
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let wait = if is_number {
        // More digits than fit mean more than the longest wait.
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        humantime::parse_duration(value).map_err(|_| NOT_A_TIME)?
    };
    if wait.is_zero() { Err("it must be longer than 0") } else { Ok(wait.min(LONGEST_WAIT)) }
}

/// The certificates of `--ca-file`, or of the file that a variable names.
fn extra_roots(of: &Options<'_>, flag: &Option<String>) -> Result<ExtraRoots, Failure> {
    let own = of.find("ca-file", flag, plain_text)?;
    let given = match own {
        Some(path) => Some((if flag.is_some() { "--ca-file".to_owned() } else { variable("ca-file") }, path)),
        None => ["CODEX_CA_CERTIFICATE", "SSL_CERT_FILE"]
            .into_iter()
            .find_map(|name| {
                let path = of.0.get(name).transpose()?;
                Some(path.map(|path| (name.to_owned(), path)))
            })
            .transpose()?,
    };
    let Some((source, path)) = given else { return Ok(ExtraRoots::default()) };
    let pem = read_pem(Path::new(&path))
        .map_err(|error| Failure::usage(format!("{source}: {path} cannot be read: {error}")))?;
    ExtraRoots::parse_pem(&pem).map_err(|error| Failure::usage(format!("{source}: {path}: {error}")))
}

/// Reads a file that cannot be without end.
fn read_pem(path: &Path) -> io::Result<Vec<u8>> {
    let mut pem = Vec::new();
    File::open(path)?.take(LONGEST_PEM + 1).read_to_end(&mut pem)?;
    if pem.len() as u64 > LONGEST_PEM { Err(io::Error::other("it has more than 8 MiB")) } else { Ok(pem) }
}

/// A proxy that cannot be understood would be passed by without a word.
fn check_proxy(environment: &dyn Environment) -> Result<(), Failure> {
    for names in [["HTTPS_PROXY", "https_proxy"], ["ALL_PROXY", "all_proxy"]] {
        for name in names {
            let Some(value) = environment.get(name)? else { continue };
            return if is_proxy(&value) {
                Ok(())
            } else {
                Err(Failure::usage(format!(
                    "{name}: it must be a proxy such as http://host:3128; other kinds than http and https are not supported"
                )))
            };
        }
    }
    Ok(())
}

fn is_proxy(value: &str) -> bool {
    let url = if value.contains("://") { Url::parse(value) } else { Url::parse(&format!("http://{value}")) };
    url.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

fn warnings(client: &Client, api_base: &BaseUrl, port: u16) -> Vec<String> {
    let default = Client::default();
    let mut warnings = Vec::new();
    if client.issuer != default.issuer || api_base.as_str() != DEFAULT_API_BASE {
        warnings.push(format!(
            "signing in at {} for the API at {}, not at OpenAI's own",
            client.issuer, api_base
        ));
    }
    if port != REGISTERED_PORT && client.issuer == default.issuer && client.client_id == default.client_id {
        warnings.push(format!(
            "OpenAI's server knows this client with callback port {REGISTERED_PORT} only, and will probably refuse {port}"
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Args, Command};
    use clap::Parser;
    use std::collections::HashMap;

    impl Environment for HashMap<&str, &str> {
        fn get(&self, name: &str) -> Result<Option<String>, Failure> {
            Ok(HashMap::get(self, name).map(|value| (*value).to_owned()).filter(|value| !value.is_empty()))
        }
    }

    fn resolve(flags: &[&str], environment: &[(&'static str, &'static str)]) -> Result<Settings, Failure> {
        let args = Args::try_parse_from([&["keymint", "create"], flags].concat()).unwrap();
        let Command::Create(args) = args.command else { panic!("another command") };
        Settings::resolve(&args, &environment.iter().copied().collect::<HashMap<_, _>>())
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
        let json =
            output(OutputArgs::default(), &HashMap::from([("KEYMINT_JSON", "1"), ("KEYMINT_QUIET", "1")]))
                .unwrap();
        assert!(json.json && json.quiet && !json.events && !json.verbose);
        assert!(resolve(&[], &[("KEYMINT_NO_BROWSER", "maybe")]).is_err());
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
            assert!(failure.message.starts_with(expected), "{}", failure.message);
            assert!(!failure.message.contains("canary"), "{}", failure.message);
        }
    }

    #[test]
    fn a_bundle_of_no_use_is_told_with_its_source_and_without_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let private = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let large = vec![b'x'; usize::try_from(LONGEST_PEM).unwrap() + 1];
        for (name, content, expected) in [
            ("empty", &b""[..], "it holds no certificate"),
            ("text", b"canary", "it holds no certificate"),
            ("private", private.as_bytes(), "it holds no certificate"),
            ("cut", b"-----BEGIN CERTIFICATE-----\ncanary", "it is not well-formed PEM"),
            ("large", &large, "it has more than 8 MiB"),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            let path = path.to_str().unwrap();
            let Err(failure) = resolve(&["--ca-file", path], &[]) else { panic!("{name} was accepted") };
            let message = failure.message;
            assert!(
                message.starts_with(&format!("--ca-file: {path}")) && message.contains(expected),
                "{message}"
            );
            assert!(
                !message.contains("canary") && private.lines().all(|line| !message.contains(line)),
                "{message}"
            );
        }
        let folder = folder.path().to_str().unwrap();
        assert!(resolve(&["--ca-file", folder], &[]).is_err(), "a folder");
    }

    #[test]
    fn a_wait_has_a_unit_or_counts_seconds_and_is_at_most_an_hour() {
        for (text, seconds) in [
            ("90s", 90.0),
            ("15m", 900.0),
            ("500ms", 0.5),
            ("60", 60.0),
            ("1h", 3600.0),
            ("9h", 3600.0),
            ("18446744073709551615", 3600.0),
            ("99999999999999999999999", 3600.0),
        ] {
            assert_eq!(wait(text).map(|wait| wait.as_secs_f64()), Ok(seconds), "{text}");
        }
        for text in ["", "x", "-1", "1.5", "0", "0s"] {
            assert!(wait(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_proxy_counts_only_where_it_would_be_used() {
        for environment in [
            &[("HTTPS_PROXY", "http://user:password@proxy:3128")][..],
            &[("HTTPS_PROXY", "proxy:3128"), ("ALL_PROXY", "socks5://not.used:1")],
            &[("HTTP_PROXY", "::::")],
        ] {
            assert!(resolve(&[], environment).is_ok(), "{environment:?}");
        }
        let sandbox = ["--issuer", "http://127.0.0.1:1", "--api-base", "http://[::1]:1"];
        assert!(resolve(&sandbox, &[("HTTPS_PROXY", "::::")]).is_ok());
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
