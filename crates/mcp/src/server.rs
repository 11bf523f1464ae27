//! The server: its tools, and the lifecycle of a call.

use crate::call::Call;
use crate::create_key;
use crate::dialog::{Dialog, Event, Features, Question};
use crate::failure::{Failure, Kind};
use crate::key_status;
use crate::list_targets;
use crate::messages::{InvalidParams, Messages};
use crate::output::plain;
use crate::recover_key;
use crate::settings::Settings;
use crate::sign_in::random_id;
use keymint_domain::Clock;
use keymint_domain::text::quote;
use keymint_tokio_clock::TokioClock;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientResult, ContentBlock, CustomNotification,
    CustomRequest, CustomResult, ErrorCode, ErrorData, Implementation, InputRequest, InputRequiredResult,
    JsonObject, ListToolsResult, MetaObject, PaginatedRequestParams, ProgressNotificationParam,
    ProgressToken, ProtocolVersion, ServerCapabilities, ServerConfig, ServerRequest, Tool,
};
use rmcp::service::{Peer, PeerRequestOptions, QuitReason, RequestContext, ServerInitializeError};
use rmcp::{RoleServer, ServerHandler, ServiceExt};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The interval of progress notifications. A client may give up without them.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// The maximum number of concurrent calls.
const MOST_CALLS: usize = 16;

/// The key of the single question in a result that requires input.
const QUESTION: &str = "question";

const INSTRUCTIONS: &str = "Creates OpenAI API keys for the user, who signs in with the browser, and puts them where \
programs find them. No key is ever shown to you, and you need none: never ask the user to paste one. Look with \
key_status for an existing key first. If there is one, ask the user whether to reuse it or to create a new one.";

/// The error for a client that does not speak the protocol: its first messages do not begin a session.
// Without a cause, whose text would pull the formatting of every protocol message into the program.
#[derive(Debug, thiserror::Error)]
#[error("the client does not speak the Model Context Protocol")]
pub struct ServeError(());

/// The result of the tool `doctor`: a JSON object with the array `findings`, or the reason why there are no findings.
type Findings = Result<Value, String>;

/// Serves the client until it closes the stream, or until `stop` is ready. Then ends each call, and waits for a
/// requested creation and the delivery of its key.
///
/// `doctor` examines this machine for the tool of the same name.
///
/// # Errors
///
/// [`ServeError`] if the first message does not belong to the protocol.
pub async fn serve(
    settings: Settings,
    input: impl AsyncRead + Unpin + Send + 'static,
    output: impl AsyncWrite + Unpin + Send + 'static,
    mut doctor: impl AsyncFnMut() -> Findings,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let (gone, tasks) = (CancellationToken::new(), TaskTracker::new());
    let (to_doctor, mut examinations) = mpsc::channel(1);
    let server = Server {
        settings: Arc::new(settings),
        gone: gone.clone(),
        tasks: tasks.clone(),
        waiting: Mutex::default(),
        doctor: to_doctor,
    };
    let messages = Messages::new(input, output, gone.clone());
    let serving = async {
        match server.serve_with_ct(messages, gone.clone()).await {
            Ok(running) => Ok(running.waiting().await.unwrap_or(QuitReason::Closed)),
            Err(
                ServerInitializeError::ConnectionClosed(_)
                | ServerInitializeError::TransportError { .. }
                | ServerInitializeError::Cancelled,
            ) => Ok(QuitReason::Closed),
            Err(_) => Err(ServeError(())),
        }
    };
    let (mut serving, mut stop) = (pin!(serving), pin!(stop));
    let served = loop {
        tokio::select! {
            served = &mut serving => break served,
            () = &mut stop, if !gone.is_cancelled() => gone.cancel(),
            Some(answer) = examinations.recv() => {
                let answer: oneshot::Sender<Findings> = answer;
                let _ = answer.send(doctor().await);
            }
        }
    };
    gone.cancel();
    tasks.close();
    tasks.wait().await;
    served.map(drop)
}

struct Server {
    settings: Arc<Settings>,
    /// Cancelled when the client disconnects.
    gone: CancellationToken,
    tasks: TaskTracker,
    /// The tasks whose question the client has, by the `requestState` of the result with the question.
    waiting: Mutex<HashMap<String, Waiting>>,
    doctor: mpsc::Sender<oneshot::Sender<Findings>>,
}

/// The task of a call.
struct Work {
    events: mpsc::UnboundedReceiver<Event>,
    result: oneshot::Receiver<Result<Value, Failure>>,
    cancel: CancellationToken,
    /// True if the task may hold the callback port.
    signs_in: bool,
}

/// A task that waits for an answer from the client.
struct Waiting {
    work: Work,
    answer: oneshot::Sender<Value>,
}

/// The arguments of a tool that has none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let implementation = Implementation::new("keymint", env!("CARGO_PKG_VERSION"));
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(implementation)
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let work = match request.request_state {
            Some(state) => match self.lock().remove(&state) {
                Some(Waiting { work, answer }) => {
                    // Without an answer, the sender is dropped, which the task sees as no answer.
                    if let Some(value) = request.input_responses.and_then(|mut all| all.remove(QUESTION)) {
                        let _ = answer.send(value);
                    }
                    work
                }
                None => {
                    return Ok(failed(&Failure::usage(
                        "this call has ended, or was replaced by another one",
                    ))
                    .into());
                }
            },
            None if self.tasks.len() >= MOST_CALLS => {
                return Ok(failed(&Failure::usage("too many calls are in progress")).into());
            }
            None => {
                let signs_in = matches!(&*request.name, "create_api_key" | "list_targets");
                if signs_in {
                    self.end_abandoned_sign_ins().await;
                }
                let arguments = request.arguments.unwrap_or_default();
                Work { signs_in, ..self.start(&request.name, arguments, &context)? }
            }
        };
        Ok(self.attend(work, &context).await)
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        Err(match context.extensions.get() {
            Some(InvalidParams(why)) => ErrorData::invalid_params(plain(why), None),
            None => ErrorData::new(ErrorCode::METHOD_NOT_FOUND, plain(&request.method), None),
        })
    }
}

impl Server {
    /// Starts the task of a tool.
    fn start(
        &self,
        tool: &str,
        arguments: JsonObject,
        context: &RequestContext<RoleServer>,
    ) -> Result<Work, ErrorData> {
        let features = Features::of(context.client_capabilities().as_ref());
        let (dialog, events) = Dialog::new(features, self.settings.patience);
        let cancel = self.gone.child_token();
        let call = Call {
            settings: Arc::clone(&self.settings),
            dialog,
            clock: TokioClock::new(),
            cancelled: cancel.clone(),
            tasks: self.tasks.clone(),
        };
        let arguments = Value::Object(arguments);
        let result = match tool {
            "create_api_key" => self.spawn(arguments, |arguments| create_key::run(call, arguments)),
            "list_targets" => self.spawn(arguments, |Nothing {}| list_targets::run(call)),
            "key_status" => self.spawn(arguments, |Nothing {}| key_status::run(call)),
            "recover_key" => self.spawn(arguments, |arguments| recover_key::run(call, arguments)),
            "doctor" => {
                let doctor = self.doctor.clone();
                self.spawn(arguments, |Nothing {}| examine(call, doctor))
            }
            _ => return Err(ErrorData::invalid_params(format!("unknown tool: {}", quote(tool, 80)), None)),
        };
        Ok(Work { events, result, cancel, signs_in: false })
    }

    /// Ends the sign-ins whose question the client has. The client may have abandoned them without a message, and
    /// there is only one callback port.
    async fn end_abandoned_sign_ins(&self) {
        let abandoned: Vec<_> = self.lock().extract_if(|_, waiting| waiting.work.signs_in).collect();
        for (_, Waiting { work, .. }) in abandoned {
            work.cancel.cancel();
            let _ = work.result.await;
        }
    }

    /// Starts a task, which continues if the client disconnects.
    fn spawn<A: DeserializeOwned, R: Serialize, F: Future<Output = Result<R, Failure>> + Send + 'static>(
        &self,
        arguments: Value,
        work: impl FnOnce(A) -> F,
    ) -> oneshot::Receiver<Result<Value, Failure>> {
        let (sender, result) = oneshot::channel();
        match serde_json::from_value(arguments) {
            Ok(arguments) => {
                let work = work(arguments);
                self.tasks.spawn(async move {
                    let value =
                        work.await.and_then(|done| serde_json::to_value(done).map_err(Failure::internal));
                    let _ = sender.send(value);
                });
            }
            Err(error) => {
                drop(sender.send(Err(Failure::usage(format!("the arguments are not valid: {error}")))))
            }
        }
        result
    }

    /// Forwards the task's messages to the client until the task is done, or until it asks a question that the client
    /// must answer in another call.
    async fn attend(&self, mut work: Work, context: &RequestContext<RoleServer>) -> CallToolResponse {
        let brings_answers =
            context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
        let mut progress =
            Progress { peer: &context.peer, token: context.meta.get_progress_token(), count: 0 };
        let mut last = "Working".to_owned();
        let clock = TokioClock::new();
        loop {
            tokio::select! {
                biased;
                () = context.ct.cancelled(), if !work.cancel.is_cancelled() => work.cancel.cancel(),
                Some(event) = work.events.recv() => match event {
                    Event::Progress(message) => {
                        progress.report(&message).await;
                        last = message;
                    }
                    Event::UrlDone(_) if brings_answers => {}
                    Event::UrlDone(id) => {
                        let params = json!({"elicitationId": id});
                        let done = CustomNotification::new("notifications/elicitation/complete", Some(params));
                        // A failure is ignored here: the reader detects that the client has disconnected.
                        let _ = context.peer.send_notification(done.into()).await;
                    }
                    Event::Question(question) if brings_answers => {
                        let Question { request, answer } = *question;
                        return self.put_aside(Waiting { work, answer }, request);
                    }
                    Event::Question(question) => {
                        self.tasks.spawn(ask(context.peer.clone(), *question));
                    }
                },
                result = &mut work.result => {
                    let internal = || Failure::new(Kind::Internal, "the work panicked", "");
                    return match result.unwrap_or_else(|_| Err(internal())) {
                        Ok(value) => CallToolResult::structured(value),
                        Err(failure) => failed(&failure),
                    }
                    .into();
                }
                () = clock.sleep(HEARTBEAT) => progress.report(&last).await,
            }
        }
    }

    /// Stores the task until the client brings the answer.
    fn put_aside(&self, waiting: Waiting, request: InputRequest) -> CallToolResponse {
        let state = match random_id() {
            Ok(state) => state,
            Err(failure) => return failed(&failure).into(),
        };
        let mut all = self.lock();
        // Removes the tasks that have ended on their own.
        all.retain(|_, waiting| !waiting.answer.is_closed());
        all.insert(state.clone(), waiting);
        let requests = BTreeMap::from([(QUESTION.to_owned(), request)]);
        InputRequiredResult::new(Some(requests), Some(state)).into()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends a question to the client, and cancels the question if the task no longer waits.
async fn ask(peer: Peer<RoleServer>, question: Question) {
    let Question { request, mut answer } = question;
    let request = match request {
        InputRequest::Elicitation(request) => ServerRequest::ElicitRequest(request),
        InputRequest::ListRoots(request) => ServerRequest::ListRootsRequest(request),
        _ => return,
    };
    let Ok(mut sent) = peer.send_cancellable_request(request, PeerRequestOptions::no_options()).await else {
        return;
    };
    tokio::select! {
        () = answer.closed() => drop(sent.cancel(Some("the answer is no longer needed".to_owned())).await),
        result = &mut sent.rx => {
            if let Ok(Ok(ClientResult::CustomResult(CustomResult(value)))) = result {
                let _ = answer.send(value);
            }
        }
    }
}

async fn examine(call: Call, doctor: mpsc::Sender<oneshot::Sender<Findings>>) -> Result<Value, Failure> {
    let (answer, findings) = oneshot::channel();
    let failed = |why: String| Failure::new(Kind::Internal, why, "");
    let examining = async {
        doctor.send(answer).await.map_err(Failure::internal)?;
        findings.await.map_err(Failure::internal)?.map_err(failed)
    };
    call.unless_cancelled(examining).await
}

/// Reports the progress of a call if the client requested it.
struct Progress<'a> {
    peer: &'a Peer<RoleServer>,
    token: Option<ProgressToken>,
    count: u32,
}

impl Progress<'_> {
    async fn report(&mut self, message: &str) {
        if let Some(token) = &self.token {
            self.count += 1;
            let progress =
                ProgressNotificationParam::new(token.clone(), f64::from(self.count)).with_message(message);
            // A failure is ignored here: the reader detects that the client has disconnected.
            let _ = self.peer.notify_progress(progress).await;
        }
    }
}

/// Returns the result of a failed call: a sentence for the user, and the kind for programs.
fn failed(failure: &Failure) -> CallToolResult {
    let mut result = CallToolResult::error(vec![ContentBlock::text(failure.to_string())]);
    let mut meta = MetaObject::new();
    meta.insert("keymint/kind".to_owned(), json!(failure.kind.name()));
    result.meta = Some(meta);
    result
}

/// Returns the tools. Their schemas are written by hand, since a generator would be larger than the rest of this
/// crate. Tests compare them with the arguments and results of the tools.
fn tools() -> Vec<Tool> {
    serde_json::from_str(include_str!("tools.json")).expect("a constant")
}
