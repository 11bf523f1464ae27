//! The Admin API: every request, and the parts of each answer that are used.

use crate::support::{
    account_id, admin_key, answer, answering, assert_clean, base, call, change, good_body, http, key_id, proj,
};
use keymint_domain::testing::{project, project_key};
use keymint_domain::{
    AdminApi, Intermediary, KeyId, KeyOwner, KeyScope, Listing, NewKey, ProjectKey, ServiceAccountId,
    ServiceErrorKind, Step, Title,
};
use keymint_http_adapter::HttpAdminApi;
use std::time::Duration;
use wiremock::matchers::{query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// Starts a server that always sends this answer, and creates the adapter for it.
async fn api(body: impl Into<Vec<u8>>) -> (MockServer, HttpAdminApi) {
    let server = answering(answer(200, body)).await;
    let api = http().admin_api(base(&server.uri())).unwrap();
    (server, api)
}

async fn sent(server: &MockServer) -> Request {
    let [request] = server.received_requests().await.unwrap().try_into().unwrap();
    request
}

fn line(request: &Request) -> String {
    let query = request.url.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{} {}{query}", request.method, request.url.path())
}

#[tokio::test]
async fn the_requests_are_the_documented_ones() {
    let projects = "/v1/organization/projects";
    for (step, line_, body) in [
        (Step::ListAllProjects, format!("GET {projects}?limit=100"), ""),
        (Step::ListKeys, format!("GET {projects}/proj_1/api_keys?limit=100"), ""),
        (Step::GetKey, format!("GET {projects}/proj_1/api_keys/key_1"), ""),
        (Step::UpdateKey, format!("POST {projects}/proj_1/api_keys/key_1"), r#"{"expires_in_seconds":1}"#),
        (Step::DeleteKey, format!("DELETE {projects}/proj_1/api_keys/key_1"), ""),
        (Step::CreateServiceAccount, format!("POST {projects}/proj_1/service_accounts"), r#"{"name":"ci"}"#),
        (
            Step::UpdateServiceAccount,
            format!("POST {projects}/proj_1/service_accounts/svc_acct_1"),
            r#"{"role":"member"}"#,
        ),
        (
            Step::CreateAccountKey,
            format!("POST {projects}/proj_1/service_accounts/svc_acct_1/api_keys"),
            r#"{"name":"ci"}"#,
        ),
        (Step::DeleteServiceAccount, format!("DELETE {projects}/proj_1/service_accounts/svc_acct_1"), ""),
    ] {
        let server = answering(answer(200, good_body(step))).await;
        call(&http(), &server.uri(), step).await.unwrap();
        let request = sent(&server).await;
        assert_eq!(
            (line(&request), String::from_utf8(request.body.clone()).unwrap()),
            (line_, body.to_owned())
        );
        let mut names: Vec<_> = request.headers.keys().map(|name| name.as_str()).collect();
        names.sort_unstable();
        let json: &[&str] = if body.is_empty() { &[] } else { &["content-length", "content-type"] };
        let others = ["host", "user-agent"];
        assert_eq!(
            names,
            [&["accept", "accept-encoding", "authorization"], json, &others].concat(),
            "{step}"
        );
        assert_eq!(request.headers["authorization"], "Bearer the-admin-key");
    }
}

#[tokio::test]
async fn an_account_without_a_key_is_requested_as_such() {
    let (server, api) = api(r#"{"id": "svc_acct_9", "role": "none", "api_key": null}"#).await;
    let account = api.create_empty_account(&admin_key(), &proj(), "ci").await.unwrap();
    assert_eq!(account.as_str(), "svc_acct_9");
    let request = sent(&server).await;
    assert_eq!(request.body, br#"{"name":"ci","create_service_account_only":true}"#);
    for bad in ["{}", r#"{"id": null}"#, r#"{"id": "a/b"}"#] {
        let (_server, api) = self::api(bad).await;
        let error = api.create_empty_account(&admin_key(), &proj(), "ci").await.unwrap_err();
        assert_eq!(error.kind, ServiceErrorKind::OutOfContract, "{bad}");
    }
}

#[tokio::test]
async fn a_lifetime_and_scopes_are_sent_only_if_they_are_set() {
    let mut key = NewKey::named("n");
    key.expires_in = Some(Duration::from_secs(60).try_into().unwrap());
    key.scopes = vec![KeyScope::read_only(), KeyScope::parse("b").unwrap()];
    let (server, api) = api(r#"{"value": "sk-1", "expires_at": 7, "scopes": ["b", "api.all.read"]}"#).await;
    let created = api.create_account_key(&admin_key(), &proj(), &account_id(), &key).await.unwrap();
    assert_eq!((created.secret.expose(), created.details.expires_at), ("sk-1", Some(7)));
    assert_eq!(
        sent(&server).await.body,
        br#"{"name":"n","expires_in_seconds":60,"scopes":["api.all.read","b"]}"#
    );
    let (server, api) =
        self::api(r#"{"id": "key_1", "created_at": 1, "expires_at": 61, "scopes": ["x"]}"#).await;
    let mut scopes = change();
    (scopes.expires_in, scopes.scopes) = (None, vec![KeyScope::parse("x").unwrap()]);
    let changed = api.update_key(&admin_key(), &proj(), &key_id(), &scopes).await.unwrap();
    assert_eq!(
        (changed.created_at, changed.expires_at, changed.scopes),
        (Some(1), Some(61), Some(vec!["x".into()]))
    );
    assert_eq!(sent(&server).await.body, br#"{"scopes":["x"]}"#);
}

#[tokio::test]
async fn a_key_is_read_as_far_as_it_makes_sense() {
    let whole = r#"{"object": "organization.project.api_key", "id": "key_1", "name": "lap\u001btop",
        "redacted_value": "sk-proj-****9f3A", "created_at": 1764151200, "last_used_at": 1764151300,
        "expires_at": 1764151400, "owner_project_access": "active",
        "owner": {"type": "user", "user": {"id": "u", "email": "e@example.com", "name": "Kim"}}}"#;
    let mut key = project_key("key_1", "lap\u{1b}top", "9f3A");
    key.last_used_at = Some(1_764_151_300);
    key.expires_at = Some(1_764_151_400);
    key.owner = Some(KeyOwner::User { name: Some(Title::new("Kim")) });
    let account = |id: Option<&str>| {
        let id = id.map(|id| ServiceAccountId::parse(id).unwrap());
        Some(KeyOwner::ServiceAccount { id, name: Some(Title::new("ci")) })
    };
    let of = |owner| {
        let mut key = ProjectKey::new(key_id());
        key.owner = owner;
        key
    };
    let rows: [(&str, ProjectKey); 7] = [
        (whole, key),
        (r#"{"id": "key_1"}"#, ProjectKey::new(key_id())),
        (
            r#"{"id": "key_1", "name": 7, "redacted_value": "sk-proj-unmasked9f3A", "created_at": -1,
                "last_used_at": null, "expires_at": "soon", "owner": []}"#,
            ProjectKey::new(key_id()),
        ),
        (
            r#"{"id": "key_1", "owner": {"type": "service_account", "service_account": {"id": "svc", "name": "ci"}}}"#,
            of(account(Some("svc"))),
        ),
        (
            r#"{"id": "key_1", "owner": {"type": "service_account", "service_account": {"id": "a/b", "name": "ci"}}}"#,
            of(account(None)),
        ),
        (
            r#"{"id": "key_1", "owner": {"type": "service_account"}}"#,
            of(Some(KeyOwner::ServiceAccount { id: None, name: None })),
        ),
        (r#"{"id": "key_1", "owner": {"type": "robot", "user": {"name": "Kim"}}}"#, of(None)),
    ];
    for (body, key) in rows {
        let (_server, one) = api(body).await;
        assert_eq!(one.key(&admin_key(), &proj(), &key_id()).await.unwrap(), key, "{body}");
        let (_server, list) = api(format!(r#"{{"data": [{body}, {{"id": "sk-proj-1"}}, 7]}}"#)).await;
        let listed = list.keys(&admin_key(), &proj()).await.unwrap();
        assert_eq!(listed, Listing::new(vec![key], 2, true), "{body}");
    }
}

#[tokio::test]
async fn a_list_is_read_page_by_page() {
    let server = MockServer::start().await;
    let page = |body: &str| ResponseTemplate::new(200).set_body_string(body);
    Mock::given(query_param_is_missing("after"))
        .respond_with(page(r#"{"data": [{"id": "a", "name": "A"}], "has_more": true, "last_id": "a"}"#))
        .mount(&server)
        .await;
    Mock::given(query_param("after", "a"))
        .respond_with(page(r#"{"data": [{"id": "b"}], "has_more": false}"#))
        .mount(&server)
        .await;
    let api = http().admin_api(base(&server.uri())).unwrap();
    let mut first = project("a", false);
    first.title = Some(Title::new("A"));
    assert_eq!(api.projects(&admin_key()).await.unwrap(), vec![first, project("b", false)].into());
    let keys = api.keys(&admin_key(), &proj()).await.unwrap();
    assert_eq!(keys.items.iter().map(|key| key.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests[1].url.query(), Some("limit=100&after=a"));
}

/// A deletion counts only if the server confirms that it deleted this key.
#[tokio::test]
async fn a_deletion_that_is_not_confirmed_is_no_deletion() {
    for body in [
        "{}",
        r#"{"id": "key_1"}"#,
        r#"{"id": "key_1", "deleted": false}"#,
        r#"{"id": "key_2", "deleted": true}"#,
        r#"{"id": "key_1", "deleted": "true"}"#,
        r#"{"deleted": true}"#,
        r#"{"id": "key_1", "deleted": true, "deleted": true}"#,
    ] {
        let (_server, api) = api(body).await;
        let error = api.delete_key(&admin_key(), &proj(), &key_id()).await.unwrap_err();
        assert_eq!((error.step, error.kind), (Step::DeleteKey, ServiceErrorKind::OutOfContract), "{body}");
        let error = api.delete_service_account(&admin_key(), &proj(), &account_id()).await.unwrap_err();
        assert_eq!(error.kind, ServiceErrorKind::OutOfContract, "{body}");
    }
}

#[tokio::test]
async fn the_answer_for_another_key_is_not_taken() {
    let (_server, api) = api(r#"{"id": "key_2", "name": "n"}"#).await;
    for error in [
        api.key(&admin_key(), &proj(), &key_id()).await.unwrap_err(),
        api.update_key(&admin_key(), &proj(), &key_id(), &change()).await.unwrap_err(),
        api.add_to_project(&admin_key(), &proj(), &account_id()).await.unwrap_err(),
    ] {
        assert_eq!(error.kind, ServiceErrorKind::OutOfContract);
        assert!(error.detail.ends_with("id differs from the requested one"), "{error}");
    }
}

#[tokio::test]
async fn a_created_key_is_taken_whatever_else_the_answer_has() {
    for (body, id, key_id) in [
        (r#"{"id": "svc", "api_key": {"value": "sk-1", "id": "key_7"}}"#, Some("svc"), Some("key_7")),
        (r#"{"api_key": {"value": "sk-1"}}"#, None, None),
        (r#"{"id": 7, "api_key": {"value": "sk-1", "id": "sk-1"}}"#, None, None),
        (r#"{"id": "a/b", "error": {"message": "no"}, "api_key": {"value": "sk-1", "id": []}}"#, None, None),
    ] {
        let (_server, api) = api(body).await;
        let account = api.create_service_account(&admin_key(), &proj(), "ci").await.unwrap();
        assert_eq!(account.key.secret.expose(), "sk-1");
        assert_eq!(account.id.as_ref().map(ServiceAccountId::as_str), id, "{body}");
        assert_eq!(account.key.details.id.as_ref().map(KeyId::as_str), key_id, "{body}");
    }
    for bad in ["{}", r#"{"api_key": null}"#, r#"{"api_key": {"value": ""}}"#, r#"{"api_key": ["sk-1"]}"#] {
        let (_server, api) = api(bad).await;
        let error = api.create_service_account(&admin_key(), &proj(), "ci").await.unwrap_err();
        assert_eq!(error.kind, ServiceErrorKind::OutOfContract, "{bad}");
    }
}

#[tokio::test]
async fn an_answer_that_repeats_the_admin_key_shows_it_nowhere() {
    let body = r#"{"data": [
        {"id": "a", "name": "of the-admin-key", "owner": {"type": "user", "user": {"name": "the-admin-key"}}},
        {"id": "the-admin-key"}, {"id": "key_the-admin-key"}]}"#;
    let (_server, api) = api(body).await;
    let listed = api.keys(&admin_key(), &proj()).await.unwrap();
    let mut key = ProjectKey::new(KeyId::parse("a").unwrap());
    key.name = Some(Title::new("of [redacted]"));
    key.owner = Some(KeyOwner::User { name: Some(Title::new("[redacted]")) });
    assert_eq!(listed, Listing::new(vec![key], 2, true));
    assert_eq!(api.projects(&admin_key()).await.unwrap().items.len(), 1);

    let owned = r#"{"id": "key_1", "owner": {"type": "service_account", "service_account": {"id": "x-the-admin-key"}}}"#;
    let mut key = ProjectKey::new(key_id());
    key.owner = Some(KeyOwner::ServiceAccount { id: None, name: None });
    let (_server, api) = self::api(owned).await;
    assert_eq!(api.key(&admin_key(), &proj(), &key_id()).await.unwrap(), key);
    let (_server, api) = self::api(format!(r#"{{"data": [{owned}]}}"#)).await;
    assert_eq!(api.keys(&admin_key(), &proj()).await.unwrap(), vec![key].into());
    let (_server, api) = self::api(r#"{"id": "svc_the-admin-key", "api_key": {"value": "sk-1"}}"#).await;
    let error = api.create_empty_account(&admin_key(), &proj(), "ci").await.unwrap_err();
    assert_eq!(error.kind, ServiceErrorKind::OutOfContract);
    assert_clean(&error);
    assert_eq!(api.create_service_account(&admin_key(), &proj(), "ci").await.unwrap().id, None);

    let refusal =
        r#"{"error": {"message": "the-admin-key may not: the-admin-key", "code": "the-admin-key"}}"#;
    let server = answering(answer(403, refusal)).await;
    let api = http().admin_api(base(&server.uri())).unwrap();
    let error = api.delete_key(&admin_key(), &proj(), &key_id()).await.unwrap_err();
    assert_clean(&error);
    assert!(matches!(error.kind, ServiceErrorKind::Refused { status: 403, .. }), "{error}");
    assert!(!format!("{:?} {api:?}", admin_key()).contains("the-admin"));
}

#[tokio::test]
async fn a_portal_does_not_confirm_a_deletion() {
    let page = ResponseTemplate::new(200).set_body_raw("<html>Welcome", "text/html");
    let server = answering(page).await;
    let api = http().admin_api(base(&server.uri())).unwrap();
    let error = api.delete_key(&admin_key(), &proj(), &key_id()).await.unwrap_err();
    let by = Intermediary::WebPage;
    assert_eq!(error.kind, ServiceErrorKind::Intercepted { by, status: 200 });
}
