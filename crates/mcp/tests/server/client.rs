//! A simulated client of the server. It answers requests of the server at once.

#![expect(clippy::unwrap_used, reason = "the helpers of tests count as tests too")]

use keymint_delivery_adapter::{Profile, StateDir, VariableName};
use keymint_domain::{BaseUrl, Client as OauthClient, Plan};
use keymint_host::Browser;
use keymint_http_adapter::HttpOptions;
use keymint_mcp::{ServeError, Settings, serve};
use keymint_sandbox::{Consent, Sandbox, Scenario, sign_in};
use keymint_testkit::{Canaries, free_port, is_free, until, watch};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::future::pending;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{
    AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf, duplex, split,
};
use tokio::sync::oneshot;

/// The revisions of the protocol that differ for clients.
pub(crate) const SESSION: &str = "2025-11-25";
pub(crate) const STATELESS: &str = "2026-07-28";

/// A client, its server and the sandbox behind it.
pub(crate) struct Client {
    pub(crate) sandbox: Arc<Sandbox>,
    /// The only root, unless `roots` has others.
    pub(crate) project: TempDir,
    pub(crate) port: u16,
    /// The URIs of the roots, listed again for each call. `None` makes the client answer with an error.
    pub(crate) roots: Option<Vec<String>>,
    /// The answer to a yes-or-no question. `None` if the user closes the form.
    pub(crate) agrees: Option<Value>,
    /// True if the questions to the user wait in `held`.
    pub(crate) holds: bool,
    pub(crate) held: Vec<Value>,
    /// The user's decision at the URL. `None` if the user does not open it.
    pub(crate) consent: Option<Consent>,
    pub(crate) questions: Vec<String>,
    pub(crate) progress: Vec<String>,
    /// The ids of the URLs that were shown, and of those that the server no longer needs.
    pub(crate) urls_shown: Vec<String>,
    pub(crate) urls_done: Vec<String>,
    _state: TempDir,
    revision: &'static str,
    capabilities: Value,
    writer: Option<WriteHalf<DuplexStream>>,
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    transcript: String,
    last_id: u64,
    ended: Option<oneshot::Receiver<Result<(), ServeError>>>,
}

impl Client {
    /// Starts a client of this revision that supports everything.
    pub(crate) async fn start(scenario: Scenario, revision: &'static str) -> Self {
        let capabilities = json!({"elicitation": {"form": {}, "url": {}}, "roots": {}});
        Self::with(scenario, revision, capabilities, Browser::None).await
    }

    pub(crate) async fn with(
        scenario: Scenario,
        revision: &'static str,
        capabilities: Value,
        browser: Browser,
    ) -> Self {
        let sandbox = Arc::new(Sandbox::start(scenario).await.unwrap());
        let (state, port) = (tempfile::tempdir().unwrap(), free_port());
        let mut http = HttpOptions::default();
        http.request_timeout = Duration::from_secs(20);
        let settings = Settings {
            client: OauthClient::at(BaseUrl::parse(sandbox.issuer()).unwrap()),
            api_base: BaseUrl::parse(sandbox.api_base()).unwrap(),
            callback_port: port,
            http,
            browser,
            patience: Duration::from_secs(60),
            plan: Plan::named(""),
            revokes: true,
            variable: VariableName::default(),
            profile: Profile::default(),
            state: StateDir::at(state.path()),
            other_way: "Use the terminal.",
        };
        let (ours, theirs) = duplex(64 * 1024);
        let (say_end, ended) = oneshot::channel();
        std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().unwrap();
            let (input, output) = split(theirs);
            let doctor = async || {
                Ok(json!({"findings": [{"check": "x", "status": "ok", "message": "fine", "fix": null}]}))
            };
            let _ = say_end.send(runtime.block_on(serve(settings, input, output, doctor, pending())));
        });
        let (reader, writer) = split(ours);
        let project = tempfile::tempdir().unwrap();
        let mut client = Self {
            sandbox,
            roots: Some(vec![format!("file://{}", project.path().display())]),
            project,
            port,
            agrees: None,
            holds: false,
            held: Vec::new(),
            consent: Some(Consent::Allow),
            questions: Vec::new(),
            progress: Vec::new(),
            urls_shown: Vec::new(),
            urls_done: Vec::new(),
            _state: state,
            revision,
            capabilities,
            writer: Some(writer),
            lines: BufReader::new(reader).lines(),
            transcript: String::new(),
            last_id: 0,
            ended: Some(ended),
        };
        if revision == SESSION {
            let capabilities = client.capabilities.clone();
            let info = json!({"name": "test", "version": "1"});
            let params =
                json!({"protocolVersion": revision, "capabilities": capabilities, "clientInfo": info});
            let initialized = client.request("initialize", params).await;
            assert_eq!(initialized["result"]["protocolVersion"], revision);
            client.send(json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        }
        client
    }

    pub(crate) fn env_file(&self) -> PathBuf {
        self.project.path().join(".env")
    }

    pub(crate) async fn send(&mut self, message: Value) {
        self.send_line(&message.to_string()).await;
    }

    pub(crate) async fn send_line(&mut self, line: &str) {
        self.send_text(&format!("{line}\n")).await;
    }

    /// Sends text that may be a part of a line.
    pub(crate) async fn send_text(&mut self, text: &str) {
        self.transcript += text;
        let writer = self.writer.as_mut().unwrap();
        watch(writer.write_all(text.as_bytes())).await.unwrap();
    }

    /// Returns the next message of the server.
    pub(crate) async fn receive(&mut self) -> Value {
        let line = watch(self.lines.next_line()).await.unwrap().expect("the server has ended");
        self.transcript += &line;
        serde_json::from_str(&line).unwrap()
    }

    /// Sends a request, and returns its id.
    pub(crate) async fn begin(&mut self, method: &str, mut params: Value) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        params["_meta"] = json!({"progressToken": id});
        if self.revision == STATELESS {
            params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!(STATELESS);
            params["_meta"]["io.modelcontextprotocol/clientInfo"] = json!({"name": "test", "version": "1"});
            params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = self.capabilities.clone();
        }
        self.send(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
        id
    }

    /// Answers the server's requests until the response to this request arrives.
    pub(crate) async fn response(&mut self, id: u64) -> Value {
        loop {
            let message = self.receive().await;
            match message["method"].as_str() {
                None if message["id"] == id => return message,
                None => {}
                Some("elicitation/create") if self.holds => self.held.push(message),
                Some(_) => self.respond(&message).await,
            }
        }
    }

    /// Answers the server's requests until the server has a question to the user.
    pub(crate) async fn hold_question(&mut self) {
        loop {
            let message = self.receive().await;
            if message["method"] == "elicitation/create" {
                return self.held.push(message);
            }
            self.respond(&message).await;
        }
    }

    /// Answers a request of the server, or records a notification.
    pub(crate) async fn respond(&mut self, message: &Value) {
        let (method, params) = (message["method"].as_str().unwrap(), &message["params"]);
        match method {
            "notifications/progress" => self.progress.push(params["message"].as_str().unwrap().to_owned()),
            "notifications/cancelled" => {}
            "notifications/elicitation/complete" => {
                self.urls_done.push(params["elicitationId"].as_str().unwrap().to_owned());
            }
            "roots/list" if self.roots.is_none() => {
                let error = json!({"code": -32603, "message": "no roots"});
                self.send(json!({"jsonrpc": "2.0", "id": message["id"], "error": error})).await;
            }
            _ => {
                let result = self.answer(method, params);
                self.send(json!({"jsonrpc": "2.0", "id": message["id"], "result": result})).await;
            }
        }
    }

    async fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params).await;
        self.response(id).await
    }

    /// Calls a tool and returns its result.
    pub(crate) async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let mut params = json!({"name": tool, "arguments": arguments});
        loop {
            let response = self.request("tools/call", params.clone()).await;
            let result = &response["result"];
            assert!(result.is_object(), "{response}");
            if result["resultType"] != "input_required" {
                if let Some(returned) = result.get("structuredContent") {
                    check(self.output_schema(tool), returned);
                }
                return result.clone();
            }
            params["requestState"] = result["requestState"].clone();
            let mut responses = json!({});
            for (key, request) in result["inputRequests"].as_object().unwrap() {
                responses[key] = self.answer(request["method"].as_str().unwrap(), &request["params"]);
            }
            params["inputResponses"] = responses;
        }
    }

    fn output_schema(&self, tool: &str) -> Schema<'static> {
        static TOOLS: LazyLock<Value> =
            LazyLock::new(|| serde_json::from_str(include_str!("../../src/tools.json")).unwrap());
        let tool = TOOLS.as_array().unwrap().iter().find(|known| known["name"] == tool).unwrap();
        Schema { whole: &tool["outputSchema"], part: &tool["outputSchema"] }
    }

    /// Creates a key in the file of the project.
    pub(crate) async fn create(&mut self) -> Value {
        self.call("create_api_key", json!({"destination": "env_file"})).await
    }

    /// Calls the tool to create a key in the project's file, and answers questions until the creation is requested.
    pub(crate) async fn create_until_requested(&mut self) -> u64 {
        let call = json!({"name": "create_api_key", "arguments": {"destination": "env_file"}});
        let id = self.begin("tools/call", call).await;
        let sandbox = Arc::clone(&self.sandbox);
        let requests = move || sandbox.requests().iter().any(|request| request.path.ends_with("/api_keys"));
        tokio::select! {
            response = self.response(id) => panic!("{response}"),
            () = until(requests) => {}
        }
        id
    }

    fn answer(&mut self, method: &str, params: &Value) -> Value {
        if method == "roots/list" {
            let roots: Vec<_> = self.roots.iter().flatten().map(|uri| json!({"uri": uri})).collect();
            return json!({"roots": roots});
        }
        assert_eq!(method, "elicitation/create");
        let message = params["message"].as_str().unwrap();
        self.questions.push(message.to_owned());
        if params["mode"] == "url" {
            self.urls_shown.push(params["elicitationId"].as_str().unwrap().to_owned());
            let Some(consent) = self.consent else { return json!({"action": "decline"}) };
            let url = params["url"].as_str().unwrap().to_owned();
            tokio::spawn(async move { sign_in(&url, consent).await });
            return json!({"action": "accept"});
        }
        match &self.agrees {
            Some(agrees) => json!({"action": "accept", "content": {"agree": agrees}}),
            None => json!({"action": "cancel"}),
        }
    }

    /// Closes the stream, reads nothing more, and waits for the end of the server.
    pub(crate) async fn end_without_reading(&mut self) {
        watch(self.writer.take().unwrap().shutdown()).await.unwrap();
        watch(self.ended.take().unwrap()).await.unwrap().unwrap();
        assert!(is_free(self.port));
    }

    /// Closes the stream, and waits for the end of the server. Then checks that no secret was in the transcript, that
    /// the port is free, and that each refresh token is revoked.
    pub(crate) async fn end(&mut self) {
        watch(self.writer.take().unwrap().shutdown()).await.unwrap();
        while let Some(line) = watch(self.lines.next_line()).await.unwrap() {
            self.transcript += &line;
        }
        watch(self.ended.take().unwrap()).await.unwrap().unwrap();
        assert_eq!(Canaries::of(self.sandbox.secrets()).find(&self.transcript), None, "{}", self.transcript);
        let port = self.port;
        until(|| is_free(port)).await;
        assert!(self.sandbox.refresh_tokens().iter().all(|token| token.is_revoked));
        assert_eq!(self.sandbox.violations(), Vec::<String>::new());
    }
}

/// Returns the sentence of a result that is an error.
pub(crate) fn refusal(result: &Value) -> &str {
    assert_eq!(result["isError"], true, "{result}");
    result["content"][0]["text"].as_str().unwrap()
}

/// A part of a schema, and the whole one, in which references lead.
#[derive(Clone, Copy)]
struct Schema<'a> {
    whole: &'a Value,
    part: &'a Value,
}

/// Checks that a value has exactly the members that a schema describes, of the types that it names.
fn check(schema: Schema<'_>, value: &Value) {
    let Schema { whole, mut part } = schema;
    if let Some(reference) = part["$ref"].as_str() {
        part = whole.pointer(reference.trim_start_matches('#')).unwrap();
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allows = |types: &Value| {
        types == kind || types.as_array().is_some_and(|types| types.iter().any(|one| one == kind))
    };
    assert!(allows(&part["type"]), "{value}: {part}");
    match value {
        Value::Array(items) => {
            items.iter().for_each(|item| check(Schema { part: &part["items"], ..schema }, item))
        }
        Value::Object(members) => {
            let described = part["properties"].as_object().unwrap();
            let names: BTreeSet<_> = described.keys().collect();
            assert_eq!(members.keys().collect::<BTreeSet<_>>(), names, "{part}");
            assert_eq!(part["required"].as_array().unwrap().len(), names.len(), "{part}");
            for (name, member) in members {
                check(Schema { part: &described[name], ..schema }, member);
            }
        }
        _ => {}
    }
}
