//! The admission of requests: a pure function of a request's head.
//!
//! A browser that follows the authorization server's redirect sends a `GET` without a body, to the host
//! of the redirect URI, as a navigation of a window. Any other request is from a page that embeds or
//! fetches the URL, a rebound host name, a prefetch, or not from a browser.

use crate::nonce::Nonce;
use crate::paths;
use crate::sockets::LOOPBACK;
use crate::verdict::Verdict;
use hyper::http::request::Parts;
use hyper::http::uri::{Authority, Scheme};
use hyper::{HeaderMap, Method, header};
use std::net::SocketAddr;

pub(crate) struct Admission {
    pub(crate) port: u16,
    pub(crate) callback_path: String,
    pub(crate) start_nonce: Nonce,
    pub(crate) probe_nonce: Nonce,
}

/// An admitted request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// A request for the redirect URI's path, with any query.
    Callback {
        /// Path and query, as sent.
        target: String,
    },
    /// A request for the start URL.
    Start,
    /// A request for the outcome page.
    OutcomePage,
    /// A request of the listener's own self-test.
    Probe,
}

impl Admission {
    /// Admits a request, or returns the verdict that refuses it.
    pub(crate) fn check(&self, head: &Parts) -> Result<Admitted, Verdict> {
        // hyper passes on any token as a method.
        if head.method != Method::GET {
            return Err(Verdict::OtherMethod);
        }
        self.check_authority(head)?;
        let admitted = match head.uri.path() {
            path if path == self.callback_path => {
                let target = head.uri.path_and_query().map_or(path, |target| target.as_str());
                Admitted::Callback { target: target.to_owned() }
            }
            paths::OUTCOME => Admitted::OutcomePage,
            path if has_nonce(&self.start_nonce, paths::START, path) => Admitted::Start,
            path if self.is_probe(path) => Admitted::Probe,
            _ => return Err(Verdict::NotFound),
        };
        if declares_body(&head.headers) {
            return Err(Verdict::BadRequest);
        }
        if !may_be_navigation(&head.headers) {
            return Err(Verdict::NotANavigation);
        }
        Ok(admitted)
    }

    /// Checks that there is exactly one `Host`, which an absolute-form target overrides (RFC 9112
    /// sections 3.2 and 3.2.2), and that it is the one of the redirect URI. A probe instead names one of
    /// the two loopback addresses.
    fn check_authority(&self, head: &Parts) -> Result<(), Verdict> {
        let mut hosts = head.headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Err(Verdict::BadRequest);
        };
        let authority = match (head.uri.scheme(), head.uri.authority()) {
            (None, None) if head.uri.path().starts_with('/') => {
                Authority::try_from(host.as_bytes()).map_err(|_| Verdict::BadRequest)?
            }
            (Some(scheme), Some(authority)) if *scheme == Scheme::HTTP => authority.clone(),
            _ => return Err(Verdict::BadRequest),
        };
        if authority.as_str().contains('@') {
            Err(Verdict::BadRequest)
        } else if self.is_ours(authority.as_str())
            || self.is_probe(head.uri.path()) && self.is_literal(authority.as_str())
        {
            Ok(())
        } else {
            Err(Verdict::Misdirected { port: self.port })
        }
    }

    /// Compares without regard to case. A browser omits port 80 (RFC 9110 section 4.2.3).
    fn is_ours(&self, authority: &str) -> bool {
        authority.eq_ignore_ascii_case(&format!("localhost:{}", self.port))
            || self.port == 80 && authority.eq_ignore_ascii_case("localhost")
    }

    fn is_literal(&self, authority: &str) -> bool {
        LOOPBACK.into_iter().any(|ip| authority == SocketAddr::new(ip, self.port).to_string())
    }

    fn is_probe(&self, path: &str) -> bool {
        has_nonce(&self.probe_nonce, paths::PROBE, path)
    }
}

fn has_nonce(nonce: &Nonce, prefix: &str, path: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|guess| nonce.matches(guess.as_bytes()))
}

fn declares_body(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get_all(header::CONTENT_LENGTH).iter().any(|length| length != "0")
}

/// Returns whether the request may be a navigation of a window by the user, as far as its Fetch Metadata
/// and prefetch headers show. Older browsers do not send these headers.
fn may_be_navigation(headers: &HeaderMap) -> bool {
    let is_absent_or = |name, wanted| headers.get_all(name).iter().all(|value| value == wanted);
    let is_prefetch = ["sec-purpose", "purpose", "x-moz"]
        .iter()
        .flat_map(|name| headers.get_all(*name))
        .any(|value| value.as_bytes().to_ascii_lowercase().starts_with(b"prefetch"));
    is_absent_or("sec-fetch-mode", "navigate") && is_absent_or("sec-fetch-dest", "document") && !is_prefetch
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    #[test]
    fn the_host_is_that_of_the_redirect_uri_or_an_address_in_a_probe_that_knows_the_nonce() {
        let callback = "/auth/callback?code=C&state=S";
        let admitted = || Ok(Admitted::Callback { target: callback.to_owned() });
        let probe = "/.keymint/PROBE";
        for (port, path, host, expected) in [
            (80, callback, "localhost", admitted()),
            (80, callback, "localhost:80", admitted()),
            (80, callback, "localhost:5000", Err(Verdict::Misdirected { port: 80 })),
            (5000, probe, "localhost:5000", Ok(Admitted::Probe)),
            (5000, probe, "127.0.0.1:5000", Ok(Admitted::Probe)),
            (5000, probe, "[::1]:5000", Ok(Admitted::Probe)),
            (5000, probe, "127.0.0.1", Err(Verdict::Misdirected { port: 5000 })),
            (5000, probe, "127.0.0.1:80", Err(Verdict::Misdirected { port: 5000 })),
            (5000, probe, "127.0.1.1:5000", Err(Verdict::Misdirected { port: 5000 })),
            (5000, probe, "[0:0::1]:5000", Err(Verdict::Misdirected { port: 5000 })),
            (5000, probe, "evil.example:5000", Err(Verdict::Misdirected { port: 5000 })),
            (5000, "/.keymint/START", "127.0.0.1:5000", Err(Verdict::Misdirected { port: 5000 })),
            (5000, "/.keymint/START", "localhost:5000", Err(Verdict::NotFound)),
            (5000, "/.keymint/PROBE/", "localhost:5000", Err(Verdict::NotFound)),
            (5000, "/.keymint/", "localhost:5000", Err(Verdict::NotFound)),
            (5000, "/.keymint", "localhost:5000", Err(Verdict::NotFound)),
        ] {
            let request = Request::builder().uri(path).header("host", host);
            let admission = Admission {
                port,
                callback_path: "/auth/callback".to_owned(),
                start_nonce: Nonce::from("START"),
                probe_nonce: Nonce::from("PROBE"),
            };
            let head = request.body(()).unwrap().into_parts().0;
            assert_eq!(admission.check(&head), expected, "{path} of {host} on {port}");
        }
    }
}
