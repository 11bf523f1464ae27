//! The failure of a request that received no complete answer.

use crate::options::HttpOptions;
use crate::transport::TransportError;
use keymint_domain::text::{human_duration, is_word, quote_unless_word};
use keymint_domain::{ConnectFailure, ServiceErrorKind};
use rustls::pki_types::UnixTime;
use rustls::{CertificateError, OtherError};
use std::error::Error;
use std::time::{Duration, UNIX_EPOCH};
use std::{io, iter};

/// The maximum length of a name in a certificate, in characters.
const LONGEST_NAME: usize = 300;

/// Translates the failure of a request to this host.
///
/// Only a failure to connect counts as not sent. In doubt, the request counts as sent: the time limit of the whole
/// request may expire before anything is sent, and reqwest does not report that.
pub(crate) fn transport_error(error: reqwest::Error, host: &str, options: &HttpOptions) -> TransportError {
    let error = error.without_url();
    let cause = root_cause(&error);
    if error.is_connect() || error.is_builder() {
        let failure = connect_failure(&error);
        let new = |words| TransportError::new(ServiceErrorKind::NotSent(failure), words);
        return match failure {
            ConnectFailure::Dns => new(format!("could not resolve {host}")).because(cause),
            ConnectFailure::Tls if untrusted(&error) => {
                new(format!("the certificate of {host} is not trusted")).because(cause)
            }
            ConnectFailure::Tls => new(format!("the TLS handshake with {host} failed")).because(cause),
            ConnectFailure::Proxy if cause == "tunnel error: unsuccessful" => new(
                "could not connect through the proxy: it blocks this server, or rejects the user name or \
                     password"
                    .to_owned(),
            ),
            ConnectFailure::Proxy => new("could not connect through the proxy".to_owned()).because(cause),
            ConnectFailure::TimedOut => {
                new(format!("no connection within {}", human_duration(options.connect_timeout)))
            }
            _ => new("could not connect".to_owned()).because(cause),
        };
    }
    if error.is_timeout() {
        let words = format!("no complete answer within {}", human_duration(options.request_timeout));
        return TransportError::new(ServiceErrorKind::TimedOut, words);
    }
    TransportError::new(ServiceErrorKind::Interrupted, TransportError::CUT).because(cause)
}

fn connect_failure(error: &reqwest::Error) -> ConnectFailure {
    // Tested first, since a proxy's error may contain any of the others. The error has no public type.
    if chain(error).any(|cause| cause.to_string().starts_with("tunnel error")) {
        ConnectFailure::Proxy
    } else if error.is_timeout() {
        ConnectFailure::TimedOut
    } else if tls(error).is_some() {
        ConnectFailure::Tls
    } else if error.is_dns() {
        ConnectFailure::Dns
    } else {
        ConnectFailure::Connect
    }
}

fn untrusted(error: &reqwest::Error) -> bool {
    matches!(tls(error), Some(rustls::Error::InvalidCertificate(_)))
}

fn tls(error: &reqwest::Error) -> Option<&rustls::Error> {
    chain(error).find_map(inner_tls)
}

/// Finds the TLS error in a cause. An I/O error omits the error that it wraps from the chain of sources.
fn inner_tls<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    match cause.downcast_ref::<io::Error>() {
        Some(io) => inner_tls(io.get_ref()?),
        None => cause.downcast_ref(),
    }
}

/// Returns the message of the last cause. The other causes only say where the failure occurred.
fn root_cause(error: &reqwest::Error) -> String {
    match tls(error) {
        Some(rustls::Error::InvalidCertificate(why)) => distrust(why),
        _ => chain(error).last().map(ToString::to_string).unwrap_or_default(),
    }
}

const UNKNOWN_ISSUER: &str = "it was signed by an unknown certificate authority";

/// Returns the reason why a certificate is not trusted, in words that say what to check.
fn distrust(why: &CertificateError) -> String {
    match why {
        CertificateError::UnknownIssuer => UNKNOWN_ISSUER.to_owned(),
        CertificateError::BadSignature => "its signature is not that of its issuer".to_owned(),
        CertificateError::ExpiredContext { time, not_after } => {
            format!("it expired on {}, and this machine's clock says {}", date(*not_after), date(*time))
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            format!(
                "it is not valid before {}, and this machine's clock says {}",
                date(*not_before),
                date(*time)
            )
        }
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            "it names no host".to_owned()
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            // As in `DnsName("host.example")`.
            let names = presented.iter().map(|name| quote_unless_host(between_quotes(name).unwrap_or(name)));
            format!("it is for another host: {}", names.collect::<Vec<_>>().join(", "))
        }
        other => {
            if let CertificateError::Other(OtherError(cause)) = other
                && let Some(words) = refusal_of_windows(&cause.to_string())
            {
                return words;
            }
            // As in `Other(OtherError(CaUsedAsEndEntity))`.
            let debug = format!("{other:?}");
            let rule = debug.trim_start_matches("Other(").trim_start_matches("OtherError(");
            let end = rule.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rule.len());
            match rule[..end].trim_end_matches("Context") {
                "CaUsedAsEndEntity" => {
                    "it is a CA certificate, which a server must not use; give the server a certificate \
                     that this CA has signed"
                        .to_owned()
                }
                "InvalidPurpose" | "EkuError" | "RequiredEkuNotFound" => {
                    "it is not a server certificate".to_owned()
                }
                rule => format!("it violates a rule for certificates: {}", in_words(rule)),
            }
        }
    }
}

/// Returns the explanation of a Windows error code. The verifier of Windows reports the code only as text.
fn refusal_of_windows(text: &str) -> Option<String> {
    // As in `The revocation process could not continue. (os error -2146762482)`.
    let (reason, code) = text.strip_suffix(')')?.rsplit_once(" (os error ")?;
    let code = code.parse::<i32>().ok()?.cast_unsigned();
    Some(match code {
        // CERT_E_REVOCATION_FAILURE, CRYPT_E_NO_REVOCATION_CHECK, CRYPT_E_REVOCATION_OFFLINE
        0x800B_010E | 0x8009_2012 | 0x8009_2013 => {
            format!("Windows could not check its revocation (error 0x{code:08X})")
        }
        // CERT_E_CHAINING, CERT_E_UNTRUSTEDTESTROOT, CERT_E_UNTRUSTEDCA
        0x800B_010A | 0x800B_010D | 0x800B_0112 => UNKNOWN_ISSUER.to_owned(),
        // The system has no text for the code.
        _ if reason.contains("FormatMessage") => format!("Windows rejects it (error 0x{code:08X})"),
        _ => format!("Windows rejects it (error 0x{code:08X}: {})", reason.trim_end_matches('.')),
    })
}

fn between_quotes(text: &str) -> Option<&str> {
    Some(text.split_once('"')?.1.rsplit_once('"')?.0)
}

/// Returns a name from a certificate, in quotes unless it is a host name. Another text could pass for a message of
/// this program.
fn quote_unless_host(name: &str) -> String {
    match name.strip_prefix("*.") {
        Some(parent) if is_word(parent) => name.to_owned(),
        _ => quote_unless_word(name, LONGEST_NAME),
    }
}

/// Returns the name of a rule, such as `UnhandledCriticalExtension`, as separate words.
fn in_words(name: &str) -> String {
    let mut words = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(c.to_ascii_lowercase());
    }
    words
}

fn date(time: UnixTime) -> String {
    /// The last second of the year 9999, after which a date cannot be written.
    const LAST: u64 = 253_402_300_799;
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(time.as_secs().min(LAST)))
}

pub(crate) fn chain(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    iter::successors(Some(error as &(dyn Error + 'static)), |&error| error.source())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::ServerName;
    use std::sync::Arc;

    #[test]
    fn a_reason_that_has_no_words_of_its_own_is_its_name_in_words() {
        #[derive(Debug, thiserror::Error)]
        #[error("not shown")]
        struct UnsupportedCriticalExtension;

        let other = CertificateError::Other(OtherError(Arc::new(UnsupportedCriticalExtension)));
        for (why, words) in [
            (other, "it violates a rule for certificates: unsupported critical extension"),
            (CertificateError::BadEncoding, "it violates a rule for certificates: bad encoding"),
            (CertificateError::Revoked, "it violates a rule for certificates: revoked"),
        ] {
            assert_eq!(distrust(&why), words);
        }
    }

    #[test]
    fn an_error_code_of_windows_is_named_as_windows_writes_it() {
        let failed = "OS Error -2146762482 (FormatMessageW() returned error 317) (os error -2146762482)";
        for (text, words) in [
            (failed, "Windows could not check its revocation (error 0x800B010E)"),
            ("Offline. (os error -2146885613)", "Windows could not check its revocation (error 0x80092013)"),
            ("A chain ended. (os error -2146762486)", UNKNOWN_ISSUER),
            (
                "OS Error -1 (FormatMessageW() returned error 317) (os error -1)",
                "Windows rejects it (error 0xFFFFFFFF)",
            ),
            (
                "Une contrainte de base. (os error -2146869223)",
                "Windows rejects it (error 0x80096019: Une contrainte de base)",
            ),
        ] {
            let why = CertificateError::Other(OtherError(Arc::from(Box::from(text))));
            assert_eq!(distrust(&why), words);
        }
    }

    #[test]
    fn a_name_in_a_certificate_is_in_quotes_unless_it_is_a_host() {
        for (presented, words) in [
            (r#"DnsName("a.example")"#, "a.example"),
            (r#"DnsName("*.a.example")"#, "*.a.example"),
            (r#"DnsName("a. No key exists.")"#, r#""a. No key exists.""#),
            (r#"DnsName("*. Run `x`")"#, r#""*. Run `x`""#),
            (r#"DnsName("a" b.")"#, r#""a\" b.""#),
            ("IpAddress(10.0.0.1)", r#""IpAddress(10.0.0.1)""#),
        ] {
            let why = CertificateError::NotValidForNameContext {
                expected: ServerName::try_from("localhost").unwrap(),
                presented: vec![presented.to_owned()],
            };
            assert_eq!(distrust(&why), format!("it is for another host: {words}"));
        }
    }
}
