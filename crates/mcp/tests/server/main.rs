//! The server, over a stream in memory, against the sandbox.

mod client;
mod ends;
mod roots;

use client::{Client, SESSION, STATELESS, refusal};
use keymint_host::{Browser, Launcher};
use keymint_sandbox::{Consent, Organization, Project, Reply, Scenario, Step};
use keymint_testkit::until;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

const CREATE: &str = r#"{"name": "create_api_key", "arguments": {"destination": "env_file"}}"#;

/// Returns a scenario in which the answer to the creation is delayed until it is released.
fn slow_creation() -> Scenario {
    Scenario::ready().reply(Step::CreateKey, Reply::default().delayed(Duration::from_secs(600)))
}

#[tokio::test]
async fn each_tool_has_schemas_and_says_what_it_may_change() {
    for revision in [SESSION, STATELESS] {
        let mut client = Client::start(Scenario::ready(), revision).await;
        let id = client.begin("tools/list", json!({})).await;
        let listed = client.response(id).await;
        let tools = listed["result"]["tools"].as_array().unwrap();
        let names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["create_api_key", "list_targets", "key_status", "recover_key", "doctor"]);
        for tool in tools {
            for schema in ["inputSchema", "outputSchema"] {
                assert_eq!(tool[schema]["type"], "object", "{tool}");
            }
            for hint in ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] {
                assert!(tool["annotations"][hint].is_boolean(), "{tool}");
            }
            let properties = tool["inputSchema"]["properties"].as_object().unwrap();
            assert!(properties.values().all(|property| property["type"] == "string"), "{tool}");
            // The error of an unknown argument lists the known ones.
            let name = tool["name"].as_str().unwrap();
            let error = client.call(name, json!({"unknown argument": 1})).await;
            let error = refusal(&error).split_once(", expected").map_or("", |(_, expected)| expected);
            let known: BTreeSet<_> = error.split('`').skip(1).step_by(2).collect();
            assert_eq!(known, properties.keys().map(String::as_str).collect(), "{name}");
        }
        client.end().await;
    }
}

#[tokio::test]
async fn a_user_signs_in_and_the_key_is_in_the_file_and_not_in_the_transcript() {
    for revision in [SESSION, STATELESS] {
        let mut client = Client::start(Scenario::ready(), revision).await;
        fs::write(client.env_file(), "A=1\n").unwrap();
        let arguments = json!({"destination": "env_file", "name": "my key", "expires": "90d"});
        let result = client.call("create_api_key", arguments).await;
        let keys = client.sandbox.keys();
        assert_eq!((keys.len(), &*keys[0].name), (1, "my key"));
        let text = fs::read_to_string(client.env_file()).unwrap();
        assert_eq!(text, format!("A=1\nOPENAI_API_KEY={}\n", keys[0].value));
        let created = &result["structuredContent"];
        assert_eq!(created["key"]["name"], "my key");
        assert!(keys[0].value.ends_with(created["key"]["last4"].as_str().unwrap()));
        assert!(created["key"]["expires_at"].is_string());
        let path = dunce::canonicalize(client.project.path()).unwrap().join(".env");
        assert_eq!(created["delivered_to"]["path"], path.to_str().unwrap());
        assert_eq!(client.questions.len(), 1);
        assert!(client.questions[0].starts_with("Sign in at http://127.0.0.1"), "{:?}", client.questions);
        assert!(client.progress.iter().any(|message| message == "Creating the key"), "{:?}", client.progress);
        // Since revision 2026-07-28, no notification reports that a URL is no longer needed.
        let done = if revision == SESSION { &*client.urls_shown } else { &[] };
        assert_eq!(client.urls_done, done);

        let status = client.call("key_status", json!({})).await;
        let status = &status["structuredContent"];
        assert_eq!(status["found"][0]["last4"], created["key"]["last4"], "{status}");
        let known = &status["known"][0];
        assert_eq!((&known["name"], &known["exists"]), (&json!("my key"), &json!(true)));
        assert_eq!(
            (&known["validity"], &known["delivered_to"]),
            (&json!("valid"), &json!([created["delivered_to"]]))
        );
        fs::remove_file(client.env_file()).unwrap();
        let status = client.call("key_status", json!({})).await;
        let known = &status["structuredContent"]["known"][0];
        assert_eq!(
            (&known["delivered_to"], known["no_longer_in"].as_array().unwrap().len()),
            (&json!([]), 1),
            "{known}"
        );
        client.end().await;
    }
}

#[tokio::test]
async fn nothing_is_created_if_the_user_does_not_open_the_url_or_refuses() {
    for (revision, consent, says) in [
        (SESSION, None, "The user declined to sign in. Ask the user"),
        (STATELESS, None, "The user declined to sign in. Ask the user"),
        (SESSION, Some(Consent::Deny), "The sign-in was refused: access_denied: "),
    ] {
        let mut client = Client::start(Scenario::ready(), revision).await;
        client.consent = consent;
        let result = client.create().await;
        assert!(refusal(&result).starts_with(says), "{result}");
        assert_eq!(result["_meta"]["keymint/kind"], "sign_in_refused");
        assert!(client.sandbox.keys().is_empty() && !client.env_file().exists());
        client.end().await;
    }
}

#[tokio::test]
async fn a_value_that_exists_is_replaced_only_if_the_user_agrees() {
    for revision in [SESSION, STATELESS] {
        let mut client = Client::start(Scenario::ready(), revision).await;
        fs::write(client.env_file(), "OPENAI_API_KEY=old\n").unwrap();
        let unticked = [json!(false), json!("true"), json!(1), json!([true]), Value::Null];
        for agrees in unticked.map(Some).into_iter().chain([None]) {
            client.agrees = agrees;
            let result = client.create().await;
            assert!(refusal(&result).contains("and the user wants to keep the value"), "{result}");
        }
        assert_eq!(client.sandbox.requests().len(), 0);
        client.agrees = Some(json!(true));
        assert_eq!(client.create().await["isError"], false);
        let key = client.sandbox.keys().remove(0).value;
        assert_eq!(fs::read_to_string(client.env_file()).unwrap(), format!("OPENAI_API_KEY={key}\n"));
        client.end().await;
    }
}

#[tokio::test]
async fn a_client_that_cannot_ask_is_refused_in_a_sentence_for_the_user() {
    let only_urls = json!({"elicitation": {"url": {}}, "roots": {}});
    let mut client = Client::with(Scenario::ready(), SESSION, only_urls, Browser::None).await;
    fs::write(client.env_file(), "OPENAI_API_KEY=old\n").unwrap();
    let result = client.create().await;
    assert!(refusal(&result).contains("this client cannot ask"), "{result}");
    assert_eq!(result["_meta"]["keymint/kind"], "destination_unusable");
    client.end().await;
}

#[tokio::test]
async fn a_client_that_shows_no_urls_has_the_browser_opened_and_the_url_in_its_progress() {
    let scripts = tempfile::tempdir().unwrap();
    let opened = scripts.path().join("opened");
    let shell = if cfg!(windows) { "cmd /c" } else { "sh -c" };
    let command = format!("{shell} 'echo %s >{}'", opened.display());
    let browser = Browser::Named(vec![Launcher::parse(&command).unwrap()]);
    let mut client = Client::with(Scenario::ready(), SESSION, json!({"roots": {}}), browser).await;
    let id = client.begin("tools/call", serde_json::from_str(CREATE).unwrap()).await;
    let playing = async {
        until(|| fs::read_to_string(&opened).is_ok_and(|url| url.ends_with('\n'))).await;
        let url = fs::read_to_string(&opened).unwrap();
        keymint_sandbox::sign_in(url.trim(), Consent::Allow).await.unwrap();
    };
    let (response, ()) = tokio::join!(client.response(id), playing);
    assert_eq!(response["result"]["isError"], false, "{response}");
    assert!(client.progress[0].contains("If no browser opens: http"), "{:?}", client.progress);
    client.end().await;

    let mut client = Client::with(Scenario::ready(), SESSION, json!({"roots": {}}), Browser::None).await;
    let result = client.create().await;
    assert!(refusal(&result).ends_with("Use the terminal."), "{result}");
    client.end().await;
}

#[tokio::test]
async fn wrong_arguments_are_named_in_a_sentence() {
    let mut client = Client::start(Scenario::ready(), SESSION).await;
    for (arguments, says) in [
        (json!({}), "missing field `destination`"),
        (json!({"destination": "stdout"}), "unknown variant `stdout`"),
        (json!({"destination": "env_file", "print": true}), "unknown field `print`"),
        (json!({"destination": "keyring", "path": ".env"}), "are for the destination `env_file`"),
        (json!({"destination": "env_file", "name": ""}), "`name` must be text"),
        (json!({"destination": "env_file", "expires": "90"}), "`expires` must be a time"),
        (json!({"destination": "env_file", "variable": "1 x"}), "`variable`: it must"),
    ] {
        let result = client.call("create_api_key", arguments).await;
        assert!(refusal(&result).contains(says), "{result}");
        assert_eq!(result["_meta"]["keymint/kind"], "usage");
    }
    client.end().await;
}

#[tokio::test]
async fn a_refusal_is_short_and_visible_whatever_the_agent_sends() {
    let mut client = Client::start(Scenario::ready(), SESSION).await;
    let odd = format!("\u{1b}[2J\n{}", "x".repeat(100_000));
    for arguments in [
        json!({"destination": odd}),
        json!({"destination": "env_file", odd.clone(): 1}),
        json!({"destination": "env_file", "path": odd}),
        json!({"destination": "env_file", "path": "x".repeat(100_000)}),
        json!({"destination": "env_file", "variable": "X".repeat(100_000)}),
    ] {
        let result = client.call("create_api_key", arguments).await;
        let message = refusal(&result);
        assert!(message.len() < 5_000 && !message.contains(char::is_control), "{message}");
    }
    for (method, params) in [
        (&*odd, json!({})),
        ("tools/call", json!({"name": odd, "arguments": {}})),
        ("tools/call", json!({"name": "doctor", "arguments": odd})),
    ] {
        let id = client.begin(method, params).await;
        let response = client.response(id).await;
        let message = response["error"]["message"].as_str().unwrap();
        assert!(message.len() < 1_000 && !message.contains(char::is_control), "{message}");
    }
    client.end().await;
}

#[tokio::test]
async fn a_key_whose_destination_fails_is_kept_and_recovered() {
    let mut client = Client::start(slow_creation(), SESSION).await;
    let none = client.call("recover_key", json!({"destination": "env_file"})).await;
    assert!(refusal(&none).starts_with("No key is kept for recovery"), "{none}");
    let id = client.create_until_requested().await;
    fs::write(client.env_file(), "OPENAI_API_KEY=meanwhile\n").unwrap();
    client.sandbox.release();
    let failed = client.response(id).await["result"].clone();
    assert!(refusal(&failed).contains("the value changed during the sign-in); it is kept in "), "{failed}");
    assert_eq!(failed["_meta"]["keymint/kind"], "delivery_failed");

    let status = client.call("key_status", json!({})).await;
    let kept = status["structuredContent"]["known"][0]["recovery_id"].clone();
    assert_eq!(status["structuredContent"]["found"][0]["last4"], Value::Null, "of so short a value");
    let to = json!({"id": kept, "destination": "env_file", "path": "other.env", "variable": "KEY"});
    let recovered = client.call("recover_key", to.clone()).await;
    assert_eq!(recovered["structuredContent"]["delivered_to"]["variable"], "KEY", "{recovered}");
    let key = client.sandbox.keys().remove(0).value;
    assert_eq!(fs::read_to_string(client.project.path().join("other.env")).unwrap(), format!("KEY={key}\n"));
    assert_eq!(fs::read_to_string(client.env_file()).unwrap(), "OPENAI_API_KEY=meanwhile\n");
    let again = client.call("recover_key", to).await;
    assert!(refusal(&again).starts_with("No key with this id is kept"), "{again}");
    client.end().await;
}

#[tokio::test]
async fn a_creation_whose_answer_is_lost_is_reported_with_the_name_of_the_key() {
    let lost = Scenario::ready().reply(Step::CreateKey, Reply::hang_up().after_processing());
    let mut client = Client::start(lost, SESSION).await;
    let result = client.create().await;
    let name = client.sandbox.keys().remove(0).name;
    assert!(refusal(&result).contains(&name), "{result}");
    assert_eq!(result["_meta"]["keymint/kind"], "outcome_unknown");
    let status = client.call("key_status", json!({})).await;
    assert_eq!(status["structuredContent"]["known"][0]["exists"], false);
    client.end().await;
}

#[tokio::test]
async fn organizations_and_projects_are_listed_and_named() {
    let acme = Organization::new("org-acme").titled("Acme");
    let acme = acme.with_project(Project::new("proj_a").titled("Site").as_initial());
    let other = Organization::new("org-b").titled("sk-proj-0123456789abcdef");
    let other = other.with_project(Project::new("proj_b").as_initial());
    let mut client = Client::start(Scenario::of([acme, other]), STATELESS).await;
    let listed = client.call("list_targets", json!({})).await;
    let organizations = listed["structuredContent"]["organizations"].as_array().unwrap();
    assert_eq!(organizations.len(), 2);
    assert_eq!(organizations[0]["projects"][0]["title"], "Site");
    assert!(!listed.to_string().contains("0123456789abcdef"), "a title that looks like a key is masked");
    assert!(client.sandbox.keys().is_empty());

    let arguments = json!({"destination": "env_file", "organization": "org-b"});
    let created = client.call("create_api_key", arguments).await;
    assert_eq!(created["structuredContent"]["project"]["id"], "proj_b", "{created}");
    let arguments = json!({"destination": "env_file", "path": "x.env", "project": "nonsense"});
    let result = client.call("create_api_key", arguments).await;
    assert!(refusal(&result).contains("\"Site\" (proj_a)"), "{result}");
    client.end().await;
}

#[tokio::test]
async fn a_message_that_is_not_understood_ends_nothing() {
    let mut client = Client::start(Scenario::ready(), SESSION).await;
    for line in ["{malformed", "[]", "7", "\"x\"", "", "\u{0}", "{\"jsonrpc\":\"2.0\"}", &"[".repeat(100_000)]
    {
        client.send_line(line).await;
    }
    client.send_line(&format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"x\":\"{}\"}}", "x".repeat(10_000_000))).await;
    // Neither a notification nor a response without a request has an answer.
    for message in [
        json!({"method": "notifications/roots/list_changed"}),
        json!({"method": "notifications/cancelled", "params": {"requestId": 99}}),
        json!({"method": "notifications/cancelled", "params": 7}),
        json!({"method": "tools/call", "params": {"name": "doctor"}}),
        json!({"method": "tools/call", "params": {"name": "doctor"}, "id": null}),
        json!({"method": "tools/call", "params": {"name": "doctor"}, "id": [1]}),
        json!({"method": 7, "id": 7}),
        json!({"result": {"roots": 7}, "id": 0}),
        json!({"result": {}, "error": {}, "id": 1}),
        json!({"error": "x", "id": "x"}),
    ] {
        client.send(message).await;
    }
    for (method, params, code) in [
        ("no/such/method", json!({}), -32601),
        ("resources/list", json!({}), -32601),
        ("tools/call", json!({}), -32602),
        ("tools/call", json!({"name": 7}), -32602),
        ("tools/call", json!({"name": "doctor", "arguments": [7]}), -32602),
        ("tools/call", json!({"name": "run_with_key", "arguments": {}}), -32602),
    ] {
        let id = client.begin(method, params).await;
        assert_eq!(client.response(id).await["error"]["code"], code, "{method}");
    }
    let result = client.call("doctor", json!({})).await;
    assert_eq!(result["structuredContent"]["findings"][0]["message"], "fine", "{result}");
    client.send_text("\u{feff}").await;
    assert_eq!(client.call("doctor", json!({})).await["isError"], false);
    // The client ends within a message.
    client.send_text(r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"list_"#).await;
    client.end().await;
}
