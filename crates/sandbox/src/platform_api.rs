//! The platform API: translates requests into calls of the rules, and results into responses.

use crate::response::{Refusal, Response};
use crate::server_state::{CreatedKey, CredentialKind, NotCreated, NotFound, NotUsable, Page, ServerState};
use crate::{Request, form};
use serde_json::{Value, json};
use std::time::Duration;

/// `POST /dashboard/onboarding/login`
pub(crate) fn login(state: &mut ServerState, request: &Request, now: Duration) -> Result<Response, Refusal> {
    require(state, CredentialKind::AccessToken, request)?;
    let due = json!({ "app": state.account.scenario.app });
    if json_body(request)? != due {
        return Err(bad_request(format!("the body must be exactly {due}")));
    }
    let session_key = state.log_in(now);
    let session = json!({ "sensitive_id": session_key, "object": "session" });
    let mut user = json!({ "object": "user", "email": "dev@sandbox.test", "session": session });
    if let Some(organizations) = state.account.login_lists(&session_key, now).map_err(not_found)? {
        user["orgs"] = organizations;
    }
    Ok(Response::json(200, &json!({ "user": user })))
}

/// `GET /v1/organizations`
pub(crate) fn organizations(
    state: &ServerState,
    request: &Request,
    now: Duration,
) -> Result<Response, Refusal> {
    let session_key = require(state, CredentialKind::SessionKey, request)?;
    let after = match &request.query[..] {
        [] => None,
        [(name, after)] if name == "after" => Some(after.as_str()),
        _ => return Err(bad_request("the query may only have one parameter, after")),
    };
    let page = state.account.organizations(session_key, after, now).map_err(not_found)?;
    Ok(list(page))
}

/// `GET /dashboard/organizations/{organization}/projects`
pub(crate) fn projects(
    state: &mut ServerState,
    request: &Request,
    organization: &str,
    now: Duration,
) -> Result<Response, Refusal> {
    let session_key = require(state, CredentialKind::SessionKey, request)?;
    if request.header("openai-organization") != Some(organization) {
        return Err(bad_request("the header openai-organization must be the organization of the path"));
    }
    let after = match request.query.len() {
        2 => form::exactly_in_order(&request.query, ["detail", "limit"])
            .map(|[detail, limit]| (detail, limit, None)),
        _ => form::exactly_in_order(&request.query, ["detail", "limit", "after"])
            .map(|[detail, limit, after]| (detail, limit, Some(after))),
    };
    let Ok(("basic", "100", after)) = after else {
        return Err(bad_request("the query must be detail=basic&limit=100, optionally followed by after"));
    };
    let page = state.account.projects(session_key, organization, after, now).map_err(not_found)?;
    Ok(list(page))
}

/// `POST /dashboard/organizations/{organization}/projects/{project}/api_keys`
pub(crate) fn create_key(
    state: &mut ServerState,
    request: &Request,
    organization: &str,
    project: &str,
    now: Duration,
) -> Result<Response, Refusal> {
    let session_key = require(state, CredentialKind::SessionKey, request)?;
    let key = requested_key(&json_body(request)?).ok_or_else(|| {
        bad_request(
            r#"the body must be {"action":"create","name":"..."}, optionally with "expires_in_seconds", from 1 to 31536000, and "scopes", a list of names"#,
        )
    })?;
    let key = CreatedKey { organization: organization.to_owned(), project: project.to_owned(), ..key };
    let key = state.create_key(session_key, key, now).map_err(not_created)?;
    let mut body = json!({
        "object": "organization.project.api_key",
        "id": key.id,
        "name": key.name,
        "sensitive_id": key.value,
        "created_at": key.created_at,
    });
    state.add_restrictions(&mut body, &key);
    Ok(Response::json(200, &json!({ "key": body })))
}

/// Parses the body of a request to create a key. Of the live service, only the first two members are known.
fn requested_key(body: &Value) -> Option<CreatedKey> {
    let name = body["name"].as_str()?.to_owned();
    let exact = json!({ "action": "create", "name": name });
    requested_restrictions(body, exact, CreatedKey { name, ..CreatedKey::default() })
}

/// Adds the requested lifetime and scopes to the key. `exact` has the other members of the body.
pub(crate) fn requested_restrictions(
    body: &Value,
    mut exact: Value,
    mut key: CreatedKey,
) -> Option<CreatedKey> {
    if let Some(seconds) = body.get("expires_in_seconds") {
        key.expires_in_seconds = Some(seconds.as_u64().filter(|seconds| (1..=31_536_000).contains(seconds))?);
        exact["expires_in_seconds"] = seconds.clone();
    }
    if let Some(scopes) = body.get("scopes") {
        let names = scopes.as_array().filter(|names| !names.is_empty())?;
        let is_name = |name: &&str| !name.is_empty() && !name.contains([' ', ',']);
        let names = names.iter().map(|name| name.as_str().filter(is_name).map(str::to_owned));
        key.scopes = names.collect::<Option<_>>()?;
        exact["scopes"] = scopes.clone();
    }
    (*body == exact).then_some(key)
}

/// `GET /v1/models`
///
/// A request without a key is not a violation, since clients send it to check whether the server answers.
pub(crate) fn models(state: &mut ServerState, request: &Request, now: Duration) -> Result<Response, Refusal> {
    if request.header("authorization").is_none() {
        return Err(Refusal::innocent(Response::api_error(401, "invalid_api_key", "the request has no key")));
    }
    let key = require(state, CredentialKind::ApiKey, request)?;
    state.use_key(key, now).map_err(|why| {
        let (status, code, message) = match why {
            NotUsable::Deleted => (401, "invalid_api_key", "The API key was deleted."),
            NotUsable::Expired => (401, "expired_api_key", "The API key has expired."),
            NotUsable::NoRole => (403, "insufficient_permissions", "The service account has no role."),
        };
        Refusal::innocent(Response::api_error(status, code, message))
    })?;
    let model = json!({ "id": "sandbox-model", "object": "model", "owned_by": "sandbox" });
    Ok(Response::json(200, &json!({ "object": "list", "data": [model] })))
}

pub(crate) fn require<'a>(
    state: &ServerState,
    due: CredentialKind,
    request: &'a Request,
) -> Result<&'a str, Refusal> {
    state.accept(due, request.bearer()).map_err(|wrong| {
        let response = Response::api_error(401, "invalid_api_key", &wrong).with("www-authenticate", "Bearer");
        Refusal::violation(response, wrong)
    })
}

pub(crate) fn json_body(request: &Request) -> Result<Value, Refusal> {
    if !request.is_of_type("application/json") {
        return Err(bad_request("the content type must be application/json"));
    }
    serde_json::from_slice(&request.body)
        .map_err(|error| bad_request(format!("the body is not JSON: {error}")))
}

pub(crate) fn list(page: Page) -> Response {
    let body = json!({
        "object": "list",
        "data": page.items,
        "has_more": page.has_more,
        "last_id": page.last_id,
    });
    Response::json(200, &body)
}

pub(crate) fn bad_request(wrong: impl Into<String>) -> Refusal {
    let wrong = wrong.into();
    Refusal::violation(Response::api_error(400, "invalid_request", &wrong), wrong)
}

/// Refuses to create a key. The response has no error code, as the live service's may have none.
pub(crate) fn not_created(why: NotCreated) -> Refusal {
    let (status, kind, message) = match why {
        NotCreated::NotFound(what) => return not_found(what),
        NotCreated::UserKeysDisabled => {
            (403, "invalid_request_error", "API keys of users are disabled here. Use a service account.")
        }
        NotCreated::Reader => (403, "server_error", "You have insufficient permissions for this operation."),
        NotCreated::NewKeysDisabled => {
            (403, "invalid_request_error", "New API keys are disabled for this organization.")
        }
        NotCreated::LivesTooLong => {
            (400, "invalid_request_error", "API keys of this organization must expire sooner.")
        }
    };
    Refusal::innocent(Response::error(status, kind, None, message))
}

/// Refuses a request for a missing item. This is not a violation, since items may disappear between two requests.
pub(crate) fn not_found(what: NotFound) -> Refusal {
    let what = match what {
        NotFound::Session => "session",
        NotFound::Organization => "organization",
        NotFound::Project => "project",
        NotFound::Key => "key",
        NotFound::ServiceAccount => "service account",
        NotFound::Cursor => return bad_request("after names no item of this list"),
    };
    Refusal::innocent(Response::api_error(404, "not_found", &format!("no such {what}")))
}
