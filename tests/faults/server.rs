//! Both servers on one bare socket, which can send what no HTTP library would. All steps but one get good answers.

use super::fault::{Fault, Then};
use socket2::SockRef;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

/// A part of every secret of a run. No output has this word in it.
pub(crate) const CANARY: &str = "canary";
pub(crate) const CODE: &str = "code-canary-0001";
pub(crate) const ACCESS_TOKEN: &str = "at-canary-0002";
pub(crate) const SESSION_KEY: &str = "sess-canary-0003";
pub(crate) const API_KEY: &str = "sk-proj-canary-0004";
pub(crate) const REFRESH_TOKEN: &str = "rt-canary-0005";

/// The requests of the program, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// The token exchange.
    T,
    /// The login, which opens a session.
    S,
    /// The organizations.
    O,
    /// The projects.
    P,
    /// The creation of the key.
    K,
    /// The revocation of the refresh token.
    R,
}

impl Step {
    /// The steps that a key requires.
    pub(crate) const ALL: [Self; 5] = [Self::T, Self::S, Self::O, Self::P, Self::K];

    fn of(request_line: &str) -> Option<Self> {
        let (request, version) = request_line.trim_end().rsplit_once(' ')?;
        let request = request.split('?').next().filter(|_| version == "HTTP/1.1")?;
        Some(match request {
            "POST /oauth/token" => Self::T,
            "POST /dashboard/onboarding/login" => Self::S,
            "GET /v1/organizations" => Self::O,
            "GET /dashboard/organizations/org-good/projects" => Self::P,
            "POST /dashboard/organizations/org-good/projects/proj_good/api_keys" => Self::K,
            "POST /oauth/revoke" => Self::R,
            _ => return None,
        })
    }

    /// Returns an answer with this JSON as its result.
    pub(crate) fn answer(self, json: &str) -> String {
        match self {
            Self::T => format!(
                r#"{{"access_token":{json},"token_type":"Bearer","refresh_token":"{REFRESH_TOKEN}","id_token":"canary"}}"#
            ),
            Self::S => format!(r#"{{"user":{{"session":{{"sensitive_id":{json}}}}}}}"#),
            Self::O | Self::P => format!(r#"{{"data":{json}}}"#),
            Self::K => format!(r#"{{"key":{{"sensitive_id":{json}}}}}"#),
            Self::R => format!(r#"{{"revoked":{json}}}"#),
        }
    }

    fn id(self) -> &'static str {
        if self == Self::O { "org-good" } else { "proj_good" }
    }
}

/// Returns the body of a good answer.
pub(crate) fn good(step: Step) -> String {
    match step {
        Step::T => step.answer(&format!("\"{ACCESS_TOKEN}\"")),
        Step::S => step.answer(&format!("\"{SESSION_KEY}\"")),
        Step::O | Step::P => step.answer(&format!("[{}]", entry(step))),
        Step::K => step.answer(&format!("\"{API_KEY}\"")),
        Step::R => step.answer("true"),
    }
}

/// Returns a good entry of any list, since unknown members are ignored.
fn entry(step: Step) -> String {
    format!(r#"{{"id":"{}","title":"Good","is_default":true,"is_initial":true}}"#, step.id())
}

/// The request that gets a fault.
pub(crate) struct Scene {
    pub(crate) step: Step,
    /// The number of this request of the step, from 1.
    number: usize,
    here: SocketAddr,
    trap: SocketAddr,
}

impl Scene {
    /// Returns the text with the words in angle brackets replaced.
    pub(crate) fn fill(&self, text: &str) -> String {
        text.replace("<good>", &good(self.step))
            .replace("<entry>", &entry(self.step))
            .replace("<id>", self.step.id())
            .replace("<number>", &self.number.to_string())
            .replace("<trap>", &self.trap.to_string())
            .replace("<here>", &self.here.to_string())
    }
}

/// A request. One that belongs to no step is a violation.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) step: Option<Step>,
    bytes: Vec<u8>,
}

impl Request {
    /// Returns the PKCE verifier of a token exchange.
    pub(crate) fn verifier(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.bytes);
        let field = text.split(['&', '\n']).find_map(|field| field.strip_prefix("code_verifier="))?;
        Some(field.to_owned())
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.bytes))
    }
}

pub(crate) struct FaultServer {
    pub(crate) url: String,
    shared: Arc<Shared>,
    /// A listener that must not be contacted.
    trap: std::net::TcpListener,
}

struct Shared {
    here: SocketAddr,
    trap: SocketAddr,
    step: Step,
    fault: Fault,
    strikes: usize,
    requests: Mutex<Vec<Request>>,
    /// The task that accepts connections. `None` once the server has stopped listening.
    listening: Mutex<Option<JoinHandle<()>>>,
    /// Holds the address after that, so that no other test gets it.
    held: Mutex<Option<TcpSocket>>,
}

impl FaultServer {
    /// Starts a server that plays the fault at the first `strikes` requests of the step.
    pub(crate) async fn start(step: Step, fault: Fault, strikes: usize) -> Self {
        let trap = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        trap.set_nonblocking(true).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let nobody_listens = fault.is_absence() && step == Step::T;
        let shared = Arc::new(Shared {
            here: listener.local_addr().unwrap(),
            trap: trap.local_addr().unwrap(),
            step,
            fault,
            strikes,
            requests: Mutex::default(),
            listening: Mutex::default(),
            held: Mutex::default(),
        });
        let server = Arc::clone(&shared);
        *shared.listening.lock().unwrap() = Some(tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let server = Arc::clone(&server);
                tokio::spawn(async move { server.serve(socket).await });
            }
        }));
        if nobody_listens {
            shared.stop_listening().await;
        }
        Self { url: format!("http://{}", shared.here), shared, trap }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    pub(crate) fn was_trapped(&self) -> bool {
        !matches!(self.trap.accept(), Err(error) if error.kind() == ErrorKind::WouldBlock)
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        if let Some(task) = self.shared.listening.lock().unwrap().take() {
            task.abort();
        }
    }
}

impl Shared {
    /// Serves a connection. It ends with an error if the client closes it, which is a regular end.
    async fn serve(&self, socket: TcpStream) -> io::Result<()> {
        let mut socket = BufReader::new(socket);
        loop {
            let mut bytes = Vec::new();
            if socket.read_until(b'\n', &mut bytes).await? == 0 {
                return Ok(());
            }
            let step = Step::of(&String::from_utf8_lossy(&bytes));
            let (index, number) = {
                let mut requests = self.requests.lock().unwrap();
                requests.push(Request { step, bytes: bytes.clone() });
                (requests.len() - 1, requests.iter().filter(|request| request.step == step).count())
            };
            let fault = step.filter(|step| *step == self.step && number <= self.strikes).map(|_| &self.fault);
            let answer = match (step, fault) {
                (None, _) => b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
                (Some(step), None) => self.well(step).await,
                (Some(step), Some(fault)) => {
                    (fault.says)(&Scene { step, number, here: self.here, trap: self.trap })
                }
            };
            if fault.is_some_and(|fault| fault.early) {
                socket.write_all(&answer).await?;
            }
            read_rest(&mut socket, &mut bytes).await?;
            self.requests.lock().unwrap()[index].bytes = bytes;
            if !matches!(fault, Some(Fault { early: true, .. } | Fault { then: Then::ClosesAtOnce, .. })) {
                socket.write_all(&answer).await?;
            }
            if let Some(fault) = fault
                && !stays(&mut socket, &fault.then, &answer).await?
            {
                return Ok(());
            }
        }
    }

    /// Returns a good answer. If the next request is to find no listener, the server stops listening.
    async fn well(&self, step: Step) -> Vec<u8> {
        let body = good(step);
        let last = self.fault.is_absence() && step as u8 + 1 == self.step as u8;
        if last {
            self.stop_listening().await;
        }
        let connection = if last { "connection: close\r\n" } else { "" };
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{connection}content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }

    /// Stops listening, and keeps the address.
    async fn stop_listening(&self) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        let listening = self.listening.lock().unwrap().take();
        if let Some(task) = listening {
            task.abort();
            task.await.ok();
        }
        // A program that is being started may inherit the socket for a moment.
        while socket.bind(self.here).is_err_and(|error| error.kind() == ErrorKind::AddrInUse) {
            tokio::task::yield_now().await;
        }
        *self.held.lock().unwrap() = Some(socket);
    }
}

/// Reads the request after its first line.
async fn read_rest(socket: &mut BufReader<TcpStream>, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut length = 0;
    loop {
        let begins = bytes.len();
        socket.read_until(b'\n', bytes).await?;
        let line = String::from_utf8_lossy(&bytes[begins..]).to_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
        if line.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    let begins = bytes.len();
    bytes.resize(begins + length, 0);
    socket.read_exact(&mut bytes[begins..]).await.map(drop)
}

/// Continues the connection as the fault says. Returns whether another request may come.
async fn stays(socket: &mut BufReader<TcpStream>, then: &Then, answer: &[u8]) -> io::Result<bool> {
    match then {
        Then::Stays | Then::NeverWas => return Ok(true),
        Then::Closes => socket.shutdown().await?,
        Then::ClosesAtOnce => {
            // The system holds the bytes back until it can send the end of the stream with them.
            const MSG_MORE: i32 = if cfg!(target_os = "linux") { 0x8000 } else { 0 };
            assert_eq!(SockRef::from(socket.get_ref()).send_with_flags(answer, MSG_MORE)?, answer.len());
            socket.shutdown().await?;
        }
        Then::Resets => {
            socket.get_ref().set_zero_linger()?;
            return Ok(false);
        }
        Then::Hangs => {}
        Then::Drips(bytes) => {
            let mut pace = tokio::time::interval(Duration::from_millis(100));
            loop {
                pace.tick().await;
                socket.write_all(bytes.as_bytes()).await?;
            }
        }
        Then::Floods(bytes) => loop {
            socket.write_all(bytes).await?;
        },
    }
    // A socket with unread bytes would be reset when it is dropped.
    socket.read_to_end(&mut Vec::new()).await?;
    Ok(false)
}
