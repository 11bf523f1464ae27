//! The errors of requests to the servers.

use crate::error::{CliError, ErrorKind};
use crate::ui::format::{ADMIN_KEY_VARIABLE, ADMIN_KEYS_PAGE, DASHBOARD, PROJECTS_PAGE};
use keymint_domain::{Advice, ProxyInUse, ServiceError, Step};
use keymint_http_adapter::HttpSetupError;

/// The page that lists the supported countries.
const COUNTRIES: &str = "https://platform.openai.com/docs/supported-countries";

/// Returns the error of a request.
pub(crate) fn service(error: ServiceError) -> CliError {
    let (advice, reason, kind) = (error.advice(), error.reason(), error.failure_kind().into());
    let before = match (advice, error.step) {
        (Advice::SignInAgain, step) if step != Step::ExchangeCode => "The session was refused. ",
        (
            Advice::AskOwner | Advice::CheckPolicy | Advice::CheckRoleAndPolicy | Advice::CheckProject,
            step,
        ) if step.creates_key() => "No key was created. ",
        _ => "",
    };
    let hint = format!("{before}{}", hint(&error));
    CliError::from_source(kind, error).hint(hint).reason(Some(reason))
}

/// Returns the error of a program that cannot send requests at all.
pub(crate) fn not_set_up(error: HttpSetupError) -> CliError {
    CliError::from_source(ErrorKind::Network, error).hint(setup_hint())
}

/// Returns the hint for a program that cannot send requests at all.
pub(crate) fn setup_hint() -> &'static str {
    if cfg!(any(windows, target_os = "macos")) {
        "Check the proxy. If you use --ca-file, leave it out and add its certificates to those of the system."
    } else {
        "Install the system's certificates (often a package named ca-certificates), or name a bundle with --ca-file."
    }
}

/// Returns the text for the domain's advice, with the options that help.
pub(crate) fn hint(error: &ServiceError) -> String {
    let hint = match (error.advice(), error.proxy.as_deref()) {
        (Advice::CheckHostName, _) => "Check the network connection, and the host name if you have set one.",
        (Advice::CheckTrust, _) => {
            "If a company proxy inspects TLS, pass its certificate with --ca-file. Also check this machine's clock, \
             and --issuer and --api-base if you have set them."
        }
        (Advice::CheckProxy, Some(ProxyInUse { setting, .. })) => {
            return format!(
                "{setting} names the proxy. Check its address, and the user name and password in it; NO_PROXY lists \
                 the hosts that are reached without it."
            );
        }
        (Advice::CheckProxy, None) => "Check the proxy in HTTPS_PROXY, ALL_PROXY and NO_PROXY.",
        (Advice::CheckNetwork, _) => {
            "Check the network connection, a firewall, and whether a proxy is needed (HTTPS_PROXY)."
        }
        (Advice::ChangeNetwork, _) => {
            "A bot check in front of the platform does not let this network through, which often happens to a VPN, \
             a data center or a proxy. Use another network, or run `keymint start` and `keymint finish` on a laptop \
             in another network."
        }
        (Advice::SignInToNetwork, _) => {
            "A captive portal or a proxy answered, not the platform. Open any web page in a browser on this machine \
             to see whether the network asks for something, and check --issuer and --api-base if you have set them."
        }
        (Advice::IdentifyServer, _) => {
            "The answer does not show which server refused this: a proxy, a firewall or the platform. Try another \
             network, and check --issuer and --api-base if you have set them."
        }
        (Advice::ChangeRoute, Some(ProxyInUse { url, setting })) => {
            return format!(
                "The platform refuses requests from the country or region of the proxy {url}, which {setting} \
                 names. Use another proxy, or none. {COUNTRIES} lists the supported countries."
            );
        }
        (Advice::ChangeRoute, None) => {
            return format!(
                "The platform refuses requests from the country or region of this network. No proxy is used; a VPN \
                 may be the cause. {COUNTRIES} lists the supported countries."
            );
        }
        (Advice::WaitLonger, _) => {
            "Check the network connection and run it again. --http-timeout waits longer."
        }
        (Advice::SlowDown, _) => {
            "The server receives too many requests. Wait a few minutes and run it again."
        }
        (Advice::TryLater, _) => {
            "The server has a problem. See https://status.openai.com, and run it again later."
        }
        (Advice::AddCredit, _) => {
            "The account has no credit. Add some at https://platform.openai.com/settings/organization/billing."
        }
        (Advice::CheckKeyPermissions, _) => {
            "The key may lack the permission to list models, by which it is verified."
        }
        (Advice::SignInAgain, _) => "Run it again to sign in again.",
        (Advice::UseAnotherAccount, _) => "Run it again, perhaps with another account.",
        (Advice::AskOwner, _) => {
            "The account may only read in this organization: ask an owner for the permission to create keys, or for a \
             key."
        }
        (Advice::CheckPolicy, _)
            if matches!(
                error.step,
                Step::CreateServiceAccount | Step::UpdateServiceAccount | Step::CreateAccountKey
            ) =>
        {
            "The organization or the project does not accept this key. It may require an expiry, or a shorter one \
             (--expires), accept no new keys or service accounts, or have as many as it may."
        }
        (Advice::CheckPolicy, _) => {
            "The organization or the project does not accept this key. It may require an expiry, or a shorter one \
             (--expires), accept no keys of users, or have reached its limit of keys. Or the project was archived: \
             --project names another one."
        }
        (Advice::CheckRoleAndPolicy, _)
            if matches!(
                error.step,
                Step::CreateServiceAccount | Step::UpdateServiceAccount | Step::CreateAccountKey
            ) =>
        {
            return format!(
                "The organization or the project may accept no new keys or service accounts, or require an expiry \
                 (--expires). Or the admin key lacks the permission to create them: {ADMIN_KEYS_PAGE} lists the admin \
                 keys."
            );
        }
        (Advice::CheckRoleAndPolicy, _) => {
            "The organization or the project may require an expiry (--expires), accept no keys of users, or have \
             reached its limit of keys. Or the project was archived: --project names another one. Or the account \
             lacks the permission: check its role in the organization."
        }
        (Advice::CheckProject, _) => {
            "The project may have been archived or deleted, or have reached its limit of keys. `keymint list` shows \
             the \
             projects; --project names one."
        }
        (Advice::Update, _) => {
            return format!(
                "The platform does not list organizations for this sign-in, so it may have changed. Look for a newer \
                 keymint, or create the key by hand: {DASHBOARD}. Check --api-base if you have set it."
            );
        }
        (Advice::CheckAdminKey, _) => {
            return format!(
                "Check the admin key in {ADMIN_KEY_VARIABLE}: it may be revoked, or lack the permission to manage \
                 keys. \
                 {ADMIN_KEYS_PAGE} lists the admin keys."
            );
        }
        (Advice::CheckKeyExists, _) => {
            "The key or the service account is not in the project: it may be deleted already. `keymint admin list` \
             shows the keys."
        }
        (Advice::CheckKeyOwner, _) => {
            return format!(
                "A key of a service account is deleted only together with the account, in the settings of its \
                 project: {PROJECTS_PAGE}"
            );
        }
        (Advice::CheckRole, _) => {
            "No key was created. The account may lack the permission: check its role in the organization."
        }
        _ => {
            "Run it again. If it happens again, check --issuer and --api-base, and whether a proxy answers in the \
             server's place."
        }
    };
    hint.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use keymint_domain::{ConnectFailure, ServiceErrorKind};

    #[test]
    fn a_failure_of_a_server_has_a_hint_that_helps() {
        let refused = |status| ServiceErrorKind::Refused { status, retry_after: None };
        for (step, kind, expected) in [
            (Step::Login, ServiceErrorKind::NotSent(ConnectFailure::Dns), "network connection"),
            (Step::Login, ServiceErrorKind::NotSent(ConnectFailure::Tls), "clock"),
            (Step::Login, ServiceErrorKind::NotSent(ConnectFailure::Proxy), "NO_PROXY"),
            (Step::Login, ServiceErrorKind::TimedOut, "--http-timeout"),
            (Step::ExchangeCode, refused(400), "sign in again"),
            (Step::Login, refused(401), "sign in again"),
            (Step::ListOrganizations, refused(401), "sign in again"),
            (Step::ListProjects, refused(401), "sign in again"),
            (Step::CreateKey, refused(403), "permission"),
            (Step::CreateKey, ServiceErrorKind::Unidentified { status: 403 }, "which server refused"),
            (Step::CreateKey, refused(429), "a few minutes"),
            (Step::Login, refused(503), "later"),
            (Step::Login, ServiceErrorKind::OutOfContract, "--issuer"),
        ] {
            let told = service(ServiceError::new(step, kind, "no")).hints().unwrap();
            assert!(told.contains(expected), "{step}, {kind:?}: {told}");
        }
        let proxy = ProxyInUse { url: "http://proxy:3128".to_owned(), setting: "ALL_PROXY".to_owned() };
        let by_proxy = |kind, code| {
            ServiceError::new(Step::Login, kind, "no").with_code(code).with_proxy(Some(proxy.clone()))
        };
        let unreached = by_proxy(ServiceErrorKind::NotSent(ConnectFailure::Proxy), "");
        assert!(hint(&unreached).starts_with("ALL_PROXY names the proxy."));
        let country = hint(&by_proxy(refused(403), "unsupported_country_region_territory"));
        assert!(country.contains("the proxy http://proxy:3128, which ALL_PROXY names"), "{country}");
    }
}
