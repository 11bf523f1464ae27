//! The server, over a stream in memory, against the sandbox.

mod client;

use client::{Client, SESSION, STATELESS, refusal};
use keymint_host::{Browser, Launcher};
use keymint_sandbox::{Consent, Organization, Project, Reply, Scenario, Step};
use keymint_testkit::until;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

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
            // The error of an unknown argument lists those that there are.
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
        // Since 2026-07-28 no notification closes what the client shows.
        let done = if revision == SESSION { &*client.urls_shown } else { &[] };
        assert_eq!(client.urls_done, done);

        let status = client.call("key_status", json!({})).await;
        let status = &status["structuredContent"];
        assert_eq!(status["found"][0]["last4"], created["key"]["last4"], "{status}");
        let known = &status["known"][0];
        assert_eq!((&known["name"], &known["exists"]), (&json!("my key"), &json!(true)));
        assert_eq!(
            (&known["validity"], known["delivered_to"].as_array().unwrap().len()),
            (&json!("valid"), 1)
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
        (SESSION, None, "The user did not want to sign in. Ask the user"),
        (STATELESS, None, "The user did not want to sign in. Ask the user"),
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
    let command = format!("sh -c 'echo %s >{}'", opened.display());
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
async fn a_file_outside_of_the_roots_is_refused_however_it_is_named() {
    let outside = tempfile::tempdir().unwrap();
    let mut client = Client::start(Scenario::ready(), SESSION).await;
    fs::write(outside.path().join("file"), "").unwrap();
    let project = client.project.path();
    fs::create_dir(project.join("inside")).unwrap();
    let links = [("directory", outside.path().to_owned()), ("link", outside.path().join("file"))];
    #[cfg(unix)]
    for (name, target) in links {
        std::os::unix::fs::symlink(target, project.join(name)).unwrap();
    }
    for path in [
        outside.path().join(".env").to_str().unwrap(),
        "../.env",
        "inside/../../.env",
        "directory/.env",
        "link",
    ] {
        let result = client.call("create_api_key", json!({"destination": "env_file", "path": path})).await;
        assert!(
            refusal(&result).contains("is outside of the client's roots. Name a file in "),
            "{path}: {result}"
        );
    }
    assert_eq!(client.sandbox.requests().len(), 0);
    let result =
        client.call("create_api_key", json!({"destination": "env_file", "path": "inside/.env"})).await;
    assert_eq!(result["isError"], false, "{result}");
    client.end().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_root_is_the_directory_that_its_uri_leads_to_at_the_time_of_the_call() {
    let mut client = Client::start(Scenario::ready(), SESSION).await;
    let project = dunce::canonicalize(client.project.path()).unwrap();
    let at = |path: &str| format!("file://{}{path}", project.display());
    for directory in ["inside", "in side", "other"] {
        fs::create_dir(project.join(directory)).unwrap();
    }
    fs::write(project.join("file"), "").unwrap();
    std::os::unix::fs::symlink(project.join("inside"), project.join("link")).unwrap();
    let path = project.to_str().unwrap();
    for roots in [
        vec![at("/file")],
        vec![at("/missing")],
        vec![at("/inside%00")],
        vec![format!("file:{}", path.trim_start_matches('/'))],
        vec!["file:inside".to_owned(), "inside".to_owned(), String::new()],
        vec![format!("file://elsewhere{path}"), format!("http://localhost{path}"), path.to_owned()],
    ] {
        client.roots = Some(roots);
        let result = client.create().await;
        assert!(
            refusal(&result).starts_with("The client names no directory"),
            "{:?}: {result}",
            client.roots
        );
    }
    client.roots = None;
    assert!(refusal(&client.create().await).starts_with("The client names no directory"));
    client.consent = None;
    for (roots, directory) in [
        (vec![at("/other/../inside")], "inside"),
        (vec![at("/other/%2E%2e/inside/")], "inside"),
        (vec![at("/other%2F..%2Finside")], "inside"),
        (vec![at("/link")], "inside"),
        (vec![at("/in%20side")], "in side"),
        (vec!["nonsense".to_owned(), at("/missing"), at("/other"), at("/inside")], "other"),
        (vec![], env!("CARGO_MANIFEST_DIR")),
    ] {
        client.roots = Some(roots);
        client.questions.clear();
        let result = client.create().await;
        assert!(refusal(&result).starts_with("The user did not want to sign in"), "{result}");
        let file = project.join(directory).join(".env");
        let put = format!("is created and put into {} as", file.display());
        assert!(client.questions[0].contains(&put), "{:?}", client.questions);
        // The root of the call before is none any more.
        let path = project.join("file");
        let outside = json!({"destination": "env_file", "path": path});
        let result = client.call("create_api_key", outside).await;
        assert!(refusal(&result).contains("is outside of the client's roots"), "{result}");
    }
    assert_eq!(client.sandbox.requests().len(), 0);
    client.end().await;
}

#[tokio::test]
async fn a_path_that_can_have_no_file_is_refused_before_the_sign_in() {
    let mut client = Client::start(Scenario::ready(), SESSION).await;
    fs::create_dir(client.project.path().join("directory")).unwrap();
    fs::write(client.project.path().join("file"), "").unwrap();
    let long = "x".repeat(5_000);
    for path in [
        "",
        ".",
        "..",
        "/",
        "directory",
        "directory/",
        "missing/.env",
        "file/.env",
        "a\nb",
        "a\0b",
        "\u{1b}[2J",
        &long,
    ] {
        let result = client.call("create_api_key", json!({"destination": "env_file", "path": path})).await;
        let message = refusal(&result);
        assert!(!message.contains(char::is_control), "{path:?}: {message}");
        assert_eq!(result["_meta"]["keymint/kind"], "destination_unusable", "{path:?}: {message}");
    }
    assert_eq!(client.sandbox.requests().len(), 0);
    client.end().await;
}

/// An agent in a sandbox may write in the project alone, and this server outside of it.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_directory_that_is_swapped_for_a_link_leads_no_key_outside() {
    use std::sync::atomic::{AtomicBool, Ordering};

    let outside = tempfile::tempdir().unwrap();
    let mut client = Client::start(Scenario::ready(), SESSION).await;
    client.consent = None;
    let (directory, link) = (client.project.path().join("directory"), client.project.path().join("link"));
    fs::create_dir(&directory).unwrap();
    std::os::unix::fs::symlink(outside.path(), &link).unwrap();
    let stop = std::sync::Arc::new(AtomicBool::new(false));
    let swapping = std::thread::spawn({
        let (stop, spare) = (std::sync::Arc::clone(&stop), client.project.path().join("spare"));
        move || {
            while !stop.load(Ordering::Relaxed) {
                for (from, to) in
                    [(&directory, &spare), (&link, &directory), (&directory, &link), (&spare, &directory)]
                {
                    fs::rename(from, to).unwrap();
                }
            }
        }
    });
    for _ in 0..100 {
        let arguments = json!({"destination": "env_file", "path": "directory/.env"});
        assert_eq!(client.call("create_api_key", arguments).await["isError"], true);
    }
    stop.store(true, Ordering::Relaxed);
    swapping.join().unwrap();
    let outside = outside.path().to_str().unwrap();
    assert!(!client.questions.iter().any(|question| question.contains(outside)), "{:?}", client.questions);
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

const CREATE: &str = r#"{"name": "create_api_key", "arguments": {"destination": "env_file"}}"#;

#[tokio::test]
async fn a_cancelled_call_frees_the_port_and_creates_nothing_however_its_question_is_answered() {
    let mut client = Client::start(Scenario::ready(), SESSION).await;
    let id = client.begin("tools/call", serde_json::from_str(CREATE).unwrap()).await;
    // The user reads, and the agent gives up.
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
    assert!(refusal(&refused).starts_with("Another sign-in waits for the browser on port"), "{refused}");
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

/// A key whose answer waits until it is released.
fn slow_creation() -> Scenario {
    Scenario::ready().reply(Step::CreateKey, Reply::default().delayed(Duration::from_secs(600)))
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
async fn a_key_whose_destination_fails_is_kept_and_recovered() {
    let mut client = Client::start(slow_creation(), SESSION).await;
    let none = client.call("recover_key", json!({"destination": "env_file"})).await;
    assert!(refusal(&none).starts_with("No key is kept for recovery"), "{none}");
    let id = client.create_until_requested().await;
    fs::write(client.env_file(), "OPENAI_API_KEY=meanwhile\n").unwrap();
    client.sandbox.release();
    let failed = client.response(id).await["result"].clone();
    assert!(
        refusal(&failed).contains("it has another value now than before the sign-in); it is kept in "),
        "{failed}"
    );
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
    assert!(refusal(&again).starts_with("No key of this id is kept"), "{again}");
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
async fn what_is_not_understood_ends_nothing() {
    let mut client = Client::start(Scenario::ready(), SESSION).await;
    for line in ["{malformed", "[]", "7", "\"x\"", "", "\u{0}", "{\"jsonrpc\":\"2.0\"}", &"[".repeat(100_000)]
    {
        client.send_line(line).await;
    }
    client.send_line(&format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"x\":\"{}\"}}", "x".repeat(10_000_000))).await;
    // A notification has no answer, and neither has a response to no request.
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
    assert!(refusal(&ended).contains("another one took its place"), "{ended}");
    client.end().await;
}
