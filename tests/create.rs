//! Successful runs.

use crate::support::{create, default_project};
use keymint_sandbox::{Consent, Organization, Origin, Reply, Scenario, Step};
use serde_json::{Value, json};

#[tokio::test]
async fn the_requests_are_the_contracts_in_its_order_and_no_others() {
    let ended = create(Scenario::ready()).args(["--name", "my key"]).sign_in().await;

    let requests = ended.sandbox.requests();
    let client: Vec<_> = requests
        .iter()
        .filter(|request| !request.path.starts_with("/oauth/authorize"))
        .map(|request| format!("{} {}", request.method, request.path))
        .collect();
    assert_eq!(
        client,
        [
            "POST /oauth/token",
            "POST /dashboard/onboarding/login",
            "GET /v1/organizations",
            "GET /dashboard/organizations/org-sandbox-personal/projects",
            "POST /dashboard/organizations/org-sandbox-personal/projects/proj_sandbox_default/api_keys",
            "POST /oauth/revoke",
        ]
    );
    for request in requests.iter().filter(|request| !request.path.starts_with("/oauth/authorize")) {
        assert_eq!(request.header("user-agent"), Some("Codex-Create-API-Key/1.0"));
        assert_eq!(request.header("accept"), Some("application/json"));
        assert_eq!(request.header("accept-encoding"), Some("identity"));
    }
    let [.., creation, revocation] = &requests[..] else { panic!("{requests:?}") };
    let token = &ended.sandbox.refresh_tokens()[0];
    let body: Value = serde_json::from_slice(&revocation.body).unwrap();
    assert_eq!(
        body,
        json!({"token": token.value, "token_type_hint": "refresh_token", "client_id": token.client_id})
    );
    let body: Value = serde_json::from_slice(&creation.body).unwrap();
    assert_eq!((creation.origin, body), (Origin::PlatformApi, json!({"action": "create", "name": "my key"})));
}

/// The check runs only if it is requested. The key is delivered whatever the result.
#[tokio::test]
async fn a_new_key_is_checked_on_request() {
    let no_credit = r#"{"error": {"code": "insufficient_quota", "message": "no credit"}}"#;
    for (reply, said) in [
        (Reply::default(), "The platform accepts the key."),
        (
            Reply::error(401, "auth", Some("invalid_api_key"), "no"),
            "warning: the platform does not accept the key",
        ),
        (Reply::error(403, "auth", None, "no"), "The platform accepts the key, which may not list models."),
        (Reply::status(401), "warning: the key could not be verified"),
        (Reply::status(429).body(no_credit), "settings/organization/billing"),
        (Reply::status(500), "warning: the key could not be verified"),
    ] {
        let ended = create(Scenario::ready().reply(Step::Models, reply)).args(["--verify"]).sign_in().await;
        assert_eq!((ended.code, ended.stdout.trim_end()), (0, ended.key().as_str()), "{}", ended.stderr);
        assert_eq!(ended.count("GET", "/v1/models"), 1);
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn one_organization_that_refuses_does_not_end_the_flow() {
    let scenario = Scenario::of([
        Organization::new("org-closed").as_default(),
        Organization::new("org-open").with_project(default_project("proj_open")),
    ])
    .reply(Step::Projects.of("org-closed"), Reply::status(403));

    let ended = create(scenario).args(["--json"]).sign_in().await;

    assert_eq!(ended.json()["organization"]["id"], "org-open");
    assert!(ended.stderr.contains("warning: the projects of organization org-closed"), "{}", ended.stderr);
}

#[tokio::test]
async fn titles_reach_a_terminal_clean_and_json_exact() {
    let title = "Acme\u{1b}]0;owned\u{7}\u{202e}";
    let scenario =
        || Scenario::of([Organization::new("org-1").titled(title).with_project(default_project("proj_1"))]);

    let ended = create(scenario()).args(["--json"]).sign_in().await;

    assert_eq!(ended.json()["organization"]["title"], title);
    assert!(!ended.stderr.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{}", ended.stderr);
    assert!(ended.stderr.contains(r"Acme\u{1b}]0;owned"), "{}", ended.stderr);
}

#[tokio::test]
async fn only_variables_that_hide_the_key_are_reported_with_the_one_that_counts() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(".env");
    let args = ["--env-file", file.to_str().unwrap(), "--var", "MY_KEY"];
    let ended = create(Scenario::ready()).args(args).env("OPENAI_API_KEY", "sk-another-one").sign_in().await;
    assert!(ended.stderr.contains("as MY_KEY\n"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("is set here already"), "{}", ended.stderr);

    std::fs::remove_file(&file).unwrap();
    let ended = create(Scenario::ready())
        .args(args)
        .env("MY_KEY", "sk-another-one")
        .env("OPENAI_BASE_URL", "https://canary.example")
        .sign_in()
        .await;
    assert!(ended.stderr.contains("warning: MY_KEY is set here already"), "{}", ended.stderr);
    assert!(ended.stderr.contains("which are set: OPENAI_BASE_URL"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("another-one") && !ended.stderr.contains("canary"), "{}", ended.stderr);
}

#[cfg(unix)]
#[tokio::test]
async fn a_variable_that_is_no_text_does_not_spoil_what_was_done() {
    use std::os::unix::ffi::OsStrExt;
    let no_text = std::ffi::OsStr::from_bytes(b"\xff");
    let ended = create(Scenario::ready()).args(["--json"]).env("OPENAI_API_KEY", no_text).sign_in().await;
    assert_eq!((ended.code, ended.json()["schema"].as_str()), (0, Some("keymint.created/2")));
}

#[tokio::test]
async fn the_browser_ends_on_a_page_that_shows_the_true_outcome() {
    use Consent::{Allow, Deny};
    let ready = Scenario::ready;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(".env");
    let file = file.to_str().unwrap();
    for (run, consent, expected) in [
        (create(ready()), Allow, "Key ready"),
        (create(ready()), Deny, "refused"),
        (create(ready()).args(["--dry-run"]), Allow, "Dry run complete"),
        (create(ready()).command("list"), Allow, "Your terminal shows the list."),
        (create(ready()).args(["--pipe-to", "false"]), Allow, "Key created, but not delivered"),
        (
            create(ready()).args(["--env-file", file, "--pipe-to", "false"]),
            Allow,
            "but one destination failed",
        ),
        (create(ready().reply(Step::Login, Reply::status(403))), Allow, "No key was created"),
        (create(ready().reply(Step::Login, Reply::status(403))), Allow, "answered 403"),
        (create(ready().reply(Step::CreateKey, Reply::hang_up())), Allow, "may have been created"),
    ] {
        let ended = run.start().await.answer(consent).await;
        let page = ended.page();
        assert!(page.url.ends_with("/auth/done") && page.status == 200, "{} {}", page.status, page.url);
        assert!(page.body.contains(expected), "{expected:?} is not in {}\n{}", page.body, ended.stderr);
    }
}
