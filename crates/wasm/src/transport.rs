//! Requests through the caller's `fetch`.

use crate::host::{Host, HostResponse};
use crate::local::{AbortOnDrop, local};
use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::{StatusCode, header};
use js_sys::{Array, Reflect, Uint8Array};
use keymint_domain::{ConnectFailure, Intermediary, ServiceErrorKind};
use keymint_http_adapter::{Request, Response, ResponseBody, Transport, TransportError};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Headers, ReadableStreamDefaultReader, ReferrerPolicy, RequestCache, RequestCredentials, RequestInit,
    RequestRedirect,
};

/// The caller's `fetch`.
pub(crate) struct Fetch(pub(crate) Host);

#[async_trait]
impl Transport for Fetch {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let host = self.0.clone();
        local(fetch(host, request)).await
    }
}

async fn fetch(host: Host, mut request: Request) -> Result<Response, TransportError> {
    let abort = AbortOnDrop::new();
    request.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    // A browser replaces it with its own.
    request.headers.insert(USER_AGENT, HeaderValue::from_static(keymint_http_adapter::USER_AGENT));
    let init = init(&request).map_err(|error| failure(&error))?;
    init.set_signal(Some(&abort.0.signal()));
    let response = JsFuture::from(host.fetch(request.url.as_str(), &init)).await;
    let response: HostResponse = response.map_err(|error| failure(&error))?.unchecked_into();
    if response.kind().as_deref() == Some("opaqueredirect") {
        // A browser hides the status and the target of a redirect.
        let kind = ServiceErrorKind::Intercepted { by: Intermediary::Redirect, status: 302 };
        return Err(TransportError::new(kind, "answered with a redirect, which is not followed"));
    }
    let status = StatusCode::from_u16(response.status())
        .map_err(|_| TransportError::new(ServiceErrorKind::OutOfContract, "answered without a status"))?;
    let body = Box::new(Body { reader: response.reader(), _abort: abort });
    Ok(Response { status, headers: headers(&response.headers()), body })
}

fn init(request: &Request) -> Result<RequestInit, JsValue> {
    let headers = Headers::new()?;
    for (name, value) in &request.headers {
        headers.append(name.as_str(), value.to_str().expect("each value is text"))?;
    }
    let init = RequestInit::new();
    init.set_method(request.method.as_str());
    init.set_headers_headers(&headers);
    if let Some(body) = &request.body {
        init.set_body_opt_str(Some(str::from_utf8(body).expect("each body is text")));
    }
    init.set_cache(RequestCache::NoStore);
    init.set_credentials(RequestCredentials::Omit);
    init.set_redirect(RequestRedirect::Manual);
    init.set_referrer_policy(ReferrerPolicy::NoReferrer);
    Ok(init)
}

fn headers(from: &Array) -> HeaderMap {
    let entries = from.iter().filter_map(|entry| {
        let entry: Array = entry.unchecked_into();
        let name: HeaderName = entry.get(0).as_string()?.parse().ok()?;
        let value: HeaderValue = entry.get(1).as_string()?.parse().ok()?;
        // `Content-Length` is the length before decompression.
        (name != header::CONTENT_LENGTH).then_some((name, value))
    });
    entries.collect()
}

/// The body of a response. Dropping it cancels the body.
struct Body {
    /// `None` if the response has no body.
    reader: Option<ReadableStreamDefaultReader>,
    _abort: AbortOnDrop,
}

#[async_trait]
impl ResponseBody for Body {
    async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        let Some(reader) = self.reader.clone() else { return Ok(None) };
        local(async move {
            let result = JsFuture::from(reader.read()).await.map_err(|error| cut(&error))?;
            let chunk = Reflect::get(&result, &"value".into()).unwrap_or_default();
            if chunk.is_undefined() {
                return Ok(None);
            }
            match chunk.dyn_into::<Uint8Array>() {
                Ok(chunk) => Ok(Some(chunk.to_vec().into())),
                Err(_) => Err(TransportError::new(ServiceErrorKind::Interrupted, TransportError::CUT)
                    .because("a part of it is not bytes")),
            }
        })
        .await
    }
}

/// Translates the reason with which `fetch` rejected.
///
/// A browser does not report whether the request was sent, so it counts as sent. Node reports it by the code of the
/// cause.
fn failure(error: &JsValue) -> TransportError {
    let error =
        &Reflect::get(error, &"cause".into()).ok().filter(JsValue::is_object).unwrap_or(error.clone());
    let text = |name: &str| Reflect::get(error, &name.into()).ok()?.as_string();
    let code = text("code").unwrap_or_default();
    let is_connecting = text("syscall").is_some_and(|call| call == "connect");
    let (failure, words) = match &*code {
        "ENOTFOUND" | "EAI_AGAIN" => (ConnectFailure::Dns, "could not resolve the server's host name"),
        "ECONNREFUSED" | "EHOSTUNREACH" | "ENETUNREACH" | "EADDRNOTAVAIL" => {
            (ConnectFailure::Connect, "could not connect")
        }
        "ETIMEDOUT" if is_connecting => (ConnectFailure::TimedOut, "no connection in time"),
        "UND_ERR_CONNECT_TIMEOUT" => (ConnectFailure::TimedOut, "no connection in time"),
        _ if is_distrust(&code) => (ConnectFailure::Tls, "the certificate of the server is not trusted"),
        _ => return cut(error),
    };
    TransportError::new(ServiceErrorKind::NotSent(failure), words)
        .because(text("message").unwrap_or_default())
}

/// Returns whether Node rejected a certificate, by the names of OpenSSL's verification errors.
fn is_distrust(code: &str) -> bool {
    let begins = |start| code.starts_with(start);
    begins("CERT_") || begins("UNABLE_TO_") || begins("ERR_TLS_CERT_") || code.contains("SELF_SIGNED_CERT")
}

fn cut(error: &JsValue) -> TransportError {
    let cause = Reflect::get(error, &"message".into()).ok().and_then(|message| message.as_string());
    TransportError::new(ServiceErrorKind::Interrupted, TransportError::CUT)
        .because(cause.unwrap_or_else(|| "unknown cause".to_owned()))
}
