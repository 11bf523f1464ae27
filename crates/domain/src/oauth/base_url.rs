//! The base URL of a service.

use std::fmt;
use url::{Host, Url};

/// The maximum length of a base URL, in bytes.
const LONGEST: usize = 2048;

/// The base URL of a service: `https`, or `http` if the host is loopback.
///
/// ```
/// # use keymint_domain::BaseUrl;
/// let base = BaseUrl::parse("https://proxy.example/openai//")?;
/// assert_eq!(base.join(&["oauth", "token"]).as_str(), "https://proxy.example/openai/oauth/token");
/// # Ok::<(), keymint_domain::InvalidBaseUrl>(())
/// ```
#[derive(Clone)]
pub struct BaseUrl {
    /// The original text, without trailing slashes.
    given: String,
    url: Url,
}

/// The reason why a text is not a usable base URL. No message repeats the text, since it may contain a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBaseUrl {
    /// It does not begin with `https://` or `http://` and a host, or has characters that no URL has.
    #[error("it is not a URL such as https://host/path")]
    NotAUrl,
    /// Plain `http` would expose secrets to the network.
    #[error("it must begin with https:// (http:// only for loopback: localhost, 127.0.0.1, [::1])")]
    NotSecure,
    /// It has a user name or a password.
    #[error("it must not contain a user name or password")]
    UserInfo,
    /// It has a query or a fragment, to which no path can be appended.
    #[error("it must not contain a query or fragment ('?' or '#')")]
    QueryOrFragment,
}

impl BaseUrl {
    /// Returns the URL of OpenAI's platform API. Its authorization server is the issuer of
    /// [`Client::default`](crate::Client::default).
    pub fn openai_api() -> Self {
        Self::parse("https://api.openai.com").expect("a constant")
    }

    /// Parses a base URL. Trailing slashes are ignored.
    ///
    /// # Errors
    ///
    /// [`InvalidBaseUrl`] with the reason.
    pub fn parse(text: &str) -> Result<Self, InvalidBaseUrl> {
        // The URL standard corrects typing mistakes (`https:host`, tabs, backslashes). The corrected URL may not be
        // the intended one, so only a URL that needs no correction is accepted.
        let scheme_end = text.find("://").ok_or(InvalidBaseUrl::NotAUrl)?;
        let (scheme, rest) = (&text[..scheme_end], &text[scheme_end + 3..]);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let mended = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
        if text.len() > LONGEST || rest.is_empty() || rest.starts_with('/') || text.contains(mended) {
            return Err(InvalidBaseUrl::NotAUrl);
        }
        let text = text.trim_end_matches('/');
        let mut url = Url::parse(text).map_err(|_| InvalidBaseUrl::NotAUrl)?;
        let host = url.host().ok_or(InvalidBaseUrl::NotAUrl)?;
        if authority.contains('@') {
            return Err(InvalidBaseUrl::UserInfo);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidBaseUrl::QueryOrFragment);
        }
        let secure =
            scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http") && is_loopback(&host);
        if !secure {
            return Err(InvalidBaseUrl::NotSecure);
        }
        if url.port() == Some(0) {
            return Err(InvalidBaseUrl::NotAUrl);
        }
        // Resolving dots leaves slashes at the end: `/a//.` is `/a//`.
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self { given: text.to_owned(), url })
    }

    /// Appends these path segments, each percent-encoded as one segment.
    ///
    /// Unlike `Url::join`, it keeps the path of the base URL.
    pub fn join(&self, segments: &[&str]) -> Url {
        let mut url = self.url.clone();
        url.path_segments_mut().expect("a URL with a host can have a path").pop_if_empty().extend(segments);
        url
    }

    /// Returns whether the host is loopback, which is never reached through a proxy.
    pub fn is_loopback(&self) -> bool {
        self.url.host().is_some_and(|host| is_loopback(&host))
    }

    /// Returns the normalized URL, without trailing slashes. A host name with non-ASCII letters is in its Punycode
    /// form (`xn--…`).
    pub fn as_str(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// Returns whether an `iss` parameter (RFC 9207 section 2.3) is this issuer, in its original or its normalized
    /// form. Trailing slashes are ignored.
    pub(crate) fn is_issuer(&self, iss: &str) -> bool {
        let iss = iss.trim_end_matches('/');
        iss == self.given || iss == self.as_str()
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// Compares the normalized URLs, in which a default port is omitted.
impl PartialEq for BaseUrl {
    fn eq(&self, other: &Self) -> bool {
        self.url == other.url
    }
}

impl Eq for BaseUrl {}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_accepted_and_what_is_not() {
        use InvalidBaseUrl::{NotAUrl, NotSecure, QueryOrFragment, UserInfo};
        let long = format!("{:x<1$}", "https://host/", LONGEST + 1);
        for (text, expected) in [
            ("https://auth.openai.com", Ok(())),
            ("HTTPS://auth.openai.com:443/", Ok(())),
            ("https://auth.example/a/b///", Ok(())),
            ("https://auth.example.", Ok(())),
            ("http://localhost:5001", Ok(())),
            ("http://127.0.0.1:1", Ok(())),
            ("http://127.1:1", Ok(())),
            ("http://0x7f.1", Ok(())),
            ("http://[::1]:8080/x", Ok(())),
            ("http://auth.example", Err(NotSecure)),
            ("http://localhost.evil.example", Err(NotSecure)),
            ("http://127.0.0.1.evil.example", Err(NotSecure)),
            ("http://0.0.0.0:1", Err(NotSecure)),
            ("http://[::ffff:127.0.0.1]", Err(NotSecure)),
            ("ftp://host", Err(NotSecure)),
            ("https://u:p@host", Err(UserInfo)),
            ("https://u@host", Err(UserInfo)),
            ("https://@host", Err(UserInfo)),
            ("https://host/a@b", Ok(())),
            ("https://host?x=1", Err(QueryOrFragment)),
            ("https://host/#x", Err(QueryOrFragment)),
            ("auth.openai.com", Err(NotAUrl)),
            ("", Err(NotAUrl)),
            ("https://", Err(NotAUrl)),
            ("https:///path", Err(NotAUrl)),
            ("https:host", Err(NotAUrl)),
            ("javascript:alert(1)", Err(NotAUrl)),
            ("file:///etc/passwd", Err(NotAUrl)),
            (" https://host", Err(NotAUrl)),
            ("https://ho st", Err(NotAUrl)),
            ("https://host\n", Err(NotAUrl)),
            ("https://host\\path", Err(NotAUrl)),
            ("https://host:0", Err(NotAUrl)),
            ("https://host:65536", Err(NotAUrl)),
            (&long[..LONGEST], Ok(())),
            (&long, Err(NotAUrl)),
        ] {
            assert_eq!(BaseUrl::parse(text).map(|_| ()), expected, "{text:?}");
        }
    }

    #[test]
    fn a_path_prefix_stays_and_trailing_slashes_do_not_count() {
        for base in ["p/q", "p/q/", "p/q///", "p/q/.", "p/q//./", "p/q/%2E", "p/q//x/.."] {
            let base = BaseUrl::parse(&format!("https://host/{base}")).unwrap();
            assert_eq!(base.join(&["oauth", "token"]).as_str(), "https://host/p/q/oauth/token");
            assert_eq!(base.as_str(), "https://host/p/q");
            assert_eq!(base, BaseUrl::parse("https://host/p/q").unwrap());
        }
        for base in ["https://host", "https://host///", "https://host//."] {
            let base = BaseUrl::parse(base).unwrap();
            assert_eq!(base.join(&["v1", "models"]).as_str(), "https://host/v1/models");
        }
    }

    #[test]
    fn equal_urls_may_be_written_differently() {
        let base = |text| BaseUrl::parse(text).unwrap();
        assert_eq!(base("https://HOST:443/"), base("https://host"));
        assert_ne!(base("https://host/p"), base("https://host"));
    }

    #[test]
    fn a_url_is_shown_as_what_it_is() {
        let base = |text| BaseUrl::parse(text).unwrap().to_string();
        assert_eq!(base("https://\u{430}uth.openai.com/"), "https://xn--uth-5cd.openai.com");
        assert_eq!(base("https://HOST:443/a\u{202e}b"), "https://host/a%E2%80%AEb");
    }

    #[test]
    fn a_url_knows_whether_it_is_on_this_machine() {
        let is_loopback = |text: &&str| BaseUrl::parse(text).unwrap().is_loopback();
        let here = ["https://localhost", "http://LOCALHOST:1/x", "https://127.9.9.9", "http://[::1]"];
        assert!(here.iter().all(is_loopback));
        let elsewhere = [
            "https://auth.example/localhost",
            "https://localhost.example",
            "https://10.0.0.1",
            "https://[::2]",
        ];
        assert!(!elsewhere.iter().any(is_loopback));
    }

    #[test]
    fn an_issuer_is_known_by_either_spelling() {
        let base = BaseUrl::parse("http://LOCALHOST:1/").unwrap();
        assert!(base.is_issuer("http://localhost:1") && base.is_issuer("http://LOCALHOST:1//"));
        assert!(!base.is_issuer("http://localhost:2") && !base.is_issuer(""));
        let rooted = BaseUrl::parse("https://auth.example.").unwrap();
        assert!(rooted.is_issuer("https://auth.example.") && !rooted.is_issuer("https://auth.example"));
    }

    #[test]
    fn a_segment_stays_one_segment() {
        let base = BaseUrl::parse("https://host").unwrap();
        assert_eq!(base.join(&["a/b", "c?d"]).as_str(), "https://host/a%2Fb/c%3Fd");
    }
}
