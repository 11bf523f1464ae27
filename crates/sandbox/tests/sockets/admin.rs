//! The Admin API.

use crate::client::{Call, create_key, get, models, post, session_key};
use keymint_sandbox::{NamedScenario, Organization, Project, Sandbox, Scenario};
use serde_json::{Value, json};

const ORGANIZATION: &str = "org-sandbox-personal";
const PROJECT: &str = "proj_sandbox_default";

/// Returns a call of the Admin API, with a path below the projects.
fn admin(sandbox: &Sandbox, admin_key: &str, method: &'static str, path: &str) -> Call {
    let url = format!("{}/v1/organization/projects{path}", sandbox.api_base());
    Call::new(method, url).bearer(admin_key)
}

async fn start(scenario: Scenario) -> (Sandbox, String) {
    let sandbox = Sandbox::start(scenario).await.expect("a free port");
    let admin_key = sandbox.admin_key(ORGANIZATION);
    (sandbox, admin_key)
}

fn keys_path() -> String {
    format!("/{PROJECT}/api_keys")
}

fn accounts_path() -> String {
    format!("/{PROJECT}/service_accounts")
}

async fn account(sandbox: &Sandbox, admin_key: &str, body: Value) -> Value {
    let response = admin(sandbox, admin_key, "POST", &accounts_path()).json(&body).send().await;
    assert_eq!(response.status, 200, "{}", response.text);
    response.json()
}

#[tokio::test]
async fn a_key_of_the_user_is_listed_changed_and_deleted() {
    let (sandbox, admin_key) = start(Scenario::ready()).await;
    let session_key = session_key(&sandbox).await;
    create_key(&sandbox, &session_key, ORGANIZATION, PROJECT).send().await;
    let [made] = sandbox.keys().try_into().unwrap();

    let projects = admin(&sandbox, &admin_key, "GET", "?limit=100").send().await.json();
    assert_eq!(
        (&projects["data"][0]["id"], &projects["data"][0]["name"]),
        (&json!(PROJECT), &json!("Default project"))
    );
    let list = admin(&sandbox, &admin_key, "GET", &format!("{}?limit=100", keys_path())).send().await.json();
    let listed = &list["data"][0];
    assert_eq!(
        (&listed["id"], &listed["name"], &listed["last_used_at"]),
        (&json!(made.id), &json!("laptop"), &Value::Null)
    );
    let four = &made.value[made.value.len() - 4..];
    assert_eq!(listed["redacted_value"], format!("sk-proj-********{four}"));
    assert_eq!(listed["owner"]["type"], "user");
    assert_eq!(list["has_more"], false);

    let path = format!("{}/{}", keys_path(), made.id);
    assert_eq!(models(&sandbox, &made.value).send().await.status, 200);
    let key = admin(&sandbox, &admin_key, "GET", &path).send().await.json();
    assert!(key["last_used_at"].is_u64(), "{key}");
    let change = json!({ "expires_in_seconds": 60, "scopes": ["api.all.read"] });
    let changed = admin(&sandbox, &admin_key, "POST", &path).json(&change).send().await.json();
    assert_eq!(changed["scopes"], change["scopes"]);
    assert!(changed["expires_at"].is_u64(), "{changed}");

    let deleted = admin(&sandbox, &admin_key, "DELETE", &path).send().await.json();
    assert_eq!(deleted["deleted"], true);
    assert_eq!(admin(&sandbox, &admin_key, "DELETE", &path).send().await.status, 404);
    assert_eq!(models(&sandbox, &made.value).send().await.json()["error"]["code"], "invalid_api_key");
    assert!(sandbox.keys()[0].is_deleted);
    assert_eq!(sandbox.violations(), Vec::<String>::new());
    assert!(sandbox.secrets().contains(&admin_key));
}

#[tokio::test]
async fn a_service_account_has_a_first_key_or_gets_one_once_it_is_a_member() {
    let (sandbox, admin_key) = start(Scenario::ready()).await;
    let first = account(&sandbox, &admin_key, json!({ "name": "ci" })).await;
    assert_eq!(first["role"], "member");
    let value = first["api_key"]["value"].as_str().unwrap();
    assert_eq!(models(&sandbox, value).send().await.status, 200);

    let empty =
        account(&sandbox, &admin_key, json!({ "name": "ci", "create_service_account_only": true })).await;
    assert_eq!((&empty["role"], &empty["api_key"]), (&json!("none"), &Value::Null));
    let path = format!("{}/{}", accounts_path(), empty["id"].as_str().unwrap());
    let body = json!({ "name": "n", "scopes": ["api.all.read"], "expires_in_seconds": 60 });
    let key =
        admin(&sandbox, &admin_key, "POST", &format!("{path}/api_keys")).json(&body).send().await.json();
    let second = key["value"].as_str().unwrap();
    assert_eq!(models(&sandbox, second).send().await.status, 403);
    let member = admin(&sandbox, &admin_key, "POST", &path).json(&json!({ "role": "member" })).send().await;
    assert_eq!(member.json()["role"], "member");
    assert_eq!(models(&sandbox, second).send().await.status, 200);

    let key_path = format!("{}/{}", keys_path(), key["id"].as_str().unwrap());
    assert_eq!(admin(&sandbox, &admin_key, "DELETE", &key_path).send().await.status, 400);
    assert_eq!(admin(&sandbox, &admin_key, "DELETE", &path).send().await.json()["deleted"], true);
    assert_eq!(admin(&sandbox, &admin_key, "GET", &key_path).send().await.status, 404);
    assert_eq!(models(&sandbox, second).send().await.status, 401);
    assert_eq!(models(&sandbox, value).send().await.status, 200);
    assert_eq!(sandbox.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_request_that_is_not_exact_is_a_violation() {
    let (sandbox, admin_key) =
        start(Scenario::ready().with_key(ORGANIZATION, PROJECT, "n", "sk-proj-seed")).await;
    let key = format!("{}/{}", keys_path(), sandbox.keys()[0].id);
    let empty =
        account(&sandbox, &admin_key, json!({ "name": "ci", "create_service_account_only": true })).await;
    let empty = format!("{}/{}", accounts_path(), empty["id"].as_str().unwrap());
    let session_key = session_key(&sandbox).await;
    let keys = keys_path();
    let call = |method, path: &str| admin(&sandbox, &admin_key, method, path);
    let wrong = [
        (401, admin(&sandbox, &session_key, "GET", "?limit=100")),
        (401, admin(&sandbox, "sk-admin-unknown", "DELETE", &key)),
        (401, get(format!("{}/v1/organization/projects?limit=1", sandbox.api_base()))),
        (400, call("GET", "")),
        (400, call("GET", "?limit=0")),
        (400, call("GET", "?limit=101")),
        (400, call("GET", "?limit=1&owner=me")),
        (400, call("GET", &format!("{keys}?after=x&limit=1"))),
        (400, call("GET", &format!("{keys}?limit=100&after=key_unknown"))),
        (400, call("GET", &format!("{key}?limit=1"))),
        (400, call("POST", &key).json(&json!({}))),
        (400, call("POST", &key).json(&json!({ "name": "n" }))),
        (400, call("POST", &key).json(&json!({ "expires_in_seconds": 0 }))),
        (400, call("POST", &key).json(&json!({ "expires_in_seconds": 31_536_001 }))),
        (400, call("POST", &key).json(&json!({ "scopes": [] }))),
        (400, call("POST", &accounts_path()).json(&json!({ "name": "" }))),
        (400, call("POST", &accounts_path()).json(&json!({ "name": "n", "role": "owner" }))),
        (400, call("POST", &accounts_path()).json(&json!({ "name": "n", "create_service_account_only": 1 }))),
        (400, call("POST", &empty).json(&json!({ "role": "none" }))),
        (400, call("POST", &empty).json(&json!({ "role": "member", "name": "n" }))),
        (400, call("POST", &format!("{empty}/api_keys")).json(&json!({ "scopes": ["a"] }))),
        (400, call("POST", &format!("{empty}/api_keys")).form(&[("name", "n")])),
        (404, call("GET", "/a/b/c/d/e")),
        (405, call("PUT", &key)),
        (405, call("GET", &accounts_path())),
    ];
    for (number, (status, call)) in wrong.into_iter().enumerate() {
        assert_eq!(call.send().await.status, status, "call {number}");
        assert_eq!(sandbox.violations().len(), number + 1, "call {number}");
    }
    let before = sandbox.violations().len();
    let with_body = call("DELETE", &format!("{keys}/key_unknown")).json(&json!({}));
    assert_eq!(with_body.send().await.status, 404);
    assert_eq!(sandbox.violations()[before..], ["key deletion request: a DELETE has a body"]);
    assert_eq!(sandbox.keys().len(), 1);
}

#[tokio::test]
async fn an_object_that_is_missing_or_of_another_organization_is_not_found() {
    let other = Organization::new("org-other").with_project(Project::new("proj_other"));
    let personal = Organization::new(ORGANIZATION).with_project(Project::new(PROJECT));
    let (sandbox, admin_key) = start(Scenario::of([personal, other])).await;
    for (method, path) in [
        ("GET", "/proj_other/api_keys?limit=100"),
        ("GET", "/proj_unknown/api_keys?limit=100"),
        ("GET", "/proj_sandbox_default/api_keys/key_unknown"),
        ("DELETE", "/proj_other/api_keys/key_unknown"),
        ("DELETE", "/proj_sandbox_default/service_accounts/svc_acct_unknown"),
    ] {
        assert_eq!(admin(&sandbox, &admin_key, method, path).send().await.status, 404, "{path}");
    }
    let stranger = sandbox.admin_key("org-unknown");
    assert_eq!(admin(&sandbox, &stranger, "GET", "?limit=100").send().await.status, 404);
    assert_eq!(sandbox.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn the_keys_are_paged_and_may_have_one_name_and_one_end() {
    let scenario = (0..5).fold(Scenario::ready().page_size(2), |scenario, number| {
        scenario.with_key(ORGANIZATION, PROJECT, "same", format!("sk-proj-{number}-same"))
    });
    let (sandbox, admin_key) = start(scenario).await;
    let (mut ids, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("{}?limit=100{after}", keys_path());
        let page = admin(&sandbox, &admin_key, "GET", &path).send().await.json();
        for key in page["data"].as_array().unwrap() {
            assert_eq!(
                (&key["name"], &key["redacted_value"]),
                (&json!("same"), &json!("sk-proj-********same"))
            );
            ids.push(key["id"].as_str().unwrap().to_owned());
        }
        if page["has_more"] == false {
            break;
        }
        after = format!("&after={}", page["last_id"].as_str().unwrap());
    }
    assert_eq!(ids, sandbox.keys().into_iter().map(|key| key.id).collect::<Vec<_>>());
    assert_eq!(sandbox.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn the_policies_hold_for_service_accounts_as_far_as_they_concern_them() {
    let only_accounts =
        Organization::new(ORGANIZATION).without_user_keys().with_project(Project::new(PROJECT).as_initial());
    for (scenario, of_user, first_key, short_lived) in [
        (Scenario::of([only_accounts]), 403, 200, 200),
        (NamedScenario::ExpiryRequired.scenario(), 400, 400, 200),
        (NamedScenario::NewKeysDisabled.scenario(), 403, 403, 403),
    ] {
        let (sandbox, admin_key) = start(scenario).await;
        let session_key = session_key(&sandbox).await;
        let created = create_key(&sandbox, &session_key, ORGANIZATION, PROJECT).send().await;
        assert_eq!(created.status, of_user);
        let call = admin(&sandbox, &admin_key, "POST", &accounts_path()).json(&json!({ "name": "ci" }));
        assert_eq!(call.send().await.status, first_key);
        let empty =
            account(&sandbox, &admin_key, json!({ "name": "ci", "create_service_account_only": true })).await;
        let path = format!("{}/{}/api_keys", accounts_path(), empty["id"].as_str().unwrap());
        let body = json!({ "name": "n", "expires_in_seconds": 60 });
        let call = admin(&sandbox, &admin_key, "POST", &path).json(&body);
        assert_eq!(call.send().await.status, short_lived);
        assert_eq!(sandbox.violations(), Vec::<String>::new());
    }
}

/// A second is a day for the server, so a key of one day expires within the next seconds.
#[tokio::test]
async fn a_key_expires_in_the_time_of_the_server() {
    let (sandbox, admin_key) = start(Scenario::ready().time_factor(24 * 60 * 60)).await;
    let session_key = session_key(&sandbox).await;
    let url =
        format!("{}/dashboard/organizations/{ORGANIZATION}/projects/{PROJECT}/api_keys", sandbox.api_base());
    let body = json!({ "action": "create", "name": "n", "expires_in_seconds": 24 * 60 * 60 });
    let created = post(url).bearer(&session_key).json(&body).send().await.json();
    let value = created["key"]["sensitive_id"].as_str().unwrap();
    let mut response = models(&sandbox, value).send().await;
    for _ in 0..100_000 {
        if response.status != 200 {
            break;
        }
        response = models(&sandbox, value).send().await;
    }
    let code = &response.json()["error"]["code"];
    assert_eq!(code, "expired_api_key");
    let list = admin(&sandbox, &admin_key, "GET", &format!("{}?limit=1", keys_path())).send().await.json();
    assert_eq!(list["data"][0]["expires_at"], created["key"]["expires_at"]);
    assert_eq!(sandbox.violations(), Vec::<String>::new());
}
