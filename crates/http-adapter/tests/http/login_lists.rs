//! The organizations and projects in the login's answer.

use crate::support::{answering, base, http, token};
use keymint_domain::testing::{organization, project};
use keymint_domain::{Listing, LoginOrganization, PlatformApi, Project, Title};
use wiremock::ResponseTemplate;

/// Returns the organizations that are parsed from a `user` with these additional members.
async fn organizations(members: &str) -> Listing<LoginOrganization> {
    let body = format!(r#"{{"user": {{"session": {{"sensitive_id": "sess-1"}}{members}}}}}"#);
    let server = answering(ResponseTemplate::new(200).set_body_string(&body)).await;
    let login = http().platform_api(base(&server.uri())).unwrap().login(&token(), "api").await;
    let login = login.unwrap_or_else(|error| panic!("{body}: {error}"));
    assert_eq!(login.session.expose(), "sess-1");
    login.organizations
}

/// Returns the projects of the single organization that is parsed with these additional members.
async fn projects(members: &str) -> Listing<Project> {
    let entry = format!(r#"{{"id": "org-1", "is_default": true{members}}}"#);
    let mut listing = organizations(&format!(r#", "orgs": {{"data": [{entry}]}}"#)).await;
    assert_eq!((listing.items.len(), listing.complete), (1, true), "{entry}");
    listing.items.remove(0).projects
}

fn nothing<T>() -> Listing<T> {
    Listing::new(Vec::new(), 0, false)
}

#[tokio::test]
async fn whole_lists_are_read_in_their_order() {
    let read = organizations(
        r#", "orgs": {"object": "list", "has_more": false, "data": [
            {"id": "org-b", "title": "Acme", "is_default": false, "personal": true, "projects": {"data": []}},
            {"id": "org-a", "is_default": true, "projects": {"object": "list", "has_more": null, "data": [
                {"id": "proj_b", "title": "Web", "is_initial": false, "x": 1},
                {"id": "proj_a", "title": null, "is_initial": true}
            ]}}
        ]}"#,
    )
    .await;

    let mut acme = organization("org-b");
    acme.title = Some(Title::new("Acme"));
    acme.personal = true;
    let mut default = organization("org-a");
    default.is_default = true;
    let mut web = project("proj_b", false);
    web.title = Some(Title::new("Web"));
    let items = vec![
        LoginOrganization::new(acme, Vec::new().into()),
        LoginOrganization::new(default, vec![web, project("proj_a", true)].into()),
    ];
    assert_eq!(read, items.into());
}

/// Titles and ids are displayed, and occur in JSON and in records.
#[tokio::test]
async fn a_secret_in_a_title_is_redacted_and_an_id_that_is_one_makes_its_list_incomplete() {
    let read = organizations(
        r#", "orgs": {"data": [
            {"id": "a", "is_default": true, "title": "the-access-token", "projects": {"data": [
                {"id": "p", "is_initial": true, "title": "of the-access-t…"}, {"id": "the-access-token"}
            ]}},
            {"id": "sess-1"}
        ]}"#,
    )
    .await;

    let (mut a, mut p) = (organization("a"), project("p", true));
    a.is_default = true;
    a.title = Some(Title::new("[redacted]"));
    p.title = Some(Title::new("of [redacted]…"));
    let a = LoginOrganization::new(a, Listing::new(vec![p], 1, false));
    assert_eq!(read, Listing::new(vec![a], 1, false));
}

#[tokio::test]
async fn a_malformed_list_counts_as_missing_and_the_login_succeeds() {
    for orgs in ["null", "7", "[]", r#""org-1""#, "{}", r#"{"data": null}"#, r#"{"data": {}}"#] {
        assert_eq!(organizations(&format!(r#", "orgs": {orgs}"#)).await, nothing(), "{orgs}");
        assert_eq!(projects(&format!(r#", "projects": {orgs}"#)).await, nothing(), "{orgs}");
    }
    for twice in [r#", "orgs": {}, "orgs": {}"#, r#", "orgs": {"data": [], "data": []}"#] {
        assert_eq!(organizations(twice).await, nothing(), "{twice}");
    }
    assert_eq!(organizations("").await, nothing());
    assert_eq!(projects("").await, nothing());
}

#[tokio::test]
async fn a_list_is_whole_only_if_nothing_in_it_is_odd() {
    let good = r#"{"id": "proj_1", "is_initial": true}"#;
    for (rest, skipped) in [
        (r#""data": [GOOD], "has_more": true"#, Some(0)),
        (r#""data": [GOOD], "has_more": "false""#, None),
        (r#""data": [GOOD, {"id": "../x", "is_initial": false}]"#, Some(1)),
        (r#""data": [GOOD, {"is_initial": false}]"#, Some(1)),
        (r#""data": [GOOD, {"id": "proj_2", "is_initial": 0}]"#, Some(1)),
        (r#""data": [GOOD, {"id": "proj_2", "id": "proj_3", "is_initial": false}]"#, Some(1)),
        (r#""data": [GOOD, null]"#, Some(1)),
    ] {
        let list = rest.replace("GOOD", good);
        let expected = skipped
            .map_or_else(nothing, |skipped| Listing::new(vec![project("proj_1", true)], skipped, false));
        assert_eq!(projects(&format!(r#", "projects": {{{list}}}"#)).await, expected, "{list}");
    }
    for flag in ["", r#", "is_initial": null"#] {
        let bare = format!(r#"{{"id": "proj_2"{flag}}}"#);
        let (initial, other) = (project("proj_1", true), project("proj_2", false));
        let before = projects(&format!(r#", "projects": {{"data": [{bare}, {good}]}}"#)).await;
        assert_eq!(before, Listing::new(vec![other.clone(), initial.clone()], 0, false), "{flag}");
        let after = projects(&format!(r#", "projects": {{"data": [{good}, {bare}]}}"#)).await;
        assert_eq!(after, vec![initial, other].into(), "{flag}");
    }
    let without_flag = organizations(r#", "orgs": {"data": [{"id": "org-1", "personal": true}]}"#).await;
    assert_eq!((without_flag.items.len(), without_flag.complete), (1, false));
}

/// These lists are kept for the whole run, although they only save requests.
#[tokio::test]
async fn many_entries_are_left_out_and_the_list_is_incomplete() {
    let list = |entry: &str, number| format!(r#"{{"data": [{}]}}"#, vec![entry; number].join(","));
    let project = r#"{"id": "p", "is_initial": false}"#;
    for (number, kept, complete) in [(500, 500, true), (501, 500, false), (50_000, 500, false)] {
        let listing = projects(&format!(r#", "projects": {}"#, list(project, number))).await;
        assert_eq!((listing.items.len(), listing.complete), (kept, complete), "{number} projects");
    }
    let with_nine = format!(r#"{{"id": "o", "is_default": false, "projects": {}}}"#, list(project, 9));
    for (number, kept, complete) in [(100, 100, true), (101, 100, false), (5_000, 100, false)] {
        let listing = organizations(&format!(r#", "orgs": {}"#, list(&with_nine, number))).await;
        assert_eq!((listing.items.len(), listing.complete), (kept, complete), "{number} organizations");
    }
}
