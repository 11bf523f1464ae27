//! A client that can send correct and incorrect requests.

#![expect(clippy::unwrap_used, reason = "only tests use it")]

use keymint_sandbox::{Consent, Sandbox, sign_in};
use serde_json::{Value, json};
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::{Url, form_urlencoded};

/// The pair of RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A call to the sandbox, with the headers that the contract requires.
pub(crate) struct Call {
    method: &'static str,
    url: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) text: String,
}

pub(crate) fn get(url: impl Into<String>) -> Call {
    Call::new("GET", url)
}

pub(crate) fn post(url: impl Into<String>) -> Call {
    Call::new("POST", url)
}

impl Call {
    pub(crate) fn new(method: &'static str, url: impl Into<String>) -> Self {
        let headers = [("accept", "application/json".to_owned()), ("user-agent", "test/1".to_owned())];
        Self { method, url: url.into(), headers: headers.into(), body: String::new() }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string();
        self.header("content-type", "application/json")
    }

    pub(crate) fn form(mut self, fields: &[(&str, &str)]) -> Self {
        self.body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.header("content-type", "application/x-www-form-urlencoded")
    }

    pub(crate) async fn send(self) -> Response {
        self.try_send().await.expect("a response")
    }

    pub(crate) async fn try_send(self) -> io::Result<Response> {
        let url = Url::parse(&self.url).unwrap();
        let (target, host, length) = (&url[url::Position::BeforePath..], url.authority(), self.body.len());
        let mut request =
            format!("{} {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n", self.method);
        for (name, value) in [("content-length", length.to_string())].into_iter().chain(self.headers) {
            request.extend([name, ": ", &value, "\r\n"]);
        }
        let mut stream = TcpStream::connect(host).await?;
        stream.write_all(format!("{request}\r\n{}", self.body).as_bytes()).await?;
        let mut response = String::new();
        stream.read_to_string(&mut response).await?;
        let (head, text) = response.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(Response { status: head[9..12].parse().unwrap(), head: head.to_owned(), text: text.to_owned() })
    }
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.find(|(header, _)| *header == name).map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

/// The client's end of the redirect. It serves these responses, one connection each, and returns the request
/// heads.
pub(crate) struct Loopback {
    pub(crate) redirect_uri: String,
    requests: JoinHandle<Vec<String>>,
}

impl Loopback {
    pub(crate) fn serving(responses: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let responses: Vec<_> = responses.iter().map(|&response| response.to_owned()).collect();
        let requests = thread::spawn(move || {
            let serve = |response: String| {
                let (stream, _) = listener.accept().unwrap();
                let lines = BufReader::new(&stream).lines().map_while(Result::ok);
                let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
                (&stream).write_all(response.as_bytes()).unwrap();
                head.join("\n")
            };
            responses.into_iter().map(serve).collect()
        });
        Self { redirect_uri: format!("http://localhost:{port}/auth/callback"), requests }
    }

    pub(crate) fn requests(self) -> Vec<String> {
        self.requests.join().unwrap()
    }

    /// Returns the query of the first request: the authorization response.
    pub(crate) fn response(self) -> Vec<(String, String)> {
        let requests = self.requests();
        let target = requests[0].split(' ').nth(1).unwrap();
        let query = target.split_once('?').unwrap().1;
        form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }
}

pub(crate) const DONE: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\ndone";

pub(crate) fn authorize_url(sandbox: &Sandbox, redirect_uri: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("audience", "https://api.openai.com/v1")
        .append_pair("client_id", "app_1")
        .append_pair("code_challenge_method", "S256")
        .append_pair("code_challenge", CHALLENGE)
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("response_type", "code")
        .append_pair("scope", "openid email")
        .append_pair("state", "some state")
        .finish();
    format!("{}/oauth/authorize?{query}", sandbox.issuer())
}

/// Returns a code and the redirect URI that it is bound to.
pub(crate) async fn code(sandbox: &Sandbox) -> (String, String) {
    let loopback = Loopback::serving(&[DONE]);
    let redirect_uri = loopback.redirect_uri.clone();
    sign_in(&authorize_url(sandbox, &redirect_uri), Consent::Allow).await.unwrap();
    let (name, code) = loopback.response().remove(0);
    assert_eq!(name, "code");
    (code, redirect_uri)
}

/// Returns a correct token request.
pub(crate) fn token_request(sandbox: &Sandbox, code: &str, redirect_uri: &str) -> Call {
    post(format!("{}/oauth/token", sandbox.issuer())).form(&[
        ("client_id", "app_1"),
        ("code_verifier", VERIFIER),
        ("code", code),
        ("grant_type", "authorization_code"),
        ("redirect_uri", redirect_uri),
    ])
}

pub(crate) async fn access_token(sandbox: &Sandbox) -> String {
    let (code, redirect_uri) = code(sandbox).await;
    let response = token_request(sandbox, &code, &redirect_uri).send().await;
    response.json()["access_token"].as_str().unwrap().to_owned()
}

pub(crate) fn login(sandbox: &Sandbox, access_token: &str) -> Call {
    let url = format!("{}/dashboard/onboarding/login", sandbox.api_base());
    post(url).bearer(access_token).json(&json!({ "app": "api" }))
}

pub(crate) async fn session_key(sandbox: &Sandbox) -> String {
    let response = login(sandbox, &access_token(sandbox).await).send().await;
    response.json()["user"]["session"]["sensitive_id"].as_str().unwrap().to_owned()
}

pub(crate) fn organizations(sandbox: &Sandbox, session_key: &str, query: &str) -> Call {
    get(format!("{}/v1/organizations{query}", sandbox.api_base())).bearer(session_key)
}

pub(crate) fn projects(sandbox: &Sandbox, session_key: &str, organization: &str, more: &str) -> Call {
    let url = format!(
        "{}/dashboard/organizations/{organization}/projects?detail=basic&limit=100{more}",
        sandbox.api_base()
    );
    get(url).bearer(session_key).header("openai-organization", organization)
}

pub(crate) fn create_key(sandbox: &Sandbox, session_key: &str, organization: &str, project: &str) -> Call {
    let base = sandbox.api_base();
    post(format!("{base}/dashboard/organizations/{organization}/projects/{project}/api_keys"))
        .bearer(session_key)
        .json(&json!({ "action": "create", "name": "laptop" }))
}

pub(crate) fn models(sandbox: &Sandbox, api_key: &str) -> Call {
    get(format!("{}/v1/models", sandbox.api_base())).bearer(api_key)
}
