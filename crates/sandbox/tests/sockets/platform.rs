//! The platform API.

use crate::client::{
    access_token, create_key, get, login, models, organizations, post, projects, session_key,
};
use keymint_sandbox::{LoginLists, Organization, Project, Sandbox, Scenario};
use serde_json::{Value, json};
use std::time::Duration;

const ORGANIZATION: &str = "org-sandbox-personal";
const PROJECT: &str = "proj_sandbox_default";

#[tokio::test]
async fn the_whole_story_ends_with_a_key_that_works() {
    let sandbox = Sandbox::start(Scenario::ready()).await.unwrap();
    let session_key = session_key(&sandbox).await;

    let list = organizations(&sandbox, &session_key, "").send().await.json();
    assert_eq!(list["data"][0]["id"], ORGANIZATION);
    assert_eq!(list["data"][0]["personal"], true);
    let list = projects(&sandbox, &session_key, ORGANIZATION, "").send().await.json();
    assert_eq!(list["data"][0]["id"], PROJECT);
    assert_eq!(list["data"][0]["is_initial"], true);

    let response = create_key(&sandbox, &session_key, ORGANIZATION, PROJECT).send().await.json();
    let value = response["key"]["sensitive_id"].as_str().unwrap().to_owned();
    assert!(value.starts_with("sk-proj-"));
    assert_eq!(models(&sandbox, &value).send().await.status, 200);

    for secret in [&session_key, &value] {
        assert!(sandbox.secrets().contains(secret));
    }
    // The code, three tokens, and those two.
    assert_eq!(sandbox.secrets().len(), 6);

    let [key] = sandbox.keys().try_into().unwrap();
    assert_eq!(
        [&key.organization, &key.project, &key.name, &key.value],
        [ORGANIZATION, PROJECT, "laptop", value.as_str()]
    );
    assert_eq!(
        (&response["key"]["id"], &response["key"]["created_at"]),
        (&json!(key.id), &json!(key.created_at))
    );
    assert_eq!((key.expires_in_seconds, key.scopes), (None, Vec::new()));
    assert_eq!(sandbox.violations(), Vec::<String>::new());
    assert_eq!(sandbox.in_flight_peak(), 1);
}

#[tokio::test]
async fn a_lifetime_and_scopes_are_recorded_and_confirmed() {
    let sandbox = Sandbox::start(Scenario::ready()).await.unwrap();
    let session_key = session_key(&sandbox).await;
    let body =
        json!({ "action": "create", "name": "n", "expires_in_seconds": 60, "scopes": ["a.read", "b"] });
    let path = format!("/dashboard/organizations/{ORGANIZATION}/projects/{PROJECT}/api_keys");
    let call = post(format!("{}{path}", sandbox.api_base())).bearer(&session_key).json(&body);
    let response = call.send().await.json();

    let [key] = sandbox.keys().try_into().unwrap();
    assert_eq!(
        (key.expires_in_seconds, &key.scopes[..]),
        (Some(60), &["a.read".to_owned(), "b".to_owned()][..])
    );
    assert_eq!(response["key"]["expires_at"], key.created_at + 60);
    assert_eq!(response["key"]["scopes"], body["scopes"]);
    assert!(key.created_at > 1_700_000_000, "it is the time of day");
    assert_eq!(sandbox.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_bearer_of_the_wrong_kind_is_refused_everywhere() {
    let sandbox = Sandbox::start(Scenario::ready()).await.unwrap();
    let access_token = access_token(&sandbox).await;
    let session_key = session_key(&sandbox).await;
    for (call, violation) in [
        (
            login(&sandbox, &session_key),
            "login request: the bearer token is a session key, but an access token is required",
        ),
        (
            organizations(&sandbox, &access_token, ""),
            "organizations request: the bearer token is an access token, but a session key is required",
        ),
        (
            projects(&sandbox, &access_token, ORGANIZATION, ""),
            "projects request: the bearer token is an access token, but a session key is required",
        ),
        (
            create_key(&sandbox, "made-up", ORGANIZATION, PROJECT),
            "key creation request: the bearer token was not issued here, but a session key is required",
        ),
        (
            models(&sandbox, &session_key),
            "models request: the bearer token is a session key, but an API key is required",
        ),
        (
            get(format!("{}/v1/models", sandbox.api_base())).header("authorization", "Basic x"),
            "models request: no bearer token, but an API key is required",
        ),
    ] {
        let response = call.send().await;
        assert_eq!(response.status, 401, "{violation}");
        assert_eq!(response.json()["error"]["code"], "invalid_api_key");
        assert_eq!(sandbox.violations().pop().as_deref(), Some(violation));
    }
    assert!(sandbox.keys().is_empty());
}

#[tokio::test]
async fn a_request_that_only_checks_for_an_answer_is_no_violation() {
    let sandbox = Sandbox::start(Scenario::ready()).await.unwrap();
    let metadata = get(format!("{}/.well-known/openid-configuration", sandbox.issuer())).send().await;
    assert_eq!((metadata.status, &metadata.json()["issuer"]), (200, &sandbox.issuer().into()));
    assert_eq!(metadata.json()["token_endpoint"], format!("{}/oauth/token", sandbox.issuer()));
    let refused = get(format!("{}/v1/models", sandbox.api_base())).send().await;
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (401, &"invalid_api_key".into()));
    assert_eq!(sandbox.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn bodies_headers_and_queries_must_be_exact() {
    let sandbox = Sandbox::start(Scenario::ready()).await.unwrap();
    let access_token = access_token(&sandbox).await;
    let session_key = session_key(&sandbox).await;
    let login_url = format!("{}/dashboard/onboarding/login", sandbox.api_base());
    let projects_url = format!("{}/dashboard/organizations/{ORGANIZATION}/projects", sandbox.api_base());
    let keys_url = format!("{projects_url}/{PROJECT}/api_keys");
    let restricted = |members: &Value| {
        let mut body = json!({ "action": "create", "name": "laptop" });
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        post(&keys_url).bearer(&session_key).json(&body)
    };
    let wrong = [
        post(&login_url).bearer(&access_token).json(&json!({ "app": "chat" })),
        post(&login_url).bearer(&access_token).json(&json!({ "app": "api", "more": 1 })),
        post(&login_url).bearer(&access_token),
        organizations(&sandbox, &session_key, "?limit=5"),
        organizations(&sandbox, &session_key, "?after=org-unknown"),
        get(format!("{projects_url}?detail=basic&limit=100")).bearer(&session_key),
        get(format!("{projects_url}?limit=100&detail=basic"))
            .bearer(&session_key)
            .header("openai-organization", ORGANIZATION),
        get(&projects_url).bearer(&session_key).header("openai-organization", ORGANIZATION),
        post(&keys_url).bearer(&session_key).json(&json!({ "action": "create" })),
        post(&keys_url).bearer(&session_key).json(&json!({ "action": "create", "name": 7 })),
        post(&keys_url).bearer(&session_key).json(&json!(["create"])),
        restricted(&json!({ "admin_key": false })),
        restricted(&json!({ "expires_in_seconds": 0 })),
        restricted(&json!({ "expires_in_seconds": 31_536_001 })),
        restricted(&json!({ "expires_in_seconds": 1.5 })),
        restricted(&json!({ "expires_in_seconds": null })),
        restricted(&json!({ "scopes": [] })),
        restricted(&json!({ "scopes": ["a b"] })),
        restricted(&json!({ "scopes": [1] })),
        restricted(&json!({ "scopes": "a" })),
        post(&keys_url).bearer(&session_key).form(&[("action", "create"), ("name", "laptop")]),
    ];
    for (number, call) in wrong.into_iter().enumerate() {
        assert_eq!(call.send().await.status, 400, "call {number}");
        assert_eq!(sandbox.violations().len(), number + 1);
    }
    assert!(sandbox.keys().is_empty());
}

#[tokio::test]
async fn a_target_that_does_not_exist_or_not_yet_is_not_found() {
    let sandbox = Sandbox::start(Scenario::ready().project_ready_in_list(1)).await.unwrap();
    let session_key = session_key(&sandbox).await;
    for call in [
        projects(&sandbox, &session_key, "org-other", ""),
        create_key(&sandbox, &session_key, "org-other", PROJECT),
        create_key(&sandbox, &session_key, ORGANIZATION, "proj_other"),
        create_key(&sandbox, &session_key, ORGANIZATION, PROJECT),
    ] {
        assert_eq!(call.send().await.status, 404);
    }
    projects(&sandbox, &session_key, ORGANIZATION, "").send().await;
    assert_eq!(create_key(&sandbox, &session_key, ORGANIZATION, PROJECT).send().await.status, 200);
    assert_eq!(sandbox.keys().len(), 1);
    assert!(sandbox.violations().is_empty());
}

#[tokio::test]
async fn both_lists_are_paged() {
    let many = (2..=5).map(|number| Project::new(format!("proj_{number}")));
    let first = many.fold(Organization::numbered(1), Organization::with_project);
    let scenario = Scenario::of([first].into_iter().chain((2..=5).map(Organization::numbered))).page_size(2);
    let sandbox = Sandbox::start(scenario).await.unwrap();
    let session_key = session_key(&sandbox).await;

    for (after, numbers, has_more) in [("", &[1, 2][..], true), ("2", &[3, 4], true), ("4", &[5], false)] {
        let query = |start| if after.is_empty() { String::new() } else { format!("{start}{after}") };
        for (call, prefix) in [
            (organizations(&sandbox, &session_key, &query("?after=org-")), "org-"),
            (projects(&sandbox, &session_key, "org-1", &query("&after=proj_")), "proj_"),
        ] {
            let page = call.send().await.json();
            let ids: Vec<_> = numbers.iter().map(|number| json!(format!("{prefix}{number}"))).collect();
            let listed: Vec<_> = page["data"].as_array().unwrap().iter().map(|entry| &entry["id"]).collect();
            assert_eq!(listed, ids.iter().collect::<Vec<_>>());
            assert_eq!((&page["has_more"], &page["last_id"]), (&json!(has_more), ids.last().unwrap()));
        }
    }
    assert!(sandbox.violations().is_empty());
}

#[tokio::test]
async fn the_login_may_show_what_exists_at_that_moment() {
    let complete = Scenario::ready().login_lists(LoginLists::Complete);
    let soon = Duration::from_secs(60);
    for (scenario, organizations, projects) in [
        (complete.clone(), 1, 1),
        (complete.clone().project_ready_after(soon), 1, 0),
        (complete.clone().project_ready_in_list(1), 1, 0),
        (complete.ready_after(soon), 0, 0),
    ] {
        let sandbox = Sandbox::start(scenario).await.unwrap();
        let user = login(&sandbox, &access_token(&sandbox).await).send().await.json()["user"].clone();
        let listed = user["orgs"]["data"].as_array().unwrap();
        let listed_projects = listed.iter().filter_map(|entry| entry["projects"]["data"].as_array());
        assert_eq!((listed.len(), listed_projects.flatten().count()), (organizations, projects));
    }
    let sandbox = Sandbox::start(Scenario::ready()).await.unwrap();
    let user = login(&sandbox, &access_token(&sandbox).await).send().await.json()["user"].clone();
    assert_eq!(user.get("orgs"), None);
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused() {
    let sandbox = Sandbox::start(Scenario::ready()).await.unwrap();
    let long = json!({ "app": "a".repeat(100_000) });
    let call = post(format!("{}/dashboard/onboarding/login", sandbox.api_base())).json(&long);
    // The client reads the 413 or a broken pipe, depending on timing.
    if let Ok(response) = call.try_send().await {
        assert_eq!(response.status, 413);
    }
    assert_eq!(
        sandbox.violations(),
        ["POST /dashboard/onboarding/login on the platform API: the body is too long"]
    );
}
