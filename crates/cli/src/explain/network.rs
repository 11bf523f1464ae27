//! The errors of requests to the servers.

use crate::error::{CliError, ErrorKind};
use keymint_domain::{Advice, ServiceError, ServiceErrorKind, Step};

/// The error of a request. The variable is the one that names the proxy, if one does.
pub(crate) fn service(error: ServiceError, proxy_variable: Option<&str>) -> CliError {
    let kind = match error.kind {
        ServiceErrorKind::NotSent(_) | ServiceErrorKind::TimedOut => ErrorKind::Network,
        _ => ErrorKind::Server,
    };
    let advice = error.advice();
    let hint = match advice {
        Advice::SignInAgain if error.step != Step::ExchangeCode => "The session was refused. ".to_owned(),
        _ => String::new(),
    } + &hint(advice, proxy_variable);
    CliError::from_source(kind, error).hint(hint)
}

/// The words and options for an advice of the domain.
pub(crate) fn hint(advice: Advice, proxy_variable: Option<&str>) -> String {
    let hint = match (advice, proxy_variable) {
        (Advice::CheckHostName, _) => "Check the network connection, and the host name if you have set one.",
        (Advice::CheckTrust, _) => {
            "If a company proxy inspects TLS, pass its certificate with --ca-file. Check this machine's clock, too, \
             and --issuer and --api-base if you have set them."
        }
        (Advice::CheckProxy, Some(variable)) => {
            return format!(
                "{variable} names the proxy. Check its address, and the user name and password in it; NO_PROXY lists \
                 the hosts that are reached without it."
            );
        }
        (Advice::CheckProxy, None) => "Check the proxy in HTTPS_PROXY, ALL_PROXY and NO_PROXY.",
        (Advice::CheckNetwork, _) => {
            "Check the network connection, a firewall, and whether a proxy is needed (HTTPS_PROXY)."
        }
        (Advice::WaitLonger, _) => {
            "Check the network connection and run it again. --http-timeout waits longer."
        }
        (Advice::SlowDown, _) => "The server is asked too often. Wait a few minutes and run it again.",
        (Advice::TryLater, _) => {
            "The server has a problem. https://status.openai.com may know more; run it again later."
        }
        (Advice::CheckKeyPermissions, _) => {
            "The key may lack the permission to list models, with which it is tried."
        }
        (Advice::SignInAgain, _) => "Run it again to sign in anew.",
        (Advice::UseAnotherAccount, _) => "Run it again, perhaps with another account.",
        (Advice::CheckRole, _) => {
            "No key was made. The account may lack the permission: check its role in the organization."
        }
        _ => {
            "Run it again. If it happens again, check --issuer and --api-base, and whether a proxy answers in the server's place."
        }
    };
    hint.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use keymint_domain::ConnectFailure;

    #[test]
    fn a_failure_of_a_server_has_a_hint_that_helps() {
        let refused = |status| ServiceErrorKind::Refused { status, retry_after: None };
        for (step, kind, expected) in [
            (Step::Login, ServiceErrorKind::NotSent(ConnectFailure::Dns), "network connection"),
            (Step::Login, ServiceErrorKind::NotSent(ConnectFailure::Tls), "clock"),
            (Step::Login, ServiceErrorKind::NotSent(ConnectFailure::Proxy), "NO_PROXY"),
            (Step::Login, ServiceErrorKind::TimedOut, "--http-timeout"),
            (Step::ExchangeCode, refused(400), "sign in anew"),
            (Step::Login, refused(401), "sign in anew"),
            (Step::ListOrganizations, refused(401), "sign in anew"),
            (Step::ListProjects, refused(401), "sign in anew"),
            (Step::CreateKey, refused(403), "permission"),
            (Step::CreateKey, refused(429), "a few minutes"),
            (Step::Login, refused(503), "later"),
            (Step::Login, ServiceErrorKind::OutOfContract, "--issuer"),
        ] {
            let told = service(ServiceError::new(step, kind, "no"), None).hints().unwrap();
            assert!(told.contains(expected), "{step}, {kind:?}: {told}");
        }
        assert!(hint(Advice::CheckProxy, Some("ALL_PROXY")).starts_with("ALL_PROXY names the proxy."));
    }
}
