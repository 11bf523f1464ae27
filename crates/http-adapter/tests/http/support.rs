//! A call for every step, a server that always answers the same, and a faulty one.

use keymint_domain::testing::{granted, organization, project};
use keymint_domain::{
    AccessToken, AdminApi, AdminKey, AuthServer, BaseUrl, KeyChange, KeyId, NewKey, OrganizationId,
    PlatformApi, ProjectId, RefreshToken, ServiceAccountId, ServiceError, SessionKey, Step, Target,
};
use keymint_http_adapter::{Http, HttpOptions};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// A text that answers contain wherever a secret could be.
pub(crate) const CANARY: &str = "canary-9f3A";

pub(crate) const STEPS: [Step; 15] = [
    Step::ExchangeCode,
    Step::Login,
    Step::ListOrganizations,
    Step::ListProjects,
    Step::CreateKey,
    Step::ListAllProjects,
    Step::ListKeys,
    Step::GetKey,
    Step::UpdateKey,
    Step::DeleteKey,
    Step::CreateServiceAccount,
    Step::UpdateServiceAccount,
    Step::CreateAccountKey,
    Step::DeleteServiceAccount,
    Step::RevokeToken,
];

/// The steps whose answer is parsed: all except the revocation.
pub(crate) const PARSED: &[Step] = STEPS.split_last().unwrap().1;

pub(crate) fn http() -> Http {
    Http::new(HttpOptions::default())
}

pub(crate) fn base(url: &str) -> BaseUrl {
    BaseUrl::parse(url).unwrap()
}

pub(crate) fn token() -> AccessToken {
    AccessToken::parse("the-access-token".to_owned()).unwrap()
}

pub(crate) fn refresh_token() -> RefreshToken {
    RefreshToken::parse("the-refresh-token".to_owned()).unwrap()
}

pub(crate) fn session() -> SessionKey {
    SessionKey::parse("sess-the-session".to_owned()).unwrap()
}

pub(crate) fn admin_key() -> AdminKey {
    AdminKey::parse("the-admin-key".to_owned()).unwrap()
}

pub(crate) fn proj() -> ProjectId {
    ProjectId::parse("proj_1").unwrap()
}

pub(crate) fn key_id() -> KeyId {
    KeyId::parse("key_1").unwrap()
}

pub(crate) fn account_id() -> ServiceAccountId {
    ServiceAccountId::parse("svc_acct_1").unwrap()
}

/// Returns a change that makes a key expire after a second.
pub(crate) fn change() -> KeyChange {
    let mut change = KeyChange::default();
    change.expires_in = Some(Duration::from_secs(1).try_into().unwrap());
    change
}

pub(crate) fn acme() -> OrganizationId {
    organization("org-acme").id
}

pub(crate) fn target() -> Target {
    Target::new(&organization("org-acme"), &project("proj_1", true))
}

/// Returns a response with this body, declared as JSON.
pub(crate) fn answer(status: u16, body: impl Into<Vec<u8>>) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_bytes(body).insert_header("content-type", "application/json")
}

/// Calls the port's method for this step.
pub(crate) async fn call(http: &Http, url: &str, step: Step) -> Result<(), ServiceError> {
    if step == Step::ExchangeCode {
        let auth_server = http.auth_server(base(url)).unwrap();
        return auth_server.exchange_code(&granted()).await.map(drop);
    }
    if step == Step::RevokeToken {
        let auth_server = http.auth_server(base(url)).unwrap();
        return auth_server.revoke(granted().client_id(), &refresh_token()).await;
    }
    let platform = http.platform_api(base(url)).unwrap();
    match step {
        Step::Login => platform.login(&token(), "api").await.map(drop),
        Step::ListOrganizations => platform.organizations(&session()).await.map(drop),
        Step::ListProjects => platform.projects(&session(), &acme()).await.map(drop),
        Step::CreateKey => {
            platform.create_api_key(&session(), &target(), &NewKey::named("Codex CLI")).await.map(drop)
        }
        _ => call_admin(http, url, step).await,
    }
}

async fn call_admin(http: &Http, url: &str, step: Step) -> Result<(), ServiceError> {
    let api = http.admin_api(base(url)).unwrap();
    let (admin, project, key, account) = (&admin_key(), &proj(), &key_id(), &account_id());
    match step {
        Step::ListAllProjects => api.projects(admin).await.map(drop),
        Step::ListKeys => api.keys(admin, project).await.map(drop),
        Step::GetKey => api.key(admin, project, key).await.map(drop),
        Step::UpdateKey => api.update_key(admin, project, key, &change()).await.map(drop),
        Step::DeleteKey => api.delete_key(admin, project, key).await,
        Step::CreateServiceAccount => api.create_service_account(admin, project, "ci").await.map(drop),
        Step::UpdateServiceAccount => api.add_to_project(admin, project, account).await,
        Step::CreateAccountKey => {
            api.create_account_key(admin, project, account, &NewKey::named("ci")).await.map(drop)
        }
        Step::DeleteServiceAccount => api.delete_service_account(admin, project, account).await,
        other => panic!("there is no call for {other}"),
    }
}

/// Returns an answer that the step accepts.
pub(crate) fn good_body(step: Step) -> &'static str {
    match step {
        Step::ExchangeCode => r#"{"access_token": "t"}"#,
        Step::Login => r#"{"user": {"session": {"sensitive_id": "sess-1"}}}"#,
        Step::RevokeToken => "{}",
        Step::CreateKey => r#"{"key": {"sensitive_id": "sk-1"}}"#,
        Step::GetKey | Step::UpdateKey => r#"{"id": "key_1"}"#,
        Step::DeleteKey => r#"{"id": "key_1", "deleted": true}"#,
        Step::CreateServiceAccount => r#"{"id": "svc_acct_1", "api_key": {"value": "sk-1"}}"#,
        Step::UpdateServiceAccount => r#"{"id": "svc_acct_1"}"#,
        Step::CreateAccountKey => r#"{"value": "sk-1"}"#,
        Step::DeleteServiceAccount => r#"{"id": "svc_acct_1", "deleted": true}"#,
        _ => r#"{"data": []}"#,
    }
}

/// Starts a server that sends this answer to every request.
pub(crate) async fn answering(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// Returns the error of this step for this answer.
pub(crate) async fn failure(step: Step, answer: ResponseTemplate) -> ServiceError {
    let server = answering(answer).await;
    let error = call(&http(), &server.uri(), step).await.expect_err("the answer is a bad one");
    assert_eq!(error.step, step);
    assert_eq!(server.received_requests().await.unwrap().len(), 1, "{step} was not sent once");
    assert_clean(&error);
    error
}

/// Checks that the error has no secret of the run, no canary and no control character.
pub(crate) fn assert_clean(error: &ServiceError) {
    let shown = format!("{error} {error:?} {error:#?}");
    let grant = granted();
    let secrets = [
        CANARY,
        "the-access-token",
        "the-refresh-token",
        "sess-the-session",
        "the-admin-key",
        grant.verifier().expose(),
        grant.code().expose(),
    ];
    for secret in secrets {
        assert!(!shown.contains(secret), "{secret} shows in: {shown}");
    }
    assert!(!error.detail.chars().any(char::is_control), "{:?}", error.detail);
}

/// The behavior of a [`FaultyServer`] after it has read a request.
#[derive(Clone)]
pub(crate) enum Fault {
    /// Writes this and closes.
    Write(Vec<u8>),
    /// Writes this and resets the connection.
    Reset(Vec<u8>),
    /// Writes this and then nothing, forever.
    Hang(Vec<u8>),
    /// Writes the first, then the second repeatedly until the client closes.
    Flood(Vec<u8>, Vec<u8>),
}

/// A server on a raw socket, for responses that no HTTP library would send.
pub(crate) struct FaultyServer {
    pub(crate) url: String,
    requests: Arc<AtomicUsize>,
}

impl FaultyServer {
    pub(crate) async fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(socket, fault.clone(), Arc::clone(&seen)));
            }
        });
        Self { url, requests }
    }

    /// Returns the number of complete requests that arrived.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Ends with an error if the client closes the connection, which is ignored.
async fn serve(mut socket: TcpStream, fault: Fault, seen: Arc<AtomicUsize>) -> io::Result<()> {
    read_request(&mut socket).await?;
    seen.fetch_add(1, Ordering::SeqCst);
    match fault {
        Fault::Write(bytes) => {
            socket.write_all(&bytes).await?;
            socket.shutdown().await?;
            // Reads the rest: closing with unread bytes would reset the connection.
            socket.read_to_end(&mut Vec::new()).await?;
        }
        Fault::Reset(bytes) => {
            socket.write_all(&bytes).await?;
            socket.set_zero_linger()?;
        }
        Fault::Hang(bytes) => {
            socket.write_all(&bytes).await?;
            socket.read_to_end(&mut Vec::new()).await?;
        }
        Fault::Flood(head, chunk) => {
            socket.write_all(&head).await?;
            loop {
                socket.write_all(&chunk).await?;
            }
        }
    }
    Ok(())
}

/// Reads one request with its body, in lowercase.
pub(crate) async fn read_request(socket: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Ok(text);
            }
        }
        if socket.read_buf(&mut request).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
