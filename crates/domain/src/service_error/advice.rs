//! The suggestion for the user after a failure.

use crate::service_error::{Reason, ServiceError, ServiceErrorKind, Step};

/// A suggestion for the user after a [`ServiceError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Advice {
    /// Check the network connection and the host name.
    CheckHostName,
    /// Check the trusted certificates, and the clock.
    CheckTrust,
    /// Check the proxy's URL and credentials.
    CheckProxy,
    /// Check the network connection, a firewall, and whether a proxy is needed.
    CheckNetwork,
    /// Use another network: the platform's bot check does not let this one through.
    ChangeNetwork,
    /// Sign in to the network in a browser, or check the URLs of the servers.
    SignInToNetwork,
    /// Find out which server refused the request: a proxy, a firewall or the platform.
    IdentifyServer,
    /// Use a route, or a proxy, that leaves from a country that the platform serves.
    ChangeRoute,
    /// Wait longer for an answer, or check the network connection.
    WaitLonger,
    /// Wait a few minutes: there were too many requests.
    SlowDown,
    /// Try later: the server has a problem.
    TryLater,
    /// Add credit to the account.
    AddCredit,
    /// Check the permissions of the key.
    CheckKeyPermissions,
    /// Sign in again.
    SignInAgain,
    /// Sign in with another account.
    UseAnotherAccount,
    /// Ask an owner of the organization for the permission to create keys.
    AskOwner,
    /// Check the settings of the organization and the project for keys of users.
    CheckPolicy,
    /// Check the account's role in the organization.
    CheckRole,
    /// Check the account's role, and the settings for keys of users: either may be the cause.
    CheckRoleAndPolicy,
    /// Check whether the project still exists.
    CheckProject,
    /// Check the admin key, and its permissions.
    CheckAdminKey,
    /// Check whether the key or the service account still exists in the project.
    CheckKeyExists,
    /// Check the owner of the key: a key of a service account is deleted only together with the account.
    CheckKeyOwner,
    /// Look for a newer version: the platform no longer offers what was requested.
    Update,
    /// Check the URLs of the servers.
    CheckEndpoints,
}

impl Advice {
    pub(super) fn after(error: &ServiceError) -> Self {
        if let ServiceErrorKind::NotSent(failure) = error.kind {
            return failure.advice();
        }
        match (error.reason(), error.step) {
            (Reason::Proxy, _) => Self::CheckProxy,
            (Reason::Timeout, _) => Self::WaitLonger,
            (Reason::Challenge, _) => Self::ChangeNetwork,
            (Reason::Portal, _) => Self::SignInToNetwork,
            (Reason::Unidentified, _) => Self::IdentifyServer,
            (Reason::Country, _) => Self::ChangeRoute,
            (Reason::RateLimit, _) => Self::SlowDown,
            (Reason::Unavailable, _) => Self::TryLater,
            (Reason::Quota, _) => Self::AddCredit,
            (Reason::Policy, _) => Self::CheckPolicy,
            (Reason::Role, _) => Self::AskOwner,
            (Reason::Interrupted | Reason::OutOfContract, _) => Self::CheckEndpoints,
            (_, Step::CheckKey) => Self::CheckKeyPermissions,
            (_, Step::CheckServer | Step::RevokeToken) => Self::CheckEndpoints,
            (Reason::NotFound, Step::ListKeys | Step::CreateServiceAccount) => Self::CheckProject,
            (
                Reason::NotFound,
                Step::GetKey
                | Step::UpdateKey
                | Step::DeleteKey
                | Step::UpdateServiceAccount
                | Step::CreateAccountKey
                | Step::DeleteServiceAccount,
            ) => Self::CheckKeyExists,
            (Reason::Rejected, Step::DeleteKey) => Self::CheckKeyOwner,
            (
                Reason::Forbidden,
                Step::CreateServiceAccount | Step::UpdateServiceAccount | Step::CreateAccountKey,
            ) => Self::CheckRoleAndPolicy,
            (
                _,
                Step::ListAllProjects
                | Step::ListKeys
                | Step::GetKey
                | Step::UpdateKey
                | Step::DeleteKey
                | Step::CreateServiceAccount
                | Step::UpdateServiceAccount
                | Step::CreateAccountKey
                | Step::DeleteServiceAccount,
            ) => Self::CheckAdminKey,
            (_, Step::ExchangeCode) | (Reason::Unauthorized, _) => Self::SignInAgain,
            (_, Step::Login) => Self::UseAnotherAccount,
            (Reason::NotFound, Step::CreateKey) => Self::CheckProject,
            (Reason::NotFound, Step::ListOrganizations) => Self::Update,
            (_, Step::CreateKey) => Self::CheckRoleAndPolicy,
            (_, Step::ListOrganizations | Step::ListProjects) => Self::CheckRole,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service_error::{ConnectFailure, Intermediary};

    /// The steps of a sign-in, then those of an administrator.
    const STEPS: [Step; 17] = [
        Step::ExchangeCode,
        Step::Login,
        Step::ListOrganizations,
        Step::ListProjects,
        Step::CreateKey,
        Step::CheckKey,
        Step::CheckServer,
        Step::RevokeToken,
        Step::ListAllProjects,
        Step::ListKeys,
        Step::GetKey,
        Step::UpdateKey,
        Step::DeleteKey,
        Step::CreateServiceAccount,
        Step::UpdateServiceAccount,
        Step::CreateAccountKey,
        Step::DeleteServiceAccount,
    ];

    fn intercepted(by: Intermediary, status: u16) -> ServiceErrorKind {
        ServiceErrorKind::Intercepted { by, status }
    }

    fn unidentified(status: u16) -> ServiceErrorKind {
        ServiceErrorKind::Unidentified { status }
    }

    fn refused(status: u16) -> ServiceErrorKind {
        ServiceErrorKind::Refused { status, retry_after: None }
    }

    #[test]
    fn an_error_that_is_not_from_the_platform_has_the_same_advice_at_every_step() {
        for (kind, reason, advice) in [
            (intercepted(Intermediary::Challenge, 403), Reason::Challenge, Advice::ChangeNetwork),
            (intercepted(Intermediary::Challenge, 503), Reason::Challenge, Advice::ChangeNetwork),
            (intercepted(Intermediary::Proxy, 407), Reason::Proxy, Advice::CheckProxy),
            (intercepted(Intermediary::CaptivePortal, 511), Reason::Portal, Advice::SignInToNetwork),
            (intercepted(Intermediary::Redirect, 302), Reason::Portal, Advice::SignInToNetwork),
            (intercepted(Intermediary::WebPage, 200), Reason::Portal, Advice::SignInToNetwork),
            (intercepted(Intermediary::WebPage, 401), Reason::Portal, Advice::SignInToNetwork),
            (unidentified(401), Reason::Unidentified, Advice::IdentifyServer),
            (unidentified(403), Reason::Unidentified, Advice::IdentifyServer),
            (unidentified(404), Reason::Unidentified, Advice::IdentifyServer),
            (ServiceErrorKind::NotSent(ConnectFailure::Dns), Reason::Dns, Advice::CheckHostName),
            (ServiceErrorKind::NotSent(ConnectFailure::Tls), Reason::Tls, Advice::CheckTrust),
            (ServiceErrorKind::NotSent(ConnectFailure::Proxy), Reason::Proxy, Advice::CheckProxy),
            (ServiceErrorKind::NotSent(ConnectFailure::Connect), Reason::Connect, Advice::CheckNetwork),
            (ServiceErrorKind::NotSent(ConnectFailure::TimedOut), Reason::Timeout, Advice::CheckNetwork),
            (ServiceErrorKind::TimedOut, Reason::Timeout, Advice::WaitLonger),
            (ServiceErrorKind::Interrupted, Reason::Interrupted, Advice::CheckEndpoints),
            (ServiceErrorKind::OutOfContract, Reason::OutOfContract, Advice::CheckEndpoints),
            (refused(304), Reason::OutOfContract, Advice::CheckEndpoints),
            (refused(408), Reason::Timeout, Advice::WaitLonger),
            (refused(429), Reason::RateLimit, Advice::SlowDown),
            (refused(500), Reason::Unavailable, Advice::TryLater),
        ] {
            for step in STEPS {
                let error = ServiceError::new(step, kind, "no");
                assert_eq!((error.reason(), error.advice()), (reason, advice), "{step}: {kind:?}");
            }
        }
    }

    #[test]
    fn a_refusal_has_the_advice_that_helps_at_its_step() {
        use Advice::{
            CheckEndpoints, CheckKeyPermissions, CheckPolicy, CheckProject, CheckRole, CheckRoleAndPolicy,
            SignInAgain, Update, UseAnotherAccount,
        };
        for (status, reasons, advice) in [
            (
                400,
                [Reason::Rejected, Reason::Policy],
                [
                    SignInAgain,
                    UseAnotherAccount,
                    CheckRole,
                    CheckRole,
                    CheckPolicy,
                    CheckKeyPermissions,
                    CheckEndpoints,
                ],
            ),
            (
                401,
                [Reason::Unauthorized; 2],
                [
                    SignInAgain,
                    SignInAgain,
                    SignInAgain,
                    SignInAgain,
                    SignInAgain,
                    CheckKeyPermissions,
                    CheckEndpoints,
                ],
            ),
            (
                403,
                [Reason::Forbidden; 2],
                [
                    SignInAgain,
                    UseAnotherAccount,
                    CheckRole,
                    CheckRole,
                    CheckRoleAndPolicy,
                    CheckKeyPermissions,
                    CheckEndpoints,
                ],
            ),
            (
                404,
                [Reason::NotFound; 2],
                [
                    SignInAgain,
                    UseAnotherAccount,
                    Update,
                    CheckRole,
                    CheckProject,
                    CheckKeyPermissions,
                    CheckEndpoints,
                ],
            ),
        ] {
            for (step, advice) in STEPS.into_iter().zip(advice) {
                let error = ServiceError::new(step, refused(status), "no");
                let [usual, at_creation] = reasons;
                let reason = if step == Step::CreateKey { at_creation } else { usual };
                assert_eq!((error.reason(), error.advice()), (reason, advice), "{step}: {status}");
            }
        }
    }

    #[test]
    fn a_refusal_to_an_administrator_has_the_advice_that_helps_at_its_step() {
        use Advice::{
            CheckAdminKey as Admin, CheckKeyExists as Exists, CheckKeyOwner, CheckPolicy, CheckProject,
            CheckRoleAndPolicy as Both,
        };
        for (status, advice) in [
            (400, [Admin, Admin, Admin, Admin, CheckKeyOwner, CheckPolicy, Admin, CheckPolicy, Admin]),
            (401, [Admin; 9]),
            (403, [Admin, Admin, Admin, Admin, Admin, Both, Both, Both, Admin]),
            (404, [Admin, CheckProject, Exists, Exists, Exists, CheckProject, Exists, Exists, Exists]),
        ] {
            for (step, advice) in STEPS[8..].iter().zip(advice) {
                let error = ServiceError::new(*step, refused(status), "no");
                assert_eq!(error.advice(), advice, "{step}: {status}");
            }
        }
    }

    #[test]
    fn the_error_code_or_type_of_a_refusal_decides_before_its_status() {
        for (status, code, error_type, reason, advice) in [
            (403, "unsupported_country_region_territory", "", Reason::Country, Advice::ChangeRoute),
            (403, "", "request_forbidden", Reason::Country, Advice::ChangeRoute),
            (400, "", "unsupported_country_region_territory", Reason::Country, Advice::ChangeRoute),
            (429, "insufficient_quota", "", Reason::Quota, Advice::AddCredit),
            (200, "request_forbidden", "", Reason::Country, Advice::ChangeRoute),
        ] {
            for step in STEPS {
                let error = ServiceError::new(step, refused(status), "no");
                let error = error.with_code(code).with_error_type(error_type);
                assert_eq!((error.reason(), error.advice()), (reason, advice), "{step}: {code} {error_type}");
            }
        }
    }

    #[test]
    fn known_facts_about_the_target_explain_only_its_refusal() {
        for (status, expected, reason, advice) in [
            (403, Reason::Policy, Reason::Policy, Advice::CheckPolicy),
            (403, Reason::Role, Reason::Role, Advice::AskOwner),
            (400, Reason::Policy, Reason::Policy, Advice::CheckPolicy),
            (400, Reason::Role, Reason::Policy, Advice::CheckPolicy),
            (401, Reason::Role, Reason::Unauthorized, Advice::SignInAgain),
            (404, Reason::Role, Reason::NotFound, Advice::CheckProject),
            (429, Reason::Role, Reason::RateLimit, Advice::SlowDown),
            (503, Reason::Policy, Reason::Unavailable, Advice::TryLater),
        ] {
            let mut error = ServiceError::new(Step::CreateKey, refused(status), "no");
            error.expected = Some(expected);
            assert_eq!((error.reason(), error.advice()), (reason, advice), "{status}");
        }
    }
}
