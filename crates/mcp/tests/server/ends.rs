//! Calls that end without a result: they are cancelled or abandoned, or their client disconnects.

use crate::client::{Client, SESSION, STATELESS, refusal};
use crate::{CREATE, slow_creation};
use keymint_sandbox::{Consent, Scenario};
use serde_json::{Value, json};
use std::fs;

#[tokio::test]
async fn a_client_that_does_not_show_the_url_after_all_ends_the_call() {
    for answer in [
        json!({"error": {"code": -32601, "message": "Method not found"}}),
        json!({"result": {}}),
        json!({"result": {"action": "ACCEPT"}}),
        json!({"result": 7}),
    ] {
        let mut client = Client::start(Scenario::ready(), SESSION).await;
        let id = client.begin("tools/call", serde_json::from_str(CREATE).unwrap()).await;
        client.hold_question().await;
        let mut response = json!({"jsonrpc": "2.0", "id": client.held[0]["id"]});
        response.as_object_mut().unwrap().extend(answer.as_object().unwrap().clone());
        client.send(response).await;
        let result = client.response(id).await["result"].clone();
        let says = "The client did not show the URL of the sign-in. Use the terminal.";
        assert_eq!(refusal(&result), says, "{answer}");
        client.end().await;
    }
}

#[tokio::test]
async fn a_cancelled_call_frees_the_port_and_creates_nothing_however_its_question_is_answered() {
    let mut client = Client::start(Scenario::ready(), SESSION).await;
    let id = client.begin("tools/call", serde_json::from_str(CREATE).unwrap()).await;
    // The agent gives up while the user reads.
    client.hold_question().await;
    let params = json!({"requestId": id});
    client.send(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params})).await;
    // The client can close the question.
    while client.receive().await["method"] != "notifications/cancelled" {}
    let question = client.held.remove(0);
    let url = question["params"]["url"].as_str().unwrap();
    assert!(keymint_sandbox::sign_in(url, Consent::Allow).await.is_err(), "the link ends with the call");
    let accepted = json!({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept"}});
    for _ in 0..2 {
        client.send(accepted.clone()).await;
    }
    assert_eq!(client.create().await["isError"], false, "another call finds the port");
    assert_eq!(client.sandbox.keys().len(), 1);
    client.end().await;
}

#[tokio::test]
async fn a_second_creation_at_once_is_refused_and_the_first_goes_on() {
    let mut client = Client::start(Scenario::ready(), SESSION).await;
    let first = client.begin("tools/call", serde_json::from_str(CREATE).unwrap()).await;
    client.hold_question().await;
    let arguments = json!({"destination": "env_file", "path": "other.env"});
    let refused = client.call("create_api_key", arguments).await;
    assert!(refusal(&refused).starts_with("Another sign-in is waiting for the browser on port"), "{refused}");
    assert_eq!(refused["_meta"]["keymint/kind"], "callback_unavailable");
    let question = client.held.remove(0);
    client.respond(&question).await;
    assert_eq!(client.response(first).await["result"]["isError"], false);
    assert_eq!(client.sandbox.keys().len(), 1);
    client.end().await;
}

#[tokio::test]
async fn a_client_that_disappears_during_the_wait_leaves_nothing() {
    for revision in [SESSION, STATELESS] {
        let mut client = Client::start(Scenario::ready(), revision).await;
        client.begin("tools/call", json!({"name": "list_targets", "arguments": {}})).await;
        client.receive().await;
        client.end().await;
        assert!(client.sandbox.keys().is_empty());
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_does_not_hold_up_the_end() {
    let mut client = Client::start(Scenario::ready(), SESSION).await;
    for _ in 0..50 {
        client.begin("tools/list", json!({})).await;
    }
    client.end_without_reading().await;
}

#[tokio::test]
async fn a_client_that_disappears_after_the_request_has_its_key_in_the_file() {
    let mut client = Client::start(slow_creation(), SESSION).await;
    client.create_until_requested().await;
    let sandbox = std::sync::Arc::clone(&client.sandbox);
    // The server sees the end of its input before the answer.
    let (releasing, ending) = (async { sandbox.release() }, client.end());
    tokio::join!(ending, releasing);
    let key = client.sandbox.keys().remove(0).value;
    assert_eq!(fs::read_to_string(client.env_file()).unwrap(), format!("OPENAI_API_KEY={key}\n"));
}

#[tokio::test]
async fn the_state_of_a_call_cannot_be_guessed() {
    let mut client = Client::start(Scenario::ready(), STATELESS).await;
    for state in [Value::Null, json!("00000000000000000000000000000000")] {
        let mut call = json!({"name": "list_targets", "arguments": {}});
        if !state.is_null() {
            call["requestState"] = state.clone();
        }
        let id = client.begin("tools/call", call).await;
        let result = client.response(id).await["result"].clone();
        assert_eq!(result["resultType"] == "input_required", state.is_null(), "{result}");
    }
    client.end().await;
}

#[tokio::test]
async fn a_question_that_the_client_dropped_gives_way_to_the_next_sign_in() {
    let mut client = Client::start(Scenario::ready(), STATELESS).await;
    let id = client.begin("tools/call", json!({"name": "list_targets", "arguments": {}})).await;
    let dropped = client.response(id).await["result"].clone();
    assert_eq!(client.create().await["isError"], false);
    let mut call = json!({"name": "list_targets", "arguments": {}});
    call["requestState"] = dropped["requestState"].clone();
    let id = client.begin("tools/call", call).await;
    let ended = client.response(id).await["result"].clone();
    assert!(refusal(&ended).contains("was replaced by another one"), "{ended}");
    client.end().await;
}
