//! Lists: invalid entries, and more than one page.

use crate::support::{acme, answer, answering, base, http, session};
use keymint_domain::testing::{organization, project};
use keymint_domain::{Listing, Organization, PlatformApi, Project, Role, ServiceErrorKind, Title};
use wiremock::matchers::{method, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

async fn organizations(body: &str) -> Listing<Organization> {
    let server = answering(ResponseTemplate::new(200).set_body_string(body)).await;
    let listing = http().platform_api(base(&server.uri())).unwrap().organizations(&session()).await.unwrap();
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
    listing
}

async fn projects(server: &MockServer) -> Result<Listing<Project>, keymint_domain::ServiceError> {
    http().platform_api(base(&server.uri())).unwrap().projects(&session(), &acme()).await
}

#[tokio::test]
async fn an_entry_without_a_usable_id_is_counted_and_spoils_no_other() {
    let bad_ids = [
        "null",
        "7",
        "[]",
        "{}",
        r#""""#,
        r#"".""#,
        r#""..""#,
        r#""a/b""#,
        r#""a\\b""#,
        r#""%2e%2e""#,
        r#""org?x""#,
        r#""org#x""#,
        r#""org\r\nX: y""#,
        r#""é""#,
        r#""a\u0000b""#,
    ];
    let mut entries: Vec<_> = bad_ids.iter().map(|id| format!(r#"{{"id": {id}}}"#)).collect();
    entries.push(format!(r#"{{"id": "{}"}}"#, "x".repeat(10_000)));
    entries.extend(["null", "7", r#""org-x""#, r#"["org-x"]"#, "{}"].map(str::to_owned));
    entries.push(r#"{"id": "twice", "id": "twice"}"#.to_owned());
    let body = format!(r#"{{"data": [{{"id": "first"}}, {}, {{"id": "last"}}]}}"#, entries.join(","));
    assert_eq!(
        organizations(&body).await,
        Listing::new(vec![organization("first"), organization("last")], entries.len(), true)
    );
}

#[tokio::test]
async fn a_flag_is_set_by_true_alone_and_a_title_is_a_text() {
    let body = r#"{"object": "list", "data": [
        {"id": "a", "title": "Acme \u001b[2J", "is_default": true, "personal": true, "x": {"y": [1]}},
        {"id": "b", "title": null, "is_default": null},
        {"id": "c", "title": 7, "is_default": 1, "personal": "true"},
        {"id": "d", "title": {"x": 1}, "is_default": [true], "personal": false}
    ]}"#;
    let plain = organization;
    let mut acme = organization("a");
    acme.title = Some(Title::new("Acme \u{1b}[2J"));
    acme.is_default = true;
    acme.personal = true;
    assert_eq!(organizations(body).await, vec![acme, plain("b"), plain("c"), plain("d")].into());
}

/// Titles and ids are displayed, and occur in JSON and in records.
#[tokio::test]
async fn a_secret_in_a_title_is_redacted_and_an_entry_whose_id_is_one_is_unusable() {
    let body = r#"{"data": [{"id": "a", "title": "of sess-the-session, cut: sess-the-ses"}, {"id": "sess-the-session"},
        {"id": "sess-the-session-too", "title": "sess-the"}]}"#;
    let (mut a, mut b) = (organization("a"), organization("sess-the-session-too"));
    a.title = Some(Title::new("of [redacted], cut: [redacted]"));
    b.title = Some(Title::new("sess-the"));
    assert_eq!(organizations(body).await, Listing::new(vec![a, b], 1, true));
    let server = answering(answer(200, r#"{"data": [{"id": "p", "title": "sess-the-session"}]}"#)).await;
    let mut project = project("p", false);
    project.title = Some(Title::new("[redacted]"));
    assert_eq!(projects(&server).await.unwrap(), vec![project].into());
}

#[tokio::test]
async fn a_policy_of_another_type_is_unknown() {
    let body = r#"{"data": [
        {"id": "a", "role": "reader",
         "settings": {"disable_user_api_keys": true, "completed_platform_onboarding": false, "x": 1}},
        {"id": "b", "role": "owner", "settings": {"disable_user_api_keys": false}},
        {"id": "c", "role": "Owner", "settings": {"disable_user_api_keys": "true"}},
        {"id": "d", "role": 7, "settings": {"disable_user_api_keys": null, "completed_platform_onboarding": 0}},
        {"id": "e", "role": null, "settings": [true, false]},
        {"id": "f", "settings": {"disable_user_api_keys": true, "disable_user_api_keys": true}}
    ]}"#;
    let (mut a, mut b) = (organization("a"), organization("b"));
    a.role = Some(Role::Reader);
    a.disable_user_api_keys = Some(true);
    a.completed_platform_onboarding = Some(false);
    b.role = Some(Role::Owner);
    b.disable_user_api_keys = Some(false);
    let unknown = ["c", "d", "e", "f"].map(organization);
    assert_eq!(organizations(body).await, [vec![a, b], unknown.to_vec()].concat().into());

    let body =
        r#"{"data": [{"id": "a", "disable_user_api_keys": true}, {"id": "b", "disable_user_api_keys": 1}]}"#;
    let mut refusing = project("a", false);
    refusing.disable_user_api_keys = Some(true);
    let server = answering(ResponseTemplate::new(200).set_body_string(body)).await;
    assert_eq!(projects(&server).await.unwrap(), vec![refusing, project("b", false)].into());
}

#[tokio::test]
async fn no_data_is_an_empty_list() {
    for body in ["{}", r#"{"data": null}"#, r#"{"data": []}"#, r#"{"data": [], "has_more": false}"#] {
        assert_eq!(organizations(body).await, Vec::new().into(), "{body}");
    }
}

#[tokio::test]
async fn the_next_page_is_requested_only_if_the_list_says_that_it_has_more() {
    for more in ["null", "false", r#""true""#, "1", "[true]"] {
        let body = format!(r#"{{"data": [{{"id": "a"}}], "has_more": {more}, "last_id": "a"}}"#);
        assert_eq!(organizations(&body).await, vec![organization("a")].into(), "{body}");
    }
}

#[tokio::test]
async fn a_cursor_that_is_no_id_is_not_sent() {
    for rest in [
        r#""data": [{"id": "a"}], "last_id": "a/../b""#,
        r#""data": [{"id": "a"}], "last_id": """#,
        r#""data": [{"id": "a"}, {"id": "a b"}]"#,
        r#""data": [{"id": "a"}, {}]"#,
    ] {
        let listing = organizations(&format!(r#"{{"has_more": true, {rest}}}"#)).await;
        assert_eq!((listing.items, listing.complete), (vec![organization("a")], false), "{rest}");
    }
    assert!(!organizations(r#"{"has_more": true}"#).await.complete);
}

async fn mount_page(server: &MockServer, after: Option<&str>, answer: ResponseTemplate) {
    let page =
        Mock::given(method("GET")).and(query_param("detail", "basic")).and(query_param("limit", "100"));
    let page = match after {
        Some(id) => page.and(query_param("after", id)),
        None => page.and(query_param_is_missing("after")),
    };
    page.respond_with(answer).expect(1).mount(server).await;
}

fn json(body: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_string(body)
}

#[tokio::test]
async fn the_default_project_on_the_third_page_is_found() {
    let server = MockServer::start().await;
    mount_page(&server, None, json(r#"{"data": [{"id": "p1"}, 7], "has_more": true, "last_id": "p1"}"#))
        .await;
    mount_page(&server, Some("p1"), json(r#"{"data": [{"id": "p2"}], "has_more": true}"#)).await;
    mount_page(
        &server,
        Some("p2"),
        json(r#"{"data": [{"id": "p3", "is_initial": true}], "has_more": false}"#),
    )
    .await;
    let items = vec![project("p1", false), project("p2", false), project("p3", true)];
    assert_eq!(projects(&server).await, Ok(Listing::new(items, 1, true)));
}

#[tokio::test]
async fn the_next_page_of_organizations_has_the_cursor_alone() {
    let server = MockServer::start().await;
    Mock::given(query_param_is_missing("after"))
        .respond_with(json(r#"{"data": [], "has_more": true, "last_id": "org-1"}"#))
        .mount(&server)
        .await;
    Mock::given(query_param("after", "org-1")).respond_with(json("{}")).mount(&server).await;
    http().platform_api(base(&server.uri())).unwrap().organizations(&session()).await.unwrap();
    let queries: Vec<_> = server
        .received_requests()
        .await
        .unwrap()
        .into_iter()
        .map(|r| r.url.query().map(str::to_owned))
        .collect();
    assert_eq!(queries, [None, Some("after=org-1".to_owned())]);
}

#[tokio::test]
async fn a_cursor_that_comes_again_ends_the_list() {
    let server = answering(json(r#"{"data": [{"id": "p1"}], "has_more": true, "last_id": "p1"}"#)).await;
    let listing = projects(&server).await.unwrap();
    assert!(!listing.complete);
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_failure_of_a_later_page_fails_the_list() {
    let server = MockServer::start().await;
    mount_page(&server, None, json(r#"{"data": [{"id": "p1"}], "has_more": true}"#)).await;
    mount_page(&server, Some("p1"), ResponseTemplate::new(503)).await;
    let error = projects(&server).await.unwrap_err();
    assert_eq!(error.kind, ServiceErrorKind::Refused { status: 503, retry_after: None });
    assert!(!error.detail.contains("after="), "{}", error.detail);
}

#[tokio::test]
async fn ten_thousand_organizations_are_read() {
    let entries: Vec<_> =
        (0..10_000).map(|i| format!(r#"{{"id": "org-{i}", "title": "{}"}}"#, "t".repeat(500))).collect();
    let listing = organizations(&format!(r#"{{"data": [{}]}}"#, entries.join(","))).await;
    assert_eq!((listing.items.len(), listing.skipped, listing.complete), (10_000, 0, true));
}

/// Each such entry of an 8 MB list would take ten times the memory of its text.
#[tokio::test]
async fn short_entries_are_kept_up_to_a_number() {
    for (number, kept, complete) in
        [(10_000, 10_000, true), (10_001, 10_000, false), (200_000, 10_000, false)]
    {
        let entries = vec![r#"{"id":"o"},{}"#; number].join(",");
        let listing = organizations(&format!(r#"{{"data": [{entries}]}}"#)).await;
        assert_eq!((listing.items.len(), listing.skipped, listing.complete), (kept, number, complete));
    }
}
