//! The hosts that are reached directly, without a proxy.

use super::port_number;
use std::net::IpAddr;
use url::{Host, Url};

/// An entry of `NO_PROXY`.
#[derive(Debug, Clone)]
pub(super) enum Exception {
    Everything,
    /// The addresses that share this number of leading bits with this one.
    Network(IpAddr, u32),
    /// A host, with its subdomains if it is a name.
    Host(Host, Option<u16>),
}

impl Exception {
    /// Parses an entry. `None` if no host can match it.
    pub(super) fn parse(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self::Everything);
        }
        if let Some((address, bits)) = entry.split_once('/') {
            let address: IpAddr = address.parse().ok()?;
            let longest = if address.is_ipv4() { 32 } else { 128 };
            return Some(Self::Network(address, bits.parse().ok().filter(|bits| *bits <= longest)?));
        }
        let (host, port) = match entry.rsplit_once(':') {
            _ if entry.parse::<IpAddr>().is_ok() || entry.ends_with(']') => (entry, None),
            Some((host, digits)) => (host, Some(port_number(digits)?)),
            None => (entry, None),
        };
        let host = match host.parse() {
            Ok(IpAddr::V4(address)) => Host::Ipv4(address),
            Ok(IpAddr::V6(address)) => Host::Ipv6(address),
            Err(_) => {
                let name = host.strip_prefix('*').unwrap_or(host);
                Host::parse(name.strip_prefix('.').unwrap_or(name).trim_end_matches('.')).ok()?
            }
        };
        Some(Self::Host(host, port))
    }

    pub(super) fn covers(&self, url: &Url) -> bool {
        match (self, url.host()) {
            (Self::Everything, _) => true,
            (Self::Network(network, bits), Some(host)) => {
                address(&host).is_some_and(|address| have_common_prefix(*network, address, *bits))
            }
            (Self::Host(exception, port), Some(host)) => {
                let is_host = match (exception, &host) {
                    (Host::Domain(suffix), Host::Domain(name)) => {
                        let name = name.trim_end_matches('.');
                        name.strip_suffix(suffix.as_str())
                            .is_some_and(|sub| sub.is_empty() || sub.ends_with('.'))
                    }
                    (exception, host) => {
                        let exception = address(exception);
                        exception.is_some() && exception == address(host)
                    }
                };
                is_host && port.is_none_or(|port| url.port_or_known_default() == Some(port))
            }
            (_, None) => false,
        }
    }
}

fn address<S>(host: &Host<S>) -> Option<IpAddr> {
    match host {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some((*address).into()),
        Host::Ipv6(address) => Some(IpAddr::from(*address).to_canonical()),
    }
}

fn have_common_prefix(one: IpAddr, other: IpAddr, bits: u32) -> bool {
    let differing = match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        _ => return false,
    };
    differing >= bits
}

#[cfg(test)]
mod tests {
    use crate::proxy::ProxySettings;
    use keymint_domain::BaseUrl;

    fn is_direct(exceptions: &str, server: &str) -> bool {
        let settings = ProxySettings::from_variables(|name| {
            let variables = [("HTTPS_PROXY", "http://proxy:3128"), ("NO_PROXY", exceptions)];
            variables.into_iter().find(|(variable, _)| *variable == name).map(|(_, value)| value.to_owned())
        });
        settings.proxy_for(&BaseUrl::parse(server).unwrap()).unwrap().is_none()
    }

    #[test]
    fn no_proxy_names_hosts_addresses_and_networks() {
        for (exceptions, server) in [
            ("*", "https://host.test"),
            ("a.test, host.test", "https://host.test"),
            ("a.test host.test", "https://sub.host.test"),
            ("HOST.test.", "https://host.TEST"),
            ("host.test", "https://host.test."),
            (".host.test", "https://host.test"),
            ("*.host.test", "https://sub.host.test"),
            ("host.test:8443", "https://host.test:8443"),
            ("host.test:443", "https://host.test"),
            ("bücher.test", "https://xn--bcher-kva.test"),
            ("10.1.2.3", "https://10.1.2.3"),
            ("10.0.0.0/8", "https://10.1.2.3"),
            ("10.1.2.3", "https://[::ffff:10.1.2.3]"),
            ("0.0.0.0/0", "https://10.1.2.3"),
            ("10.1.2.3:8443", "https://10.1.2.3:8443"),
            ("fd00::1", "https://[fd00::1]"),
            ("[fd00::1]", "https://[fd00::1]"),
            ("[fd00::1]:8443", "https://[fd00::1]:8443"),
            ("fd00::/8", "https://[fd00::1]"),
        ] {
            assert!(is_direct(exceptions, server), "{exceptions}: {server}");
        }
        for (exceptions, server) in [
            ("", "https://host.test"),
            (", ,.,*.,:,/", "https://host.test"),
            ("host.test", "https://nothost.test"),
            ("sub.host.test", "https://host.test"),
            ("host.test:8443", "https://host.test"),
            ("host.test:x", "https://host.test"),
            ("test.host", "https://host.test"),
            ("10.0.0.0/8", "https://11.1.2.3"),
            ("10.0.0.0/33", "https://10.1.2.3"),
            ("10.1.2.3", "https://10.1.2.30"),
            ("10.0.0.0/8", "https://host.test"),
            ("fd00::/8", "https://10.1.2.3"),
            ("::/0", "https://10.1.2.3"),
        ] {
            assert!(!is_direct(exceptions, server), "{exceptions}: {server}");
        }
    }
}
