//! The conformance checks of the ports, for the adapters of this crate.

use crate::Grant;
use crate::clock::HostClock;
use crate::host::Host;
use crate::transport::Fetch;
use keymint_domain::testing::conformance::{self, Account};
use keymint_domain::testing::{organization, project};
use keymint_domain::{AuthServer, BaseUrl, Title};
use keymint_http_adapter::Adapters;
use std::sync::Arc;
use wasm_bindgen::prelude::*;

/// Checks the clock.
#[wasm_bindgen]
pub async fn check_clock(host: Host) -> Result<(), JsError> {
    Ok(conformance::clock(&HostClock(host)).await?)
}

/// Checks the authorization server with two grants.
#[wasm_bindgen]
pub async fn check_auth_server(host: Host, one: Grant, other: Grant) -> Result<(), JsError> {
    let auth_server = Adapters::over(Arc::new(Fetch(host))).auth_server(one.issuer);
    Ok(conformance::auth_server(&auth_server, [one.grant, other.grant]).await?)
}

/// Checks the platform with the sandbox's account that has two organizations.
#[wasm_bindgen]
pub async fn check_platform(host: Host, api_base: String, grant: Grant) -> Result<(), JsError> {
    let adapters = Adapters::over(Arc::new(Fetch(host)));
    let token = adapters.auth_server(grant.issuer).exchange_code(&grant.grant).await?.access_token;
    let titled = |title| Some(Title::new(title));
    let (mut personal, mut other) = (organization("org-1"), organization("org-2"));
    (personal.title, personal.is_default, personal.personal) = (titled("Personal"), true, true);
    other.title = titled("Organization 2");
    let of_personal = [("proj_1", "Project 1", false), ("proj_default", "Default project", true)];
    let of_other = [("proj_2", "Project 2", false)];
    let projects = |all: &[(&str, &'static str, bool)]| {
        all.iter()
            .map(|(id, title, is_initial)| {
                let mut project = project(id, *is_initial);
                project.title = titled(title);
                project
            })
            .collect()
    };
    let organizations = vec![(personal, projects(&of_personal)), (other, projects(&of_other))];
    let account = Account { token, app: "api", organizations };
    Ok(conformance::platform(&adapters.platform_api(BaseUrl::parse(&api_base)?), &account).await?)
}
