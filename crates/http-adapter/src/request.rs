//! One request and its answer. Only this module creates a [`ServiceError`].

use crate::answer_log::AnswerLog;
use crate::body::{Body, BodyEnd, LargeBody, ends_without_content, read_body};
use crate::error_body::{self, ErrorDescription, Head};
use crate::json::{InvalidBody, ValueEnd};
use crate::redact::Redactor;
use crate::retry_after::retry_after;
use crate::transport::{Request, Response, Transport, TransportError};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use keymint_domain::{AnswerEnd, Intermediary, ProxyInUse, Reason, ServiceError, ServiceErrorKind, Step};
use serde::Serialize;
use url::Url;
use url::form_urlencoded::Serializer;
use zeroize::Zeroizing;

/// The default maximum size of an answer, in bytes.
const LONGEST_BODY: usize = 1024 * 1024;

/// The maximum length of a quoted cause, in characters. The server controls a part of the text, such as the names in
/// a certificate.
pub(crate) const LONGEST_CAUSE: usize = 300;

/// A request that has not been sent.
pub(crate) struct ApiRequest<'a> {
    request: Request,
    transport: &'a dyn Transport,
    longest_body: usize,
    context: ErrorContext<'a>,
}

impl<'a> ApiRequest<'a> {
    pub(crate) fn new(transport: &'a dyn Transport, context: ErrorContext<'a>) -> Self {
        let request = Request::new(context.method.clone(), context.url.clone());
        Self { request, transport, longest_body: LONGEST_BODY, context }
    }

    /// Authorizes the request (RFC 6750 section 2.1) and keeps the token out of every error text.
    pub(crate) fn bearer(mut self, token: &str) -> Self {
        self.context.redactor.learn(token);
        let text = Zeroizing::new(format!("Bearer {token}"));
        let mut value = HeaderValue::from_str(&text).expect("a token has only printable ASCII characters");
        value.set_sensitive(true);
        self.request.headers.insert(AUTHORIZATION, value);
        self
    }

    /// Adds a header whose value is an id.
    pub(crate) fn header(mut self, name: &'static str, id: &str) -> Self {
        let value = HeaderValue::from_str(id).expect("an id has only printable ASCII characters");
        self.request.headers.insert(HeaderName::from_static(name), value);
        self
    }

    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        let form = Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body("application/x-www-form-urlencoded", form.into_bytes())
    }

    pub(crate) fn json(self, body: &impl Serialize) -> Self {
        self.body("application/json", serde_json::to_vec(body).expect("texts and numbers are JSON"))
    }

    fn body(mut self, content_type: &'static str, body: Vec<u8>) -> Self {
        self.request.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.request.body = Some(body);
        self
    }

    /// Sets the maximum size of the answer, in bytes.
    pub(crate) fn allow_bytes(mut self, longest: usize) -> Self {
        self.longest_body = longest;
        self
    }

    /// Sends the request once, and parses a successful answer with `read`.
    pub(crate) async fn send<T>(
        self,
        read: impl FnOnce(&[u8]) -> Result<T, InvalidBody>,
    ) -> Result<T, ServiceError> {
        self.send_with_end(read).await.map(|(parsed, _)| parsed)
    }

    /// Sends the request once, and returns the end of the answer as well. The answer to a creation is parsed as soon
    /// as its JSON object is complete, and its end has not been read then.
    pub(crate) async fn send_with_end<T>(
        self,
        read: impl FnOnce(&[u8]) -> Result<T, InvalidBody>,
    ) -> Result<(T, AnswerEnd), ServiceError> {
        use Intermediary::{CaptivePortal, Challenge, Proxy};
        use ServiceErrorKind::{Intercepted, Interrupted, OutOfContract};
        let Self { request, transport, longest_body, context } = self;
        let response = transport.send(request).await.map_err(|error| context.transport(error))?;
        let announced = response.announced_length();
        let Response { status, headers, body: mut unread } = response;
        let head = Head { status, headers: &headers, url: &context.url };
        let log = |body| {
            if let Some(log) = context.answer_log {
                log.add(context.step, status, head.headers, body);
            }
        };
        let creates = context.step.creates_key();
        let failure = failure(head);
        let is_success = match failure {
            // A key in a 2xx answer counts. There, the header alone proves nothing.
            Intercepted { by: Challenge, .. } => creates && status.is_success(),
            Intercepted { .. } => false,
            _ => status.is_success(),
        };
        if let Intercepted { by: by @ (Challenge | Proxy | CaptivePortal), .. } = failure
            && !is_success
        {
            // The header or the status proves that the server did not receive the request, so the body does not
            // matter.
            log(None);
            return Err(context.intercepted(by, status));
        }
        // Read as JSON whatever its content type: a key in the answer counts, and the end may never come.
        let object = (creates && status.is_success()).then(ValueEnd::default);
        let Body { bytes, end, large: _large } =
            read_body(&mut *unread, announced, longest_body, object, context.large_body).await;
        log(bytes.as_ref().map(|bytes| bytes.as_slice()));
        let Some(body) = bytes else {
            let kind = if status.is_success() {
                OutOfContract
            } else if status.is_client_error() {
                // The status means that the server did nothing, but only a complete answer proves that.
                Interrupted
            } else {
                failure
            };
            return Err(context.answer(kind, status, &format!("with more than {longest_body} bytes")));
        };
        if let BodyEnd::Cut(error) = end {
            // Keeps a token that the incomplete answer contains.
            let _ = read(&body);
            return Err(context.transport(error));
        }
        if !status.is_success() {
            return Err(context.refused(failure, head, &body));
        }
        let parsed = read(&body);
        // A created key is used even if the answer also has an error or another content type.
        let is_key = creates && parsed.is_ok();
        if !is_key && (!is_success || error_body::has_error(&body)) {
            return Err(context.refused(failure, head, &body));
        }
        let parsed = parsed.map_err(|InvalidBody(why)| {
            context.answer(OutOfContract, status, &format!("with an unexpected body: {why}"))
        })?;
        let end = match end {
            BodyEnd::Ahead => AnswerEnd::after(ends_without_content(unread)),
            _ => AnswerEnd::default(),
        };
        Ok((parsed, end))
    }

    /// Sends the request once, without a secret, to check that the server itself answers. A refusal is also an
    /// answer, except a refusal of the country. A 4xx web page is also an answer.
    pub(crate) async fn check_answer(self) -> Result<(), ServiceError> {
        use ServiceErrorKind::{Intercepted, OutOfContract, Refused, Unidentified};
        let Err(error) = self.send(|_| Ok(())).await else { return Ok(()) };
        match error.kind {
            Refused { .. } | Unidentified { .. } if error.reason() == Reason::Country => Err(error),
            Refused { .. } | Unidentified { .. } | OutOfContract => Ok(()),
            Intercepted { by: Intermediary::WebPage, status: 400..=499 } => Ok(()),
            _ => Err(error),
        }
    }
}

/// Returns the kind of failure that the answer is if it does not count as a success.
fn failure(head: Head<'_>) -> ServiceErrorKind {
    let status = head.status.as_u16();
    match intermediary(head) {
        Some(by) => ServiceErrorKind::Intercepted { by, status },
        None => ServiceErrorKind::Refused { status, retry_after: retry_after(head.headers) },
    }
}

/// Returns the intermediary that sent this answer, if the answer shows one. A web page whose status permits a retry
/// is a refusal: the platform's own gateways send such pages.
fn intermediary(head: Head<'_>) -> Option<Intermediary> {
    let Head { status, headers, .. } = head;
    let asks_to_retry = matches!(status.as_u16(), 408 | 425 | 429 | 500..=599);
    if headers.get("cf-mitigated").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"challenge")) {
        Some(Intermediary::Challenge)
    } else if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        Some(Intermediary::Proxy)
    } else if status == StatusCode::NETWORK_AUTHENTICATION_REQUIRED {
        Some(Intermediary::CaptivePortal)
    } else if error_body::redirect_host(head).is_some() {
        Some(Intermediary::Redirect)
    } else if error_body::is_web_page(headers) && !asks_to_retry {
        Some(Intermediary::WebPage)
    } else {
        None
    }
}

/// The parts of a request that the text of its error contains.
pub(crate) struct ErrorContext<'a> {
    pub(crate) redactor: &'a Redactor,
    pub(crate) answer_log: Option<&'a AnswerLog>,
    pub(crate) large_body: &'a LargeBody,
    pub(crate) step: Step,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) proxy: Option<&'a ProxyInUse>,
}

impl ErrorContext<'_> {
    fn transport(&self, TransportError { kind, mut words, cause }: TransportError) -> ServiceError {
        if let Some(cause) = cause {
            words += &format!(": {}", self.redactor.clean(&cause, LONGEST_CAUSE));
        }
        self.error(kind, &words)
    }

    fn refused(&self, failure: ServiceErrorKind, head: Head<'_>, body: &[u8]) -> ServiceError {
        let ErrorDescription { words, code, error_type, is_own_form } =
            error_body::describe(head, body, self.redactor);
        let kind = match failure {
            // A status that permits a retry means the same from any sender.
            kind @ ServiceErrorKind::Refused { status: status @ 400..=499, .. }
                if !is_own_form && !kind.is_transient() =>
            {
                ServiceErrorKind::Unidentified { status }
            }
            kind => kind,
        };
        let status = in_words(head.status);
        let error = self.error(kind, &format!("answered {status}{words}"));
        error.with_code(&code.unwrap_or_default()).with_error_type(&error_type.unwrap_or_default())
    }

    fn intercepted(&self, by: Intermediary, status: StatusCode) -> ServiceError {
        let kind = ServiceErrorKind::Intercepted { by, status: status.as_u16() };
        let words = match by {
            Intermediary::Challenge => "with a challenge that only a browser can pass",
            _ => "in place of the server",
        };
        self.answer(kind, status, words)
    }

    fn answer(&self, kind: ServiceErrorKind, status: StatusCode, words: &str) -> ServiceError {
        self.error(kind, &format!("answered {} {words}", in_words(status)))
    }

    fn error(&self, kind: ServiceErrorKind, words: &str) -> ServiceError {
        let Self { step, method, url, proxy, .. } = self;
        let mut url = url.clone();
        url.set_query(None);
        ServiceError::new(*step, kind, format!("{method} {url}: {words}")).with_proxy(proxy.cloned())
    }
}

/// Returns the status with its registered reason phrase, never the one that the server sent.
fn in_words(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}
