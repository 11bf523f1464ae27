//! The revocation of the old key, which needs an admin key.

use super::{ORGANIZATION, PROJECT, key_in, keymint, rotate, run, valid, with_a_key, with_admin_key};
use crate::support::in_one_line;
use keymint_sandbox::{Reply, Scenario, Step};
use serde_json::json;

#[tokio::test]
async fn without_an_admin_key_the_user_learns_which_key_to_delete() {
    let machine = with_a_key(Scenario::ready()).await;
    let ended = run(&machine, rotate(&machine, &["--name", "new"])).await.exits_with(0);
    assert_eq!((key_in(&machine, ".env"), valid(&machine)), (Some(1), vec![true, true]));
    let shown = in_one_line(&ended.stderr);
    let last4 = &machine.sandbox.keys()[0].value;
    let expected = format!(
        "warning: the old key \"old\", ending in {} is still valid: delete it at https://platform.openai.com/api-keys",
        &last4[last4.len() - 4..]
    );
    assert!(shown.contains(&expected), "{shown}");
    // The replaced key is rotated again only if it is named.
    let ended = run(&machine, rotate(&machine, &["--events"])).await.exits_with(0);
    assert!(ended.stderr.contains(r#"{"event":"old_key","name":"new","#), "{}", ended.stderr);
    assert!(ended.stderr.contains(r#""state":"kept","reason":"no_admin_key"}"#), "{}", ended.stderr);
    run(&machine, rotate(&machine, &["old", "--dry-run"])).await.exits_with(0);
    let ended = run(&machine, rotate(&machine, &["unknown"])).await.exits_with(8);
    assert!(!ended.stderr.contains("sign in"), "{}", ended.stderr);
}

#[tokio::test]
async fn an_admin_key_that_is_refused_ends_the_run_before_the_sign_in() {
    let machine = with_a_key(Scenario::ready()).await;
    for (admin_key, code) in [("sk-admin-of-another", 7), ("not a key", 2)] {
        let program = rotate(&machine, &[]).env("OPENAI_ADMIN_KEY", admin_key);
        let ended = run(&machine, program).await.exits_with(code);
        let shown = in_one_line(&ended.stderr);
        assert!(shown.contains("OPENAI_ADMIN_KEY") && !shown.contains(admin_key), "{shown}");
        assert!(!shown.contains("/oauth/authorize?"), "{shown}");
    }
    assert_eq!((key_in(&machine, ".env"), valid(&machine)), (Some(0), vec![true]));
}

#[tokio::test]
async fn an_admin_api_that_cannot_be_reached_ends_the_run_before_the_sign_in() {
    let scenario = Scenario::ready().reply(Step::Keys, Reply::hang_up());
    let machine = with_a_key(scenario).await;
    let ended = run(&machine, with_admin_key(&machine, &["--http-timeout", "1s"])).await;
    assert!([6, 7].contains(&ended.code), "{}", ended.stderr);
    assert!(in_one_line(&ended.stderr).contains("nothing was created"), "{}", ended.stderr);
    assert_eq!((key_in(&machine, ".env"), valid(&machine)), (Some(0), vec![true]));
}

/// The server's answer to the creation has no id of the key, and another key has its name.
#[tokio::test]
async fn an_old_key_that_may_be_another_one_is_kept() {
    let body = json!({"key": {"sensitive_id": "sk-proj-0123456789abcdefghij", "name": "old"}});
    let scenario = Scenario::ready()
        .with_key(ORGANIZATION, PROJECT, "old", "sk-proj-1123456789abcdefghij")
        .with_key(ORGANIZATION, PROJECT, "old", "sk-proj-0123456789abcdefghij")
        .reply(Step::CreateKey.nth(1), Reply::status(200).json(&body));
    let machine = with_a_key(scenario).await;
    let ended = run(&machine, with_admin_key(&machine, &[])).await.exits_with(0);
    let shown = in_one_line(&ended.stderr);
    assert!(shown.contains("the old key will not be revoked: it may be any of these keys"), "{shown}");
    assert!(shown.contains("is still valid: it may be any of these keys"), "{shown}");
    assert!(valid(&machine).into_iter().all(|valid| valid));
}

#[tokio::test]
async fn a_revocation_that_is_refused_is_an_error_with_the_new_key_in_place() {
    let scenario = || Scenario::ready().reply(Step::DeleteKey, Reply::status(403));
    let machine = with_a_key(scenario()).await;
    let ended = run(&machine, with_admin_key(&machine, &["--json"])).await.exits_with(7);
    assert_eq!(ended.json()["old"]["reason"], "not_revoked", "{}", ended.stderr);
    assert_eq!((key_in(&machine, ".env"), valid(&machine)), (Some(1), vec![true, true]));

    let machine = with_a_key(scenario()).await;
    let ended = run(&machine, with_admin_key(&machine, &["--events"])).await.exits_with(7);
    assert!(ended.stderr.contains(r#""state":"kept","reason":"not_revoked"}"#), "{}", ended.stderr);

    // Standard output that fails as well hides nothing.
    let machine = with_a_key(scenario()).await;
    let program = with_admin_key(&machine, &["--json"]).stdout(keymint_testkit::full_disk());
    let ended = run(&machine, program).await.exits_with(7);
    let shown = in_one_line(&ended.stderr);
    assert!(
        shown.contains("the server did not revoke it") && shown.contains("standard output failed"),
        "{shown}"
    );
}

#[tokio::test]
async fn an_answer_to_the_revocation_that_is_lost_is_reported_to_programs() {
    let machine = with_a_key(Scenario::ready().reply(Step::DeleteKey, Reply::hang_up())).await;
    let ended = run(&machine, with_admin_key(&machine, &["--events", "--http-timeout", "1s"])).await;
    assert!([6, 7].contains(&ended.code), "{}", ended.stderr);
    assert!(ended.stderr.contains(r#""state":"may_be_revoked","reason":null}"#), "{}", ended.stderr);
    assert!(ended.stderr.contains("may be valid: the answer to its revocation was lost"), "{}", ended.stderr);
    let status = keymint(&machine, &["status", "--json"]).output().await.json();
    assert_eq!(status["keys"][1]["rotation"]["outcome"], "may_be_revoked", "{status}");
}
