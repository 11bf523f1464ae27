//! What became of a request that got no whole answer.

use crate::client::Http;
use keymint_domain::text::spoken;
use keymint_domain::{ServiceErrorKind, Unreached};
use std::error::Error;
use std::{io, iter};
use url::Url;

/// Longest cause that is shown, in characters. A server chooses part of it: the names in a
/// certificate.
const LONGEST_CAUSE: usize = 300;

/// Sorts a failure and puts it into words.
///
/// Only what failed while the connection was being made counts as not sent. In doubt a request was
/// sent: a time-out of the whole may have struck before, and is not told apart.
pub(crate) fn failure(error: reqwest::Error, url: &Url, http: &Http) -> (ServiceErrorKind, String) {
    let error = error.without_url();
    let host = url.host_str().unwrap_or_default();
    let cause = http.secrets().clean(&root_cause(&error), LONGEST_CAUSE);
    if error.is_connect() || error.is_builder() {
        let unreached = unreached(&error);
        let words = match unreached {
            Unreached::Dns => format!("could not find the address of {host}: {cause}"),
            Unreached::Tls if untrusted(&error) => {
                format!("the certificate of {host} is not trusted: {cause}")
            }
            Unreached::Tls => format!("no secure connection to {host}: {cause}"),
            Unreached::Proxy => format!("the proxy did not let it through: {cause}"),
            Unreached::TimedOut => format!("no connection within {}", spoken(http.options().connect_timeout)),
            _ => format!("could not connect: {cause}"),
        };
        return (ServiceErrorKind::NotSent(unreached), words);
    }
    if error.is_timeout() {
        let words = format!("no whole answer within {}", spoken(http.options().request_timeout));
        return (ServiceErrorKind::TimedOut, words);
    }
    (ServiceErrorKind::Interrupted, format!("the connection broke before a whole answer came: {cause}"))
}

fn unreached(error: &reqwest::Error) -> Unreached {
    // The proxy first: the way to it may be cut by any of the others. Its error has no public type.
    if chain(error).any(|cause| cause.to_string().starts_with("tunnel error")) {
        Unreached::Proxy
    } else if error.is_timeout() {
        Unreached::TimedOut
    } else if tls(error).is_some() {
        Unreached::Tls
    } else if error.is_dns() {
        Unreached::Dns
    } else {
        Unreached::Connect
    }
}

fn untrusted(error: &reqwest::Error) -> bool {
    matches!(tls(error), Some(rustls::Error::InvalidCertificate(_)))
}

fn tls(error: &reqwest::Error) -> Option<&rustls::Error> {
    chain(error).find_map(inner_tls)
}

/// An I/O error stands for the error inside it, which the chain of sources therefore lacks.
fn inner_tls<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    match cause.downcast_ref::<io::Error>() {
        Some(io) => inner_tls(io.get_ref()?),
        None => cause.downcast_ref(),
    }
}

/// The last cause says what happened; those before it only where.
fn root_cause(error: &reqwest::Error) -> String {
    match tls(error) {
        Some(rustls::Error::InvalidCertificate(why)) => why.to_string(),
        _ => chain(error).last().map(ToString::to_string).unwrap_or_default(),
    }
}

pub(crate) fn chain(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    iter::successors(Some(error as &(dyn Error + 'static)), |&error| error.source())
}
