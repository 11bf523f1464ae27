//! The proxy settings. Only this module parses them: the HTTP library receives the parsed URL and does not read the
//! environment.

mod exception;

use exception::Exception;
use keymint_domain::{BaseUrl, ProxyInUse};
use std::fmt;
use std::net::IpAddr;
use url::Url;

/// The variables that name the proxy, in order of precedence.
const PROXY_VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The variables that list the hosts without a proxy, in order of precedence.
const EXCEPTION_VARIABLES: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// A proxy and its exceptions, the hosts that are reached directly. The default has no proxy.
#[derive(Debug, Clone, Default)]
pub struct ProxySettings {
    proxy: Option<Result<Proxy, InvalidProxy>>,
    exceptions: Vec<Exception>,
    exception_variable: &'static str,
}

impl ProxySettings {
    /// Reads the settings from this process's environment.
    pub fn from_env() -> Self {
        // A value that is not UTF-8 becomes one that is not ASCII, which is an invalid proxy.
        Self::from_variables(|name| Some(std::env::var_os(name)?.to_string_lossy().into_owned()))
    }

    /// Reads the settings from `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, or the same names in lowercase. `get`
    /// returns the value of a variable. An empty variable counts as unset.
    ///
    /// `NO_PROXY` lists hosts with their subdomains, IP addresses and networks (`10.0.0.0/8`), each
    /// optionally with a port, separated by commas or blanks. `*` means every host.
    pub fn from_variables(get: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&'static str]| {
            names.iter().find_map(|&name| Some((name, get(name).filter(|value| !value.is_empty())?)))
        };
        let proxy = first(&PROXY_VARIABLES).map(|(variable, value)| match parse(&value) {
            Ok(url) => Ok(Proxy { variable, url }),
            Err(flaw) => Err(InvalidProxy { variable, flaw }),
        });
        let (exception_variable, exceptions) = first(&EXCEPTION_VARIABLES).unwrap_or_default();
        let exceptions = exceptions.split([',', ' ', '\t', '\r', '\n']).filter_map(Exception::parse);
        Self { proxy, exceptions: exceptions.collect(), exception_variable }
    }

    /// Returns the proxy, even if every server is exempt from it. `None` if it is missing or invalid.
    pub fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()?.as_ref().ok()
    }

    /// Returns the proxy for requests to this URL. Loopback addresses never use one.
    ///
    /// # Errors
    ///
    /// [`InvalidProxy`] if the proxy would be used, but its setting is invalid.
    pub fn proxy_for(&self, base: &BaseUrl) -> Result<Option<&Proxy>, InvalidProxy> {
        match &self.proxy {
            Some(proxy) if !base.is_loopback() && self.exempted_by(base).is_none() => {
                proxy.as_ref().map(Some).map_err(|error| *error)
            }
            _ => Ok(None),
        }
    }

    /// Returns the variable that exempts this URL from the proxy.
    pub fn exempted_by(&self, base: &BaseUrl) -> Option<&'static str> {
        let url = base.join(&[]);
        let is_exempt = self.exceptions.iter().any(|exception| exception.covers(&url));
        is_exempt.then_some(self.exception_variable)
    }
}

/// A proxy. It displays as its URL without user name and password.
#[derive(Clone)]
pub struct Proxy {
    variable: &'static str,
    pub(crate) url: Url,
}

impl Proxy {
    /// Returns the environment variable that names the proxy.
    pub fn variable(&self) -> &'static str {
        self.variable
    }

    pub(crate) fn in_use(&self) -> ProxyInUse {
        ProxyInUse { url: self.to_string(), setting: self.variable.to_owned() }
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url.origin().ascii_serialization())
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self} by {})", self.variable)
    }
}

/// The reason why the value of a proxy variable is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{variable} must be a proxy URL such as http://host:3128; {flaw}")]
pub struct InvalidProxy {
    variable: &'static str,
    flaw: Flaw,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Flaw {
    #[error("only http and https proxies are supported")]
    Scheme,
    #[error("it has a space, a newline or a non-ASCII character")]
    Character,
    #[error(
        "special characters in the user name or password must be percent-encoded, such as %2F for a slash"
    )]
    Credentials,
    #[error("the host or port is invalid, or is followed by other text")]
    Server,
}

/// Parses a proxy's URL. URL parsers correct mistakes, each in its own way. Only a URL that needs no correction is
/// accepted.
fn parse(value: &str) -> Result<Url, Flaw> {
    if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Flaw::Character);
    }
    let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
    let schemes = ["http", "https"];
    let scheme = schemes.into_iter().find(|known| known.eq_ignore_ascii_case(scheme)).ok_or(Flaw::Scheme)?;
    let (credentials, server) = match rest.rsplit_once('@') {
        Some((credentials, server)) => (format!("{credentials}@"), server),
        None => (String::new(), rest),
    };
    if !are_encoded(credentials.trim_end_matches('@')) || credentials.matches('@').count() > 1 {
        return Err(Flaw::Credentials);
    }
    let server = server.strip_suffix('/').unwrap_or(server);
    if !is_server(server) {
        return Err(Flaw::Server);
    }
    let url = Url::parse(&format!("{scheme}://{credentials}{server}/")).map_err(|_| Flaw::Server)?;
    // The HTTP library parses the URL again, with another parser.
    let again = url.as_str().parse::<hyper::Uri>();
    let is_same = again.is_ok_and(|uri| uri.host() == url.host_str() && uri.port_u16() == url.port());
    if is_same { Ok(url) } else { Err(Flaw::Server) }
}

/// Returns whether a user name and a password have no character at which some parser would end them.
fn are_encoded(credentials: &str) -> bool {
    let mut octets = Vec::with_capacity(credentials.len());
    let mut rest = credentials.bytes();
    while let Some(byte) = rest.next() {
        octets.push(match byte {
            b'/' | b'?' | b'#' | b'\\' => return false,
            b'%' => {
                let digits = [rest.next(), rest.next()]
                    .map(|digit| char::from(digit.unwrap_or_default()).to_digit(16));
                let [Some(high), Some(low)] = digits else { return false };
                (high * 16 + low) as u8
            }
            byte => byte,
        });
    }
    str::from_utf8(&octets).is_ok()
}

/// Returns whether this is a host, or a host and a port.
fn is_server(server: &str) -> bool {
    let bracketed = server.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (is_host, port) = match bracketed {
        Some((address, port)) => (address.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6()), port),
        None => {
            let (host, port) = server.split_at(server.find(':').unwrap_or(server.len()));
            let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            (!host.is_empty() && host.bytes().all(is_allowed), port)
        }
    };
    is_host && (port.is_empty() || port.strip_prefix(':').and_then(port_number).is_some())
}

fn port_number(digits: &str) -> Option<u16> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|port| is_number && *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn settings(variables: &[(&str, &str)]) -> ProxySettings {
        ProxySettings::from_variables(|name| {
            let (_, value) = variables.iter().find(|(variable, _)| *variable == name)?;
            Some((*value).to_owned())
        })
    }

    #[test]
    fn a_proxy_is_shown_without_user_name_and_password() {
        for (value, shown) in [
            ("proxy", "http://proxy"),
            ("proxy:3128", "http://proxy:3128"),
            ("http://proxy:80/", "http://proxy"),
            ("HTTPS://Proxy_1.corp.test:3128", "https://proxy_1.corp.test:3128"),
            ("http://[fd00::1]:3128", "http://[fd00::1]:3128"),
            ("user:canary@proxy:3128", "http://proxy:3128"),
            ("http://canary@proxy", "http://proxy"),
            ("http://user:canary%2F%40%c3%a4|\"'{@proxy:3128", "http://proxy:3128"),
            ("http://user:canary:canary;=,!$&@proxy", "http://proxy"),
        ] {
            let settings = settings(&[("ALL_PROXY", value)]);
            let proxy = settings.proxy_for(&BaseUrl::openai_api()).unwrap().unwrap();
            assert_eq!((proxy.to_string().as_str(), proxy.variable()), (shown, "ALL_PROXY"), "{value}");
            assert!(!format!("{settings:?}").contains("canary"), "{settings:?}");
        }
    }

    #[test]
    fn a_proxy_that_needs_correction_is_refused_and_not_repeated() {
        use Flaw::{Character, Credentials, Scheme, Server};
        for (value, flaw) in [
            ("http://canary:9\r", Character),
            ("http://canary:9\n", Character),
            (" http://canary:9", Character),
            ("http://canary:9 ", Character),
            ("\u{feff}http://canary:9", Character),
            ("http://cänary:9", Character),
            (" ", Character),
            ("socks5://canary:1", Scheme),
            ("://canary", Scheme),
            ("http://user:12/canary@proxy", Credentials),
            ("http://user:12?canary@proxy", Credentials),
            ("http://user:12#canary@proxy", Credentials),
            ("http://user:12\\canary@proxy", Credentials),
            ("http://user:12@canary@proxy", Credentials),
            ("user:12@canary@@proxy", Credentials),
            ("http://user:100%canary@proxy", Credentials),
            ("http://user:canary%f@proxy", Credentials),
            ("http://user:canary%ff@proxy", Credentials),
            ("http://", Server),
            ("http:///canary", Server),
            ("http:/canary", Server),
            ("http:\\\\canary", Server),
            ("http:canary", Server),
            ("\"http://canary\"", Scheme),
            ("'canary'", Server),
            ("http://canary/proxy.pac", Server),
            ("http://canary:3128//", Server),
            ("http://canary?x", Server),
            ("http://canary:", Server),
            ("http://canary:0", Server),
            ("http://canary:+80", Server),
            ("http://canary:65536", Server),
            ("http://canary:1:2", Server),
            ("http://canary%41:1", Server),
            ("http://[canary]:1", Server),
            ("http://[::1", Server),
            ("http://::1:3128", Server),
            ("http://[127.0.0.1]:1", Server),
            ("::::", Server),
            ("http://user@", Server),
            ("http://1.2.3.4.5:1", Server),
        ] {
            let settings = settings(&[("https_proxy", value)]);
            let error = settings.proxy_for(&BaseUrl::openai_api()).unwrap_err();
            assert_eq!(error, InvalidProxy { variable: "https_proxy", flaw }, "{value}");
            assert!(!error.to_string().contains("canary") && settings.proxy().is_none());
        }
        let long = format!("http://user:{}@proxy", "x".repeat(70_000));
        assert_eq!(parse(&long), Err(Server));
    }

    proptest! {
        /// The HTTP library splits a URL at the first `@`, and ignores what it cannot parse.
        #[test]
        fn an_accepted_proxy_leads_to_the_same_server_for_each_parser(
            value in r"(http://|HTTPS://|)([a-z%/:@\\\[\]?#. |0-9]{0,6}@)?[a-zA-Z0-9.:/\[\]%@_-]{1,12}"
        ) {
            if let Ok(url) = parse(&value) {
                let uri: hyper::Uri = url.as_str().parse().unwrap();
                let authority = uri.authority().unwrap().as_str();
                prop_assert!(authority.matches('@').count() <= 1);
                let server = authority.rsplit('@').next().unwrap();
                prop_assert!(value.to_ascii_lowercase().contains(url.host_str().unwrap())
                    || url.host().is_some_and(|host| !matches!(host, url::Host::Domain(_))));
                prop_assert!(server.starts_with(url.host_str().unwrap()));
            }
        }
    }

    #[test]
    fn the_first_variable_that_is_not_empty_counts() {
        for (variables, proxy) in [
            (&[("ALL_PROXY", "http://all:1"), ("https_proxy", "http://one:1")][..], Some("http://one:1")),
            (&[("HTTPS_PROXY", ""), ("all_proxy", "http://all:1")], Some("http://all:1")),
            (&[("HTTPS_PROXY", "http://one:1"), ("ALL_PROXY", "socks5://not.used:1")], Some("http://one:1")),
            (&[("HTTP_PROXY", "::::"), ("REQUEST_METHOD", "GET")], None),
            (&[("HTTPS_PROXY", "http://one:1"), ("NO_PROXY", ""), ("no_proxy", "api.openai.com")], None),
            (&[("HTTPS_PROXY", "http://one:1"), ("REQUEST_METHOD", "GET")], Some("http://one:1")),
        ] {
            let settings = settings(variables);
            let used = settings.proxy_for(&BaseUrl::openai_api()).unwrap().map(ToString::to_string);
            assert_eq!(used.as_deref(), proxy, "{variables:?}");
        }
    }

    #[test]
    fn a_proxy_that_is_not_understood_matters_only_where_it_would_be_used() {
        let settings = settings(&[("ALL_PROXY", "socks5://x:1"), ("NO_PROXY", ".corp.test")]);
        for (server, is_used) in [
            ("https://api.corp.test", false),
            ("https://corp.test", false),
            ("http://127.0.0.1:1", false),
            ("https://[::1]:1", false),
            ("https://localhost", false),
            ("https://other.test", true),
        ] {
            assert_eq!(settings.proxy_for(&BaseUrl::parse(server).unwrap()).is_err(), is_used, "{server}");
        }
    }
}
