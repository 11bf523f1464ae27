//! The service over real sockets, with a simulated browser on another machine.

use crate::routes;
use crate::service::Service;
use keymint_delivery_adapter::StateDir;
use keymint_domain::{BaseUrl, Client};
use keymint_sandbox::{Consent, Reply, Sandbox, Scenario, Step, sign_in_remotely};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinSet, yield_now};

/// The service and its sandbox.
struct RunningService {
    sandbox: Sandbox,
    address: SocketAddr,
    state: StateDir,
    _directory: TempDir,
    _server: JoinSet<()>,
}

/// A sign-in from the view of its owner.
#[derive(Clone)]
struct SignIn {
    service: SocketAddr,
    id: String,
    token: String,
    authorize_url: String,
}

impl RunningService {
    async fn of(scenario: Scenario) -> Self {
        let sandbox = Sandbox::start(scenario).await.unwrap();
        let client = Client::at(BaseUrl::parse(sandbox.issuer()).unwrap());
        let directory = tempfile::tempdir().unwrap();
        let state = StateDir::at(directory.path().join("state"));
        let api_base = BaseUrl::parse(sandbox.api_base()).unwrap();
        let service = Service::new(client, api_base, state.clone());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut server = JoinSet::new();
        server.spawn(async { axum::serve(listener, routes::of(Arc::new(service))).await.unwrap() });
        Self { sandbox, address, state, _directory: directory, _server: server }
    }

    async fn begin(&self) -> SignIn {
        let (status, begun) = send(self.address, "POST", "/sign-ins", "", Value::Null).await;
        assert_eq!(status, 201);
        let text = |name: &str| begun[name].as_str().unwrap().to_owned();
        let [id, token, authorize_url] = ["id", "token", "authorize_url"].map(text);
        SignIn { service: self.address, id, token, authorize_url }
    }
}

impl SignIn {
    async fn send(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let path = format!("/sign-ins/{}{path}", self.id);
        send(self.service, method, &path, &format!("authorization: Bearer {}\r\n", self.token), body).await
    }

    async fn status(&self) -> Value {
        let (status, body) = self.send("GET", "", Value::Null).await;
        assert_eq!(status, 200);
        body
    }

    async fn answer(&self, address: &str) -> (u16, Value) {
        self.send("POST", "/callback", json!({"address": address})).await
    }

    /// Signs in, and returns the URL of the browser's last page.
    async fn visit(&self, consent: Consent) -> String {
        sign_in_remotely(&self.authorize_url, consent).await.unwrap()
    }

    /// Signs in, posts the URL of the last page, and returns the status.
    async fn come_back(&self, consent: Consent) -> u16 {
        self.answer(&self.visit(consent).await).await.0
    }

    async fn outcome(&self) -> Value {
        loop {
            let status = self.status().await;
            if status["state"] != "working" {
                return status;
            }
        }
    }

    async fn take_key(&self) -> (u16, Value) {
        self.send("POST", "/key", Value::Null).await
    }
}

/// Sends one request on a new connection. Returns the status, and the JSON of the body.
async fn send(service: SocketAddr, method: &str, path: &str, headers: &str, body: Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {service}\r\nconnection: close\r\n{headers}\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(service).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("cache-control: no-store"), "{head}");
    (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
}

#[tokio::test]
async fn several_people_sign_in_at_once_and_each_gets_a_key_of_their_own() {
    let service = RunningService::of(Scenario::ready().project_ready_in_list(2)).await;
    let mut people = JoinSet::new();
    for _ in 0..8 {
        let sign_in = service.begin().await;
        assert_eq!(sign_in.status().await, json!({"state": "waiting_for_callback", "events": []}));
        people.spawn(async move {
            assert_eq!(sign_in.come_back(Consent::Allow).await, 202);
            let outcome = sign_in.outcome().await;
            let (status, body) = sign_in.take_key().await;
            assert_eq!(status, 200);
            let key = body["key"].as_str().unwrap().to_owned();
            let name = format!("keymint headless-server {}", sign_in.id);
            assert_eq!(
                outcome,
                json!({
                    "state": "created",
                    "events": [
                        "code_exchanged", "signed_in", "waiting_for_project", "target_selected",
                        "creation_requested"
                    ],
                    "organization": {"id": "org-sandbox-personal", "title": "Personal"},
                    "project": {"id": "proj_sandbox_default", "title": "Default project"},
                    "name": name,
                    "last_four": key[key.len() - 4..],
                    "handed_over": false,
                })
            );
            (name, key)
        });
    }
    let received: HashSet<_> = people.join_all().await.into_iter().collect();
    let made: HashSet<_> = service.sandbox.keys().into_iter().map(|key| (key.name, key.value)).collect();
    assert_eq!((received.len(), received), (8, made));
    while !service.sandbox.refresh_tokens().iter().all(|token| token.is_revoked) {
        yield_now().await;
    }
    assert_eq!(service.sandbox.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn the_answer_to_another_sign_in_is_refused_and_changes_nothing() {
    let service = RunningService::of(Scenario::ready()).await;
    let (own, other) = (service.begin().await, service.begin().await);
    let foreign = other.visit(Consent::Allow).await;

    assert_eq!(own.answer(&foreign).await, (422, json!({"error": "foreign_state"})));
    assert_eq!(
        own.answer("http://localhost:5000/elsewhere?code=x").await,
        (422, json!({"error": "not_the_address"}))
    );
    assert_eq!(own.status().await["state"], "waiting_for_callback");
    assert_eq!(own.come_back(Consent::Allow).await, 202);
    assert_eq!(own.outcome().await["state"], "created");
    assert_eq!(other.status().await["state"], "waiting_for_callback");
}

#[tokio::test]
async fn a_second_answer_is_refused_and_makes_no_second_key() {
    let service = RunningService::of(Scenario::ready()).await;
    let sign_in = service.begin().await;
    let address = sign_in.visit(Consent::Allow).await;
    let (first, second) = tokio::join!(sign_in.answer(&address), sign_in.answer(&address));
    let mut statuses = [first.0, second.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 409]);
    assert_eq!(sign_in.outcome().await["state"], "created");
    assert_eq!(sign_in.answer(&address).await, (409, json!({"error": "already_answered"})));
    assert_eq!(service.sandbox.keys().len(), 1);
}

#[tokio::test]
async fn the_key_is_handed_over_exactly_once_and_is_nowhere_else() {
    let service = RunningService::of(Scenario::ready()).await;
    let sign_in = service.begin().await;
    assert_eq!(sign_in.take_key().await, (409, json!({"error": "no_key"})));
    sign_in.come_back(Consent::Allow).await;
    let before = sign_in.outcome().await;
    let stored = service.state.stored_keys().unwrap();
    assert_eq!(stored[0].read().unwrap().expose(), service.sandbox.keys()[0].value);

    let (first, second) = tokio::join!(sign_in.take_key(), sign_in.take_key());
    let mut statuses = [first.0, second.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 410]);
    let after = sign_in.status().await;
    assert_eq!(after["handed_over"], true);
    assert!(service.state.stored_keys().unwrap().is_empty(), "the recovery store still has it");
    for secret in service.sandbox.secrets() {
        assert!(!format!("{before}{after}").contains(&secret));
    }
}

#[tokio::test]
async fn a_sign_in_is_its_owners_alone() {
    let service = RunningService::of(Scenario::ready()).await;
    let (own, other) = (service.begin().await, service.begin().await);
    let stranger = SignIn { token: other.token, ..own.clone() };
    let unknown = (404, json!({"error": "no_such_sign_in"}));
    assert_eq!(stranger.send("GET", "", Value::Null).await, unknown);
    assert_eq!(stranger.answer(&own.visit(Consent::Allow).await).await, unknown);
    assert_eq!(stranger.take_key().await, unknown);
    let path = format!("/sign-ins/{}", own.id);
    assert_eq!(send(service.address, "GET", &path, "", Value::Null).await, unknown);
    assert_eq!(own.status().await["state"], "waiting_for_callback");
}

#[tokio::test]
async fn a_sign_in_without_a_key_says_why_and_names_one_that_may_exist() {
    let service =
        RunningService::of(Scenario::ready().reply(Step::CreateKey, Reply::hang_up().after_processing()))
            .await;
    for (consent, reason, keys) in [
        (Consent::Deny, "the sign-in was refused: access_denied", 0),
        (Consent::Allow, ": look for the name keymint headless-server", 1),
    ] {
        let sign_in = service.begin().await;
        assert_eq!(sign_in.come_back(consent).await, 202);
        let outcome = sign_in.outcome().await;
        assert_eq!(outcome["state"], "failed");
        let reason_text = outcome["reason"].as_str().unwrap();
        assert!(reason_text.contains(reason), "{outcome}");
        let made = service.sandbox.keys();
        assert!(
            made.len() == keys && made.iter().all(|key| reason_text.contains(&key.name)),
            "{reason_text}"
        );
        assert_eq!(sign_in.take_key().await, (409, json!({"error": "no_key"})));
    }
}

#[tokio::test]
async fn a_web_page_cannot_begin_a_sign_in_and_only_so_many_wait_at_once() {
    let service = RunningService::of(Scenario::ready()).await;
    let page = "origin: https://example.com\r\n";
    assert_eq!(send(service.address, "POST", "/sign-ins", page, Value::Null).await.0, 403);
    for _ in 0..100 {
        service.begin().await;
    }
    let full = send(service.address, "POST", "/sign-ins", "", Value::Null).await;
    assert_eq!(full, (503, json!({"error": "too_many_sign_ins"})));
}
