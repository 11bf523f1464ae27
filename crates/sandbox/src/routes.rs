//! The routes of both origins.

use crate::response::{Refusal, Response};
use crate::server_state::ServerState;
use crate::{Origin, Request, Step, admin_api, auth_server, page, platform_api};
use std::fmt;
use std::time::Duration;

/// The route of a request.
#[derive(Debug)]
pub(crate) enum Route<'a> {
    Authorize,
    Decision,
    Token,
    Metadata,
    Revoke,
    Login,
    Organizations,
    Projects { organization: &'a str },
    CreateKey { organization: &'a str, project: &'a str },
    Models,
    AllProjects,
    Keys { project: &'a str },
    Key { project: &'a str, key: &'a str },
    UpdateKey { project: &'a str, key: &'a str },
    DeleteKey { project: &'a str, key: &'a str },
    CreateServiceAccount { project: &'a str },
    UpdateServiceAccount { project: &'a str, account: &'a str },
    CreateAccountKey { project: &'a str, account: &'a str },
    DeleteServiceAccount { project: &'a str, account: &'a str },
}

impl<'a> Route<'a> {
    /// Finds the route. Path segments are compared as sent, since a valid id never needs encoding.
    pub(crate) fn of(request: &'a Request) -> Result<Self, Refusal> {
        let segments: Vec<&str> = request.path.split('/').skip(1).collect();
        let (method, route) = match (request.origin, &segments[..]) {
            (Origin::AuthServer, ["oauth", "authorize"]) => ("GET", Self::Authorize),
            (Origin::AuthServer, ["oauth", "authorize", "decision"]) => ("POST", Self::Decision),
            (Origin::AuthServer, ["oauth", "token"]) => ("POST", Self::Token),
            (Origin::AuthServer, [".well-known", "openid-configuration"]) => ("GET", Self::Metadata),
            (Origin::AuthServer, ["oauth", "revoke"]) => ("POST", Self::Revoke),

            (Origin::PlatformApi, ["dashboard", "onboarding", "login"]) => ("POST", Self::Login),
            (Origin::PlatformApi, ["v1", "organizations"]) => ("GET", Self::Organizations),
            (Origin::PlatformApi, ["dashboard", "organizations", organization, "projects"]) => {
                ("GET", Self::Projects { organization })
            }
            (
                Origin::PlatformApi,
                ["dashboard", "organizations", organization, "projects", project, "api_keys"],
            ) => ("POST", Self::CreateKey { organization, project }),
            (Origin::PlatformApi, ["v1", "models"]) => ("GET", Self::Models),

            (Origin::PlatformApi, ["v1", "organization", "projects", path @ ..]) => {
                Self::of_admin(&request.method, path).ok_or_else(|| refuse(request, 404, "no such path"))?
            }

            _ => return Err(refuse(request, 404, "no such path")),
        };
        if request.method != method {
            let mut refusal = refuse(request, 405, &format!("the method must be {method}"));
            refusal.response = refusal.response.with("allow", method);
            return Err(refusal);
        }
        Ok(route)
    }

    /// Finds the route of the Admin API, and a method of its path.
    fn of_admin(method: &str, path: &[&'a str]) -> Option<(&'static str, Self)> {
        Some(match (method, path) {
            (_, []) => ("GET", Self::AllProjects),
            (_, [project, "api_keys"]) => ("GET", Self::Keys { project }),
            ("POST", [project, "api_keys", key]) => ("POST", Self::UpdateKey { project, key }),
            ("DELETE", [project, "api_keys", key]) => ("DELETE", Self::DeleteKey { project, key }),
            (_, [project, "api_keys", key]) => ("GET", Self::Key { project, key }),
            (_, [project, "service_accounts"]) => ("POST", Self::CreateServiceAccount { project }),
            ("DELETE", [project, "service_accounts", account]) => {
                ("DELETE", Self::DeleteServiceAccount { project, account })
            }
            (_, [project, "service_accounts", account]) => {
                ("POST", Self::UpdateServiceAccount { project, account })
            }
            (_, [project, "service_accounts", account, "api_keys"]) => {
                ("POST", Self::CreateAccountKey { project, account })
            }
            _ => return None,
        })
    }

    /// Processes the request.
    pub(crate) fn perform(
        &self,
        state: &mut ServerState,
        request: &Request,
        now: Duration,
    ) -> Result<Response, Refusal> {
        match *self {
            Self::Authorize => auth_server::authorize(state, request),
            Self::Decision => auth_server::decide(state, request),
            Self::Token => auth_server::token(state, request),
            Self::Metadata => Ok(auth_server::metadata(request)),
            Self::Revoke => auth_server::revoke(state, request),
            Self::Login => platform_api::login(state, request, now),
            Self::Organizations => platform_api::organizations(state, request, now),
            Self::Projects { organization } => platform_api::projects(state, request, organization, now),
            Self::CreateKey { organization, project } => {
                platform_api::create_key(state, request, organization, project, now)
            }
            Self::Models => platform_api::models(state, request, now),
            Self::AllProjects => admin_api::projects(state, request),
            Self::Keys { project } => admin_api::keys(state, request, project),
            Self::Key { project, key } => admin_api::key(state, request, project, key),
            Self::UpdateKey { project, key } => admin_api::update_key(state, request, project, key, now),
            Self::DeleteKey { project, key } => admin_api::delete_key(state, request, project, key),
            Self::CreateServiceAccount { project } => {
                admin_api::create_service_account(state, request, project, now)
            }
            Self::UpdateServiceAccount { project, account } => {
                admin_api::update_service_account(state, request, project, account)
            }
            Self::CreateAccountKey { project, account } => {
                admin_api::create_account_key(state, request, project, account, now)
            }
            Self::DeleteServiceAccount { project, account } => {
                admin_api::delete_service_account(state, request, project, account)
            }
        }
    }

    /// Returns the step of the client, or `None` for a request of the browser.
    pub(crate) fn step(&self) -> Option<Step> {
        match self {
            Self::Authorize | Self::Decision => None,
            Self::Token => Some(Step::Token),
            Self::Metadata => Some(Step::Metadata),
            Self::Revoke => Some(Step::Revoke),
            Self::Login => Some(Step::Login),
            Self::Organizations => Some(Step::Organizations),
            Self::Projects { .. } => Some(Step::Projects),
            Self::CreateKey { .. } => Some(Step::CreateKey),
            Self::Models => Some(Step::Models),
            Self::AllProjects => Some(Step::AllProjects),
            Self::Keys { .. } => Some(Step::Keys),
            Self::Key { .. } => Some(Step::Key),
            Self::UpdateKey { .. } => Some(Step::UpdateKey),
            Self::DeleteKey { .. } => Some(Step::DeleteKey),
            Self::CreateServiceAccount { .. } => Some(Step::CreateServiceAccount),
            Self::UpdateServiceAccount { .. } => Some(Step::UpdateServiceAccount),
            Self::CreateAccountKey { .. } => Some(Step::CreateAccountKey),
            Self::DeleteServiceAccount { .. } => Some(Step::DeleteServiceAccount),
        }
    }

    pub(crate) fn organization(&self) -> Option<&'a str> {
        match self {
            Self::Projects { organization } | Self::CreateKey { organization, .. } => Some(organization),
            _ => None,
        }
    }
}

impl fmt::Display for Route<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Authorize => "authorize request",
            Self::Decision => "decision",
            Self::Token => "token request",
            Self::Metadata => "metadata request",
            Self::Revoke => "revocation request",
            Self::Login => "login request",
            Self::Organizations => "organizations request",
            Self::Projects { .. } => "projects request",
            Self::CreateKey { .. } => "key creation request",
            Self::Models => "models request",
            Self::AllProjects => "admin's projects request",
            Self::Keys { .. } => "keys request",
            Self::Key { .. } => "key request",
            Self::UpdateKey { .. } => "key change request",
            Self::DeleteKey { .. } => "key deletion request",
            Self::CreateServiceAccount { .. } => "service account creation request",
            Self::UpdateServiceAccount { .. } => "service account change request",
            Self::CreateAccountKey { .. } => "service account key request",
            Self::DeleteServiceAccount { .. } => "service account deletion request",
        })
    }
}

fn refuse(request: &Request, status: u16, reason: &str) -> Refusal {
    let Request { origin, method, path, .. } = request;
    let response = match origin {
        Origin::AuthServer => page::problem(status, reason),
        Origin::PlatformApi => {
            Response::api_error(status, "invalid_url", &format!("{method} {path}: {reason}"))
        }
    };
    Refusal::violation(response, format!("{method} {path} on the {origin}: {reason}"))
}
