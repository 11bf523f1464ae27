//! `keymint mcp`, driven by clients of other authors: the official one for Python, and the inspector, which uses
//! the official one for TypeScript. `scripts/test` installs both where npm and PyPI can be reached.

use crate::headless::Browser;
use crate::sources::root;
use crate::support::{KEYMINT, machine};
use keymint_sandbox::{Consent, Reply, Scenario, Step};
#[cfg(target_os = "linux")]
use keymint_testkit::Session;
use keymint_testkit::{
    Canaries, Launch, Machine, Running, Scripts, browse, full_disk, is_free, skipped, until, watch,
};
use serde_json::{Value, json};
use std::fs;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use thirtyfour::By;

/// The directory of the clients, unless they are not installed.
fn clients() -> Option<PathBuf> {
    let directory = std::env::var_os("KEYMINT_MCP_CLIENTS").map(PathBuf::from);
    if directory.is_none() {
        skipped(
            "the clients are not installed; scripts/test installs them where npm and PyPI can be reached",
        );
    }
    directory
}

/// A project, and a command that starts the server and records its input and output.
struct Project {
    directory: TempDir,
    transcripts: TempDir,
}

impl Project {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), transcripts: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn server(&self) -> [String; 3] {
        let [input, output] = ["in", "out"].map(|name| self.transcripts.path().join(name));
        let (input, output) = (input.display(), output.display());
        ["sh".to_owned(), "-c".to_owned(), format!("tee -a {input} | '{KEYMINT}' mcp | tee -a {output}")]
    }

    /// Checks what must be true at the end: only messages came out, no secret was in one, the port is free, and no
    /// refresh token is valid.
    async fn check(&self, machine: &Machine) {
        until(|| is_free(machine.port)).await;
        until(|| machine.sandbox.refresh_tokens().iter().all(|token| token.is_revoked)).await;
        let secrets = Canaries::of(machine.secrets());
        assert_eq!(secrets.files_below(self.transcripts.path()), []);
        let output = fs::read_to_string(self.transcripts.path().join("out")).unwrap();
        for line in output.lines() {
            assert_eq!(serde_json::from_str::<Value>(line).unwrap()["jsonrpc"], "2.0", "{line}");
        }
        assert_eq!(machine.sandbox.violations(), Vec::<String>::new());
    }
}

/// The Python client, which runs.
struct Python(Running);

impl Python {
    /// Starts it in the session of this bus, or in none.
    fn start(clients: &Path, machine: &Machine, project: &Project, mode: &str, bus: &str) -> Self {
        let client = Launch::new(clients.join("python/bin/python"), &machine.home)
            .args([root().join("tests/mcp/client.py").as_os_str(), mode.as_ref(), project.path().as_os_str()])
            .args(project.server())
            .envs(machine.environment())
            .envs([("KEYMINT_NO_BROWSER", "1"), ("PYTHONWARNINGS", "ignore")])
            .env("DBUS_SESSION_BUS_ADDRESS", bus)
            .current_dir(project.path())
            .stdin(Stdio::piped());
        Self(client.spawn())
    }

    async fn say(&mut self, value: Value) {
        self.0.types(&format!("{value}\n")).await;
    }

    /// Returns the next event of this name.
    async fn hear(&mut self, event: &str) -> Value {
        let is_event =
            |line: &str| serde_json::from_str::<Value>(line).is_ok_and(|line| line.get(event).is_some());
        let line = self.0.line(is_event).await;
        serde_json::from_str::<Value>(&line).unwrap()[event].take()
    }

    async fn call(&mut self, tool: &str, arguments: Value) {
        self.say(json!({"tool": tool, "arguments": arguments})).await;
    }

    /// Creates a key in this file of the project, up to the URL of the sign-in.
    async fn create(&mut self, path: &str) -> String {
        self.call("create_api_key", json!({"destination": "env_file", "path": path})).await;
        self.url().await
    }

    async fn url(&mut self) -> String {
        let question = self.hear("question").await;
        assert_eq!(question["mode"], "url", "{question}");
        question["url"].as_str().unwrap().to_owned()
    }

    /// Signs in as a willing user.
    async fn sign_in(&mut self) {
        let url = self.url().await;
        self.say(json!({"action": "accept"})).await;
        browse(&url, Consent::Allow);
    }

    /// Answers the question whether a value is replaced.
    async fn replaces(&mut self, question: &str, agrees: bool) {
        let asked = self.hear("question").await;
        assert!(asked["message"].as_str().unwrap().contains(question), "{asked}");
        self.say(json!({"action": "accept", "content": {"agree": agrees}})).await;
    }

    /// Returns the sentence of a call that fails.
    async fn refusal(&mut self) -> String {
        let result = self.hear("result").await;
        let is_error = result.get("isError").or(result.get("is_error"));
        assert_eq!(is_error, Some(&json!(true)), "{result}");
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }
}

fn created(result: &Value) -> &Value {
    result.get("structuredContent").or(result.get("structured_content")).unwrap()
}

#[tokio::test]
async fn the_python_client_gets_keys_for_a_user_in_a_real_browser_and_sees_none() {
    let Some(clients) = clients() else { return };
    for mode in ["legacy", "2026-07-28"] {
        let slow = Reply::default().delayed(Duration::from_secs(600));
        let machine = machine(Scenario::ready().reply(Step::CreateKey.nth(3), slow)).await;
        let project = Project::new();
        let mut client = Python::start(&clients, &machine, &project, mode, "");
        let tools = client.hear("tools").await;
        assert_eq!(tools, json!(["create_api_key", "list_targets", "key_status", "recover_key", "doctor"]));

        // A key, by a user in Chromium.
        let url = client.create(".env").await;
        let browser = watch(Browser::open()).await;
        client.say(json!({"action": "accept"})).await;
        browser.driver.goto(&url).await.unwrap();
        browser.driver.find(By::Id("continue")).await.unwrap().click().await.unwrap();
        let result = client.hear("result").await;
        let keys = machine.sandbox.keys();
        assert!(keys[0].value.ends_with(created(&result)["key"]["last4"].as_str().unwrap()), "{result}");
        let is_in_file = |file: &str, key: &str| {
            assert_eq!(
                fs::read_to_string(project.path().join(file)).unwrap(),
                format!("OPENAI_API_KEY={key}\n")
            );
        };
        is_in_file(".env", &keys[0].value);
        browser.close().await;

        // Another in its place, which the user does not want, and then wants.
        for agrees in [false, true] {
            client.call("create_api_key", json!({"destination": "env_file"})).await;
            client.replaces("Replace its value", agrees).await;
            if !agrees {
                assert!(client.refusal().await.contains("the user wants to keep the value"));
            }
        }
        client.sign_in().await;
        client.hear("result").await;
        is_in_file(".env", &machine.sandbox.keys()[1].value);

        // These make no key.
        client.create("other.env").await;
        client.say(json!({"action": "decline"})).await;
        assert!(client.refusal().await.starts_with("The user declined to sign in"));
        client.create("other.env").await;
        client.say(json!("cancel the call")).await;
        client.hear("cancelled").await;
        if mode == "legacy" {
            until(|| is_free(machine.port)).await;
        }
        // Otherwise the server learns of it from the next call.
        client.call("create_api_key", json!({"destination": "env_file", "path": "../.env"})).await;
        assert!(client.refusal().await.contains("is outside the client's roots"));
        assert_eq!(machine.sandbox.keys().len(), 2);

        // A destination that fails once the key exists.
        client.call("create_api_key", json!({"destination": "env_file", "path": "late.env"})).await;
        client.sign_in().await;
        until(|| machine.count("POST", "/api_keys") == 3).await;
        fs::write(project.path().join("late.env"), "OPENAI_API_KEY=meanwhile\n").unwrap();
        machine.sandbox.release();
        assert!(client.refusal().await.contains("it is kept in "));
        client.call("recover_key", json!({"destination": "env_file", "path": "recovered.env"})).await;
        client.hear("result").await;
        is_in_file("recovered.env", &machine.sandbox.keys()[2].value);

        client.say(Value::Null).await;
        let ended = client.0.finish().await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        project.check(&machine).await;
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_key_goes_into_the_keyring_and_replaces_one_there_only_if_the_user_agrees() {
    let Some(clients) = clients() else { return };
    let session = Session::start("unlocked");
    let slow = Reply::default().delayed(Duration::from_secs(600));
    let machine = machine(Scenario::ready().reply(Step::CreateKey.nth(3), slow)).await;
    let project = Project::new();
    let mut client = Python::start(&clients, &machine, &project, "legacy", &session.address);
    let key = |index: usize| machine.sandbox.keys()[index].value.clone();

    client.call("create_api_key", json!({"destination": "keyring"})).await;
    client.sign_in().await;
    let result = client.hear("result").await;
    let delivered_to = json!({"kind": "keyring", "path": null, "variable": null, "profile": "default"});
    assert_eq!(created(&result)["delivered_to"], delivered_to);
    assert_eq!(session.stored("default"), key(0));

    for agrees in [false, true] {
        client.call("create_api_key", json!({"destination": "keyring"})).await;
        let there = format!("a key ending in {}", &key(0)[key(0).len() - 4..]);
        client.replaces(&there, agrees).await;
        if !agrees {
            assert!(client.refusal().await.contains("the user wants to keep it"));
            assert_eq!(machine.sandbox.keys().len(), 1);
        }
    }
    client.sign_in().await;
    client.hear("result").await;
    assert_eq!(session.stored("default"), key(1));

    client.call("create_api_key", json!({"destination": "env_file"})).await;
    client.sign_in().await;
    until(|| machine.count("POST", "/api_keys") == 3).await;
    fs::write(project.path().join(".env"), "OPENAI_API_KEY=meanwhile\n").unwrap();
    machine.sandbox.release();
    assert!(client.refusal().await.contains("it is kept in "));
    client.call("recover_key", json!({"destination": "keyring"})).await;
    client.replaces("the keyring has a key", true).await;
    let result = client.hear("result").await;
    assert_eq!(created(&result)["delivered_to"], delivered_to);
    assert_eq!(session.stored("default"), key(2));

    client.call("key_status", json!({})).await;
    let status = client.hear("result").await;
    let found = &created(&status)["found"];
    assert_eq!(found[1]["kind"], "keyring", "{found}");
    assert!(key(2).ends_with(found[1]["last4"].as_str().unwrap()), "{found}");
    client.say(Value::Null).await;
    assert_eq!(client.0.finish().await.code, 0);
    project.check(&machine).await;
}

/// The server with a client that consists of its input only, and a browser that only records the opened URL.
struct Bare {
    machine: Machine,
    project: Project,
    opened: PathBuf,
    server: Running,
}

impl Bare {
    /// Begins a session, and in it the creation of a key.
    async fn start(scenario: Scenario) -> Self {
        let (machine, project) = (machine(scenario).await, Project::new());
        let opened = project.transcripts.path().join("opened");
        let shell = if cfg!(windows) { "cmd /c" } else { "sh -c" };
        let mut server = machine
            .keymint(["mcp"])
            .env("KEYMINT_BROWSER", format!("{shell} 'echo %s >{}'", opened.display()))
            .current_dir(project.path())
            .stdin(Stdio::piped())
            .spawn();
        let info = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}});
        let call = json!({"name": "create_api_key", "arguments": {"destination": "env_file"}});
        for message in [
            json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": info}),
            json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
            json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call}),
        ] {
            server.types(&format!("{message}\n")).await;
        }
        Self { machine, project, opened, server }
    }

    async fn url(&self) -> String {
        until(|| fs::read_to_string(&self.opened).is_ok_and(|url| url.ends_with('\n'))).await;
        fs::read_to_string(&self.opened).unwrap().trim().to_owned()
    }

    /// Ends the server by this signal, or by the end of its input. Standard output has messages alone, and none has a
    /// secret.
    async fn end(self, signal: Option<&str>) -> (Machine, Project) {
        let Self { machine, project, mut server, .. } = self;
        match signal {
            Some(signal) => server.signal(signal).await,
            None => server.closes_stdin(),
        }
        machine.sandbox.release();
        let ended = server.finish().await;
        assert_eq!((ended.code, &*ended.stderr), (0, ""));
        for line in ended.stdout.lines() {
            assert_eq!(serde_json::from_str::<Value>(line).unwrap()["jsonrpc"], "2.0", "{line}");
        }
        assert_eq!(Canaries::of(machine.secrets()).find(&ended.stdout), None);
        assert!(is_free(machine.port));
        (machine, project)
    }
}

/// Returns these signals, where the system has signals, and the end of the input, as `None`.
fn ends(signals: &[&'static str]) -> impl Iterator<Item = Option<&'static str>> {
    let signals = if cfg!(unix) { signals } else { &[] };
    signals.iter().copied().map(Some).chain([None])
}

#[tokio::test]
async fn a_server_that_is_ended_during_the_wait_creates_nothing() {
    for signal in ends(&["TERM", "INT"]) {
        let bare = Bare::start(Scenario::ready()).await;
        bare.url().await;
        let (machine, project) = bare.end(signal).await;
        assert!(machine.sandbox.keys().is_empty() && !project.path().join(".env").exists());
    }
}

#[tokio::test]
async fn a_server_that_is_ended_after_the_request_delivers_the_key() {
    for signal in ends(&["TERM"]) {
        let slow = Reply::default().delayed(Duration::from_secs(600));
        let bare = Bare::start(Scenario::ready().reply(Step::CreateKey, slow)).await;
        browse(&bare.url().await, Consent::Allow);
        bare.machine.requested("/api_keys").await;
        let (machine, project) = bare.end(signal).await;
        let key = machine.sandbox.keys().remove(0).value;
        let file = fs::read_to_string(project.path().join(".env")).unwrap();
        assert_eq!(file, format!("OPENAI_API_KEY={key}\n"));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_client_that_closes_its_end_of_the_output_is_gone() {
    use std::net::Shutdown;
    use std::os::{fd::OwnedFd, unix::net::UnixStream};

    let machine = machine(Scenario::ready()).await;
    let full = machine.keymint(["mcp"]).stdout(full_disk()).stdin(Stdio::piped());
    let (output, stdout) = UnixStream::pair().unwrap();
    let connected = machine.keymint(["mcp"]).stdout(OwnedFd::from(stdout)).stdin(Stdio::piped());
    let (mut full, mut server) = (full.spawn(), connected.spawn());
    let capabilities = json!({"elicitation": {"url": {}}});
    let info = json!({"protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": {"name": "x", "version": "1"}});
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": info});
    full.types(&format!("{initialize}\n")).await;
    let ended = full.finish().await;
    assert_eq!((ended.code, &*ended.stderr), (0, ""));

    // Here the user has the question when the client goes.
    server.types(&format!("{initialize}\n")).await;
    server.types("{\"jsonrpc\": \"2.0\", \"method\": \"notifications/initialized\"}\n").await;
    let call = json!({"name": "list_targets", "arguments": {}});
    let call = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call});
    server.types(&format!("{call}\n")).await;
    let mut lines = std::io::BufReader::new(&output).lines();
    while !lines.next().unwrap().unwrap().contains("elicitation/create") {}
    // A program that another test starts may have a copy of this end for a moment.
    output.shutdown(Shutdown::Both).unwrap();
    server.types("{\"jsonrpc\": \"2.0\", \"id\": 3, \"method\": \"ping\"}\n").await;
    let ended = server.finish().await;
    assert_eq!((ended.code, &*ended.stderr), (0, ""));
    assert!(is_free(machine.port));
}

#[tokio::test]
async fn a_server_that_reads_nonsense_during_the_wait_goes_on() {
    let mut bare = Bare::start(Scenario::ready()).await;
    let url = bare.url().await;
    for line in ["{", "\u{0}", "[]", "{\"jsonrpc\": \"2.0\", \"id\": 3, \"method\": \"no/such/method\"}"] {
        bare.server.types(&format!("{line}\n")).await;
    }
    for _ in 0..3 {
        bare.server.types(&format!("{{\"x\": \"{}\"}}\n", "x".repeat(10_000_000))).await;
    }
    #[cfg(target_os = "linux")]
    assert!(bare.server.peak_memory().unwrap() < 32_000_000, "{:?}", bare.server.peak_memory());
    browse(&url, Consent::Allow);
    until(|| bare.project.path().join(".env").exists()).await;
    let (machine, _project) = bare.end(None).await;
    assert_eq!(machine.sandbox.keys().len(), 1);
}

#[tokio::test]
async fn the_inspector_lists_the_tools_and_gets_a_key_that_it_does_not_see() {
    let Some(clients) = clients() else { return };
    let slow = Reply::default().delayed(Duration::from_secs(600));
    let machine = machine(Scenario::ready().reply(Step::CreateKey.nth(3), slow)).await;
    let project = Project::new();
    let scripts = Scripts::with("open-url", "echo \"$1\" >opened");
    let opened = scripts.path("opened");
    // It does not pass its environment on.
    let browser = ("KEYMINT_BROWSER", scripts.path("open-url").into_os_string());
    let variables = machine.environment().into_iter().chain([browser]);
    let variables: Vec<_> = variables.map(|(name, value)| format!("{name}={}", value.display())).collect();
    let inspect = |era: &str, args: &[&str]| {
        Launch::new(clients.join("node_modules/.bin/mcp-inspector"), &machine.home)
            .args(["--cli", "--quiet", "--protocol-era", era])
            .args(variables.iter().flat_map(|variable| ["-e", variable]))
            .args(args)
            .args(["--"])
            .args(project.server())
            .current_dir(project.path())
    };
    let call =
        ["--method", "tools/call", "--tool-name", "create_api_key", "--tool-arg", "destination=env_file"];
    let file = project.path().join(".env");
    let url = async || {
        until(|| fs::read_to_string(&opened).is_ok_and(|url| url.ends_with('\n'))).await;
        let url = fs::read_to_string(&opened).unwrap();
        fs::remove_file(&opened).unwrap();
        url.trim().to_owned()
    };
    for era in ["legacy", "modern"] {
        let listed = inspect(era, &["--method", "tools/list", "--strict"]).output().await.exits_with(0);
        let tools: Value = serde_json::from_str(&listed.stdout).unwrap();
        assert_eq!(tools["tools"][0]["name"], "create_api_key", "{}", listed.stdout);

        let create = inspect(era, &call).spawn();
        browse(&url().await, Consent::Allow);
        let result: Value = serde_json::from_str(&create.finish().await.exits_with(0).stdout).unwrap();
        let key = machine.sandbox.keys().pop().unwrap().value;
        assert!(key.ends_with(result["structuredContent"]["key"]["last4"].as_str().unwrap()), "{result}");
        assert_eq!(fs::read_to_string(&file).unwrap(), format!("OPENAI_API_KEY={key}\n"));

        // The inspector cannot ask here.
        let refused = inspect(era, &call).output().await;
        assert!(refused.stdout.contains("this client cannot ask"), "{}", refused.stdout);
        fs::remove_file(&file).unwrap();

        let outside = [&call[..], &["--tool-arg", "path=../.env"]].concat();
        let refused = inspect(era, &outside).output().await;
        assert!(refused.stdout.contains("is outside the client's roots"), "{}", refused.stdout);

        // The user refuses.
        let create = inspect(era, &call).spawn();
        browse(&url().await, Consent::Deny);
        let refused = create.finish().await;
        assert!(refused.stdout.contains("The sign-in was refused"), "{}", refused.stdout);

        // The client is killed during the wait.
        let create = inspect(era, &call).spawn();
        url().await;
        create.signal("KILL").await;
        create.finish().await;
        until(|| is_free(machine.port)).await;
        assert!(!file.exists());
    }
    assert_eq!(machine.sandbox.keys().len(), 2);

    // The destination fails once the key exists.
    let create = inspect("modern", &call).spawn();
    browse(&url().await, Consent::Allow);
    until(|| machine.count("POST", "/api_keys") == 3).await;
    fs::write(&file, "OPENAI_API_KEY=meanwhile\n").unwrap();
    machine.sandbox.release();
    let failed = create.finish().await;
    assert!(failed.stdout.contains("it is kept in "), "{}", failed.stdout);
    project.check(&machine).await;
}

#[tokio::test]
async fn a_dry_run_that_the_environment_requests_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let server = Launch::new(KEYMINT, &home).args(["mcp"]).env("KEYMINT_DRY_RUN", "1");
    let ended = server.output().await.exits_with(2);
    assert!(ended.stderr.contains("KEYMINT_DRY_RUN is set"), "{}", ended.stderr);
}
