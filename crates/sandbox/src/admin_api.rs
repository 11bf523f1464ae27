//! The Admin API: translates requests into calls of the rules, and results into responses.

use crate::Request;
use crate::form;
use crate::platform_api::{
    self, bad_request, json_body, list, not_created, not_found, requested_restrictions,
};
use crate::response::{Refusal, Response};
use crate::server_state::{CreatedKey, CredentialKind, NotDeleted, NotFound, ServerState, ServiceAccount};
use serde_json::{Value, json};
use std::time::Duration;

/// `GET /v1/organization/projects`
pub(crate) fn projects(state: &ServerState, request: &Request) -> Result<Response, Refusal> {
    let organization = require(state, request)?;
    let (limit, after) = page_query(request)?;
    Ok(list(state.administered_projects(organization, limit, after).map_err(not_found)?))
}

/// `GET /v1/organization/projects/{project}/api_keys`
pub(crate) fn keys(state: &ServerState, request: &Request, project: &str) -> Result<Response, Refusal> {
    let organization = require(state, request)?;
    let (limit, after) = page_query(request)?;
    Ok(list(state.project_keys(organization, project, limit, after).map_err(not_found)?))
}

/// `GET /v1/organization/projects/{project}/api_keys/{key}`
pub(crate) fn key(
    state: &ServerState,
    request: &Request,
    project: &str,
    key: &str,
) -> Result<Response, Refusal> {
    let organization = require(state, request)?;
    no_query(request)?;
    Ok(Response::json(200, &state.project_key(organization, project, key).map_err(not_found)?))
}

/// `POST /v1/organization/projects/{project}/api_keys/{key}`
pub(crate) fn update_key(
    state: &mut ServerState,
    request: &Request,
    project: &str,
    key: &str,
    now: Duration,
) -> Result<Response, Refusal> {
    let organization = require(state, request)?.to_owned();
    let body = json_body(request)?;
    let change = requested_restrictions(&body, json!({}), CreatedKey::default())
        .filter(|change| change.expires_in_seconds.is_some() || !change.scopes.is_empty())
        .ok_or_else(|| {
            bad_request(r#"the body must be {"expires_in_seconds":..,"scopes":[..]}, or one of the two"#)
        })?;
    let changed = state.change_key(&organization, project, key, &change, now).map_err(not_created)?;
    Ok(Response::json(200, &changed))
}

/// `DELETE /v1/organization/projects/{project}/api_keys/{key}`
pub(crate) fn delete_key(
    state: &mut ServerState,
    request: &Request,
    project: &str,
    key: &str,
) -> Result<Response, Refusal> {
    let organization = require(state, request)?.to_owned();
    state.delete_key(&organization, project, key).map_err(|why| match why {
        NotDeleted::NotFound(what) => not_found(what),
        NotDeleted::OfServiceAccount => Refusal::innocent(Response::error(
            400,
            "invalid_request_error",
            None,
            "This key belongs to a service account. Delete the service account.",
        )),
    })?;
    let body = json!({ "object": "organization.project.api_key.deleted", "id": key, "deleted": true });
    Ok(Response::json(200, &body))
}

/// `POST /v1/organization/projects/{project}/service_accounts`
pub(crate) fn create_service_account(
    state: &mut ServerState,
    request: &Request,
    project: &str,
    now: Duration,
) -> Result<Response, Refusal> {
    let organization = require(state, request)?.to_owned();
    let body = json_body(request)?;
    let wrong =
        || bad_request(r#"the body must be {"name":".."}, optionally with "create_service_account_only""#);
    let name = body["name"].as_str().filter(|name| !name.is_empty()).ok_or_else(wrong)?;
    let with_key = match body.get("create_service_account_only") {
        None => (body == json!({ "name": name })).then_some(true).ok_or_else(wrong)?,
        Some(only) => {
            let is_exact = body == json!({ "name": name, "create_service_account_only": only });
            let only = only.as_bool().or(only.is_null().then_some(false));
            !only.filter(|_| is_exact).ok_or_else(wrong)?
        }
    };
    let (account, key) =
        state.create_service_account(&organization, project, name, with_key, now).map_err(not_created)?;
    let mut body = account_body(&account);
    body["api_key"] = key.as_ref().map_or(Value::Null, |key| account_key_body(state, key));
    Ok(Response::json(200, &body))
}

/// `POST /v1/organization/projects/{project}/service_accounts/{account}`
pub(crate) fn update_service_account(
    state: &mut ServerState,
    request: &Request,
    project: &str,
    account: &str,
) -> Result<Response, Refusal> {
    let organization = require(state, request)?.to_owned();
    let body = json_body(request)?;
    let role = body["role"]
        .as_str()
        .filter(|role| matches!(*role, "member" | "owner") && body == json!({ "role": role }));
    let role =
        role.ok_or_else(|| bad_request(r#"the body must be {"role":"member"} or {"role":"owner"}"#))?;
    let account = state.change_role(&organization, project, account, role).map_err(not_found)?;
    Ok(Response::json(200, &account_body(&account)))
}

/// `POST /v1/organization/projects/{project}/service_accounts/{account}/api_keys`
pub(crate) fn create_account_key(
    state: &mut ServerState,
    request: &Request,
    project: &str,
    account: &str,
    now: Duration,
) -> Result<Response, Refusal> {
    let organization = require(state, request)?.to_owned();
    let body = json_body(request)?;
    let requested = body["name"].as_str().and_then(|name| {
        let key = CreatedKey { name: name.to_owned(), ..CreatedKey::default() };
        requested_restrictions(&body, json!({ "name": name }), key)
    });
    let requested = requested.ok_or_else(|| {
        bad_request(r#"the body must be {"name":".."}, optionally with "expires_in_seconds" and "scopes""#)
    })?;
    let key =
        state.create_account_key(&organization, project, account, requested, now).map_err(not_created)?;
    Ok(Response::json(200, &account_key_body(state, &key)))
}

/// `DELETE /v1/organization/projects/{project}/service_accounts/{account}`
pub(crate) fn delete_service_account(
    state: &mut ServerState,
    request: &Request,
    project: &str,
    account: &str,
) -> Result<Response, Refusal> {
    let organization = require(state, request)?.to_owned();
    state.delete_service_account(&organization, project, account).map_err(not_found)?;
    let body =
        json!({ "object": "organization.project.service_account.deleted", "id": account, "deleted": true });
    Ok(Response::json(200, &body))
}

/// Returns the organization of the request's admin key.
fn require<'a>(state: &'a ServerState, request: &Request) -> Result<&'a str, Refusal> {
    let key = platform_api::require(state, CredentialKind::AdminKey, request)?;
    state.organization_of(key).ok_or_else(|| not_found(NotFound::Organization))
}

fn page_query(request: &Request) -> Result<(usize, Option<&str>), Refusal> {
    let query = match request.query.len() {
        1 => form::exactly_in_order(&request.query, ["limit"]).map(|[limit]| (limit, None)),
        _ => form::exactly_in_order(&request.query, ["limit", "after"])
            .map(|[limit, after]| (limit, Some(after))),
    };
    let query = query.ok().and_then(|(limit, after)| Some((limit.parse().ok()?, after)));
    query
        .filter(|(limit, _)| (1..=100).contains(limit))
        .ok_or_else(|| bad_request("the query must be limit, from 1 to 100, optionally followed by after"))
}

fn no_query(request: &Request) -> Result<(), Refusal> {
    if request.query.is_empty() { Ok(()) } else { Err(bad_request("there must be no query")) }
}

fn account_body(account: &ServiceAccount) -> Value {
    json!({
        "object": "organization.project.service_account",
        "id": account.id,
        "name": account.name,
        "role": account.role,
        "created_at": account.created_at,
    })
}

fn account_key_body(state: &ServerState, key: &CreatedKey) -> Value {
    let mut body = json!({
        "object": "organization.project.service_account.api_key",
        "value": key.value,
        "name": key.name,
        "created_at": key.created_at,
        "id": key.id,
    });
    state.add_restrictions(&mut body, key);
    body
}
