//! Scripted replies.

use crate::client::{
    access_token, code, create_key, login, organizations, projects, session_key, token_request,
};
use keymint_sandbox::{Organization, Reply, Sandbox, Scenario, Step};
use serde_json::json;
use std::time::Duration;

const ORGANIZATION: &str = "org-sandbox-personal";
const PROJECT: &str = "proj_sandbox_default";

#[tokio::test]
async fn one_call_fails_and_the_next_does_not() {
    let error = json!({ "error": { "message": "overloaded" } });
    let busy = Reply::status(503).header("retry-after", "1").json(&error);
    let sandbox = Sandbox::start(Scenario::ready().reply(Step::Login.nth(1), busy)).await.unwrap();
    let access_token = access_token(&sandbox).await;

    let first = login(&sandbox, &access_token).send().await;
    assert_eq!((first.status, first.header("retry-after")), (503, Some("1")));
    assert_eq!(first.json(), error);
    assert_eq!(login(&sandbox, &access_token).send().await.status, 200);
}

#[tokio::test]
async fn a_code_survives_a_token_request_that_was_not_worked_on() {
    let scenario = Scenario::ready().reply(Step::Token.nth(1), Reply::hang_up());
    let sandbox = Sandbox::start(scenario).await.unwrap();
    let (code, redirect_uri) = code(&sandbox).await;

    assert!(token_request(&sandbox, &code, &redirect_uri).try_send().await.is_err());
    assert_eq!(sandbox.requests().pop().unwrap().status, None);
    assert_eq!(token_request(&sandbox, &code, &redirect_uri).send().await.status, 200);
    assert!(sandbox.violations().is_empty());
}

#[tokio::test]
async fn a_key_exists_although_its_answer_was_lost() {
    let scenario = Scenario::ready()
        .reply(Step::CreateKey.nth(1), Reply::hang_up().after_processing())
        .reply(Step::CreateKey.nth(2), Reply::status(502).after_processing())
        .reply(Step::CreateKey.nth(3), Reply::status(502));
    let sandbox = Sandbox::start(scenario).await.unwrap();
    let session_key = session_key(&sandbox).await;
    let create = || create_key(&sandbox, &session_key, ORGANIZATION, PROJECT).try_send();

    assert!(create().await.is_err());
    assert_eq!(sandbox.keys().len(), 1);
    assert_eq!(create().await.unwrap().status, 502);
    assert_eq!(sandbox.keys().len(), 2);
    assert_eq!(create().await.unwrap().status, 502);
    assert_eq!(sandbox.keys().len(), 2);
}

#[tokio::test]
async fn one_organizations_projects_fail_and_the_others_do_not() {
    let scenario = Scenario::of((1..=2).map(Organization::numbered))
        .reply(Step::Projects.of("org-1"), Reply::status(403));
    let sandbox = Sandbox::start(scenario).await.unwrap();
    let session_key = session_key(&sandbox).await;

    for (organization, status) in [("org-1", 403), ("org-2", 200), ("org-1", 403)] {
        assert_eq!(projects(&sandbox, &session_key, organization, "").send().await.status, status);
    }
}

#[tokio::test]
async fn requests_in_work_at_the_same_time_are_counted() {
    // The first two calls get no response, so the third certainly finds them in progress.
    let never = Reply::default().delayed(Duration::MAX);
    let scenario = Scenario::ready()
        .reply(Step::Organizations.nth(1), never.clone())
        .reply(Step::Organizations.nth(2), never);
    let sandbox = Sandbox::start(scenario).await.unwrap();
    let session_key = session_key(&sandbox).await;
    let requests_before = sandbox.requests().len();
    let call = || organizations(&sandbox, &session_key, "").try_send();

    tokio::select! {
        _ = async { tokio::join!(call(), call()) } => panic!("answered"),
        () = async {
            while sandbox.requests().len() < requests_before + 2 {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    assert_eq!(sandbox.in_flight_peak(), 2);
}
