//! The routes of both origins.

use crate::response::{Refusal, Response};
use crate::server_state::ServerState;
use crate::{Origin, Request, Step, auth_server, page, platform_api};
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

            _ => return Err(refuse(request, 404, "no such path")),
        };
        if request.method != method {
            let mut refusal = refuse(request, 405, &format!("the method must be {method}"));
            refusal.response = refusal.response.with("allow", method);
            return Err(refusal);
        }
        Ok(route)
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
            Self::Models => platform_api::models(state, request),
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
