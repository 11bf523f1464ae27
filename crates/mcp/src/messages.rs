//! The messages of the protocol, one in each line.
//!
//! A message is first parsed as JSON. Only the methods that this server supports become typed requests. The parser of
//! the SDK would try each message type of the protocol on each line, and is larger than the rest of this crate.

use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequest, CancelledNotification, ClientJsonRpcMessage, ClientNotification, ClientRequest,
    ClientResult, CustomRequest, CustomResult, DiscoverRequest, DiscoverRequestParams, GetMeta,
    InitializeRequest, JsonObject, JsonRpcMessage, ListToolsRequest, PingRequest, RequestId,
    RequestMetaObject, ServerJsonRpcMessage, ServerNotification, ServerRequest, ServerResult,
};
use rmcp::transport::Transport;
use serde_json::{Value, from_slice, from_value, json, to_value};
use std::future::Future;
use std::io;
use std::mem;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// The maximum length of a message, in bytes. A longer one is discarded.
const LONGEST_MESSAGE: usize = 1024 * 1024;

/// The byte order mark with which some programs begin a stream (RFC 8259 section 8.1).
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The two streams of a client, read and written as messages.
pub(crate) struct Messages<R, W> {
    reader: BufReader<R>,
    /// The part of the line that was read so far. It stays here if the read is interrupted.
    line: Vec<u8>,
    /// True if the line is too long, so that the rest of it is discarded.
    discards: bool,
    /// `None` after the stream was closed.
    writer: Arc<Mutex<Option<W>>>,
    /// Cancelled at the end of the input, or if writing fails: the client has disconnected then.
    gone: CancellationToken,
}

/// The reason why the parameters of a request are invalid, as an extension of the request.
#[derive(Debug, Clone)]
pub(crate) struct InvalidParams(pub(crate) String);

impl<R: AsyncRead + Unpin, W> Messages<R, W> {
    pub(crate) fn new(reader: R, writer: W, gone: CancellationToken) -> Self {
        let writer = Arc::new(Mutex::new(Some(writer)));
        Self { reader: BufReader::new(reader), line: Vec::new(), discards: false, writer, gone }
    }

    /// Reads the next line that is not too long. Returns false at the end of the input.
    async fn read_line(&mut self) -> io::Result<bool> {
        loop {
            let room = LONGEST_MESSAGE + 1 - self.line.len();
            let mut reader = (&mut self.reader).take(room as u64);
            if reader.read_until(b'\n', &mut self.line).await? == 0 {
                return Ok(false);
            }
            if self.line.ends_with(b"\n") {
                if !mem::take(&mut self.discards) {
                    return Ok(true);
                }
                self.line.clear();
            } else if self.line.len() > LONGEST_MESSAGE {
                self.discards = true;
                self.line.clear();
            }
        }
    }
}

impl<R: AsyncRead + Unpin + Send, W: AsyncWrite + Unpin + Send + 'static> Transport<RoleServer>
    for Messages<R, W>
{
    type Error = io::Error;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let (writer, gone) = (Arc::clone(&self.writer), self.gone.clone());
        async move {
            let line = format!("{}\n", json_of(message)?);
            let mut writer = writer.lock().await;
            let writer = writer.as_mut().ok_or(io::ErrorKind::NotConnected)?;
            let writing = async {
                writer.write_all(line.as_bytes()).await?;
                writer.flush().await
            };
            writing.await.inspect_err(|_| gone.cancel())
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        while matches!(self.read_line().await, Ok(true)) {
            let message = read(&self.line);
            self.line.clear();
            if message.is_some() {
                return message;
            }
        }
        self.gone.cancel();
        None
    }

    async fn close(&mut self) -> io::Result<()> {
        // A client that does not read may block a message, but not the end of the server.
        if let Ok(mut writer) = self.writer.try_lock() {
            drop(writer.take());
        }
        Ok(())
    }
}

/// Parses the message of a line. Returns `None` for a line without a valid message, and for a notification without
/// effect.
fn read(line: &[u8]) -> Option<ClientJsonRpcMessage> {
    let mut message: JsonObject = from_slice(line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line)).ok()?;
    let id = message.remove("id").map(from_value::<RequestId>);
    let Some(method) = message.remove("method") else {
        let id = id?.ok()?;
        return match (message.remove("result"), message.remove("error")) {
            (Some(result), None) => {
                Some(JsonRpcMessage::response(ClientResult::CustomResult(CustomResult(result)), id))
            }
            (None, Some(error)) => {
                Some(JsonRpcMessage::error(from_value(error).unwrap_or_default(), Some(id)))
            }
            _ => None,
        };
    };
    let params = message.remove("params").unwrap_or_else(|| json!({}));
    match (method, id) {
        (Value::String(method), Some(id)) => {
            Some(JsonRpcMessage::request(request(&method, params), id.ok()?))
        }
        (Value::String(method), None) => Some(JsonRpcMessage::notification(notification(&method, params)?)),
        _ => None,
    }
}

fn request(method: &str, mut params: Value) -> ClientRequest {
    let meta = params.as_object_mut().and_then(|params| params.remove("_meta"));
    let mut request = typed_request(method, params).unwrap_or_else(|error| {
        let mut request = CustomRequest::new(method, None);
        request.extensions.insert(InvalidParams(error.to_string()));
        request.into()
    });
    if let Some(Value::Object(meta)) = meta {
        *request.get_meta_mut() = RequestMetaObject::from(meta);
    }
    request
}

fn typed_request(method: &str, params: Value) -> serde_json::Result<ClientRequest> {
    Ok(match method {
        "initialize" => InitializeRequest::new(from_value(params)?).into(),
        "ping" => PingRequest::default().into(),
        "server/discover" => DiscoverRequest::new(DiscoverRequestParams::default()).into(),
        "tools/call" => CallToolRequest::new(from_value(params)?).into(),
        // All tools are on one page.
        "tools/list" => ListToolsRequest::default().into(),
        _ => CustomRequest::new(method, None).into(),
    })
}

/// Parses the only notification that the SDK needs.
fn notification(method: &str, params: Value) -> Option<ClientNotification> {
    let cancelled = method == "notifications/cancelled";
    cancelled
        .then(|| from_value(params).ok().map(|params| CancelledNotification::new(params).into()))
        .flatten()
}

/// Returns a message as JSON if this server sends messages of its kind.
fn json_of(message: ServerJsonRpcMessage) -> io::Result<Value> {
    let (id, mut json) = match message {
        JsonRpcMessage::Request(message) => (Some(message.id), request_json(message.request)?),
        JsonRpcMessage::Notification(message) => (None, notification_json(message.notification)?),
        JsonRpcMessage::Response(message) => {
            (Some(message.id), json!({"result": result_json(message.result)?}))
        }
        JsonRpcMessage::Error(message) => (message.id, json!({"error": to_value(message.error)?})),
    };
    json["jsonrpc"] = "2.0".into();
    if let Some(id) = id {
        json["id"] = id.into_json_value();
    }
    Ok(json)
}

fn request_json(request: ServerRequest) -> io::Result<Value> {
    Ok(match request {
        ServerRequest::ElicitRequest(request) => to_value(request)?,
        ServerRequest::ListRootsRequest(request) => to_value(request)?,
        _ => return Err(io::ErrorKind::Unsupported.into()),
    })
}

fn notification_json(notification: ServerNotification) -> io::Result<Value> {
    Ok(match notification {
        ServerNotification::CancelledNotification(notification) => to_value(notification)?,
        ServerNotification::CustomNotification(notification) => to_value(notification)?,
        ServerNotification::ProgressNotification(notification) => to_value(notification)?,
        _ => return Err(io::ErrorKind::Unsupported.into()),
    })
}

fn result_json(result: ServerResult) -> io::Result<Value> {
    Ok(match result {
        ServerResult::CallToolResult(result) => to_value(result)?,
        ServerResult::DiscoverResult(result) => to_value(result)?,
        ServerResult::EmptyResult(result) => to_value(result)?,
        ServerResult::InitializeResult(result) => to_value(result)?,
        ServerResult::InputRequiredResult(result) => to_value(result)?,
        ServerResult::ListToolsResult(result) => to_value(result)?,
        _ => return Err(io::ErrorKind::Unsupported.into()),
    })
}
