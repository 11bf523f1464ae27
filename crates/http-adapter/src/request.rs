//! One request and its answer. The only module that makes a [`ServiceError`].

use crate::body::{Body, BodyEnd, LargeBody, ends_without_content, read_body};
use crate::error_body::{self, ErrorDescription};
use crate::failure;
use crate::json::{InvalidBody, ValueEnd};
use crate::options::HttpOptions;
use crate::redact::Redactor;
use crate::retry_after::retry_after;
use keymint_domain::{AnswerEnd, Intermediary, ProxyInUse, Reason, ServiceError, ServiceErrorKind, Step};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use url::Url;

/// The default limit of an answer, in bytes.
const LONGEST_BODY: usize = 1024 * 1024;

/// A request that was not sent yet.
pub(crate) struct ApiRequest<'a> {
    request: RequestBuilder,
    longest_body: usize,
    context: ErrorContext<'a>,
}

impl<'a> ApiRequest<'a> {
    pub(crate) fn new(request: RequestBuilder, context: ErrorContext<'a>) -> Self {
        Self { request, longest_body: LONGEST_BODY, context }
    }

    /// Authorizes the request (RFC 6750 section 2.1) and keeps the token out of every error text.
    pub(crate) fn bearer(mut self, token: &str) -> Self {
        self.context.redactor.learn(token);
        self.request = self.request.bearer_auth(token);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn form(mut self, fields: &[(&str, &str)]) -> Self {
        self.request = self.request.form(fields);
        self
    }

    pub(crate) fn json(mut self, body: &impl Serialize) -> Self {
        self.request = self.request.json(body);
        self
    }

    /// Sets the limit of the answer, in bytes.
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

    /// The same, and returns the end of the answer. The answer to a creation is parsed as soon as its JSON object
    /// is complete: the rest is left to the returned end.
    pub(crate) async fn send_with_end<T>(
        self,
        read: impl FnOnce(&[u8]) -> Result<T, InvalidBody>,
    ) -> Result<(T, AnswerEnd), ServiceError> {
        use Intermediary::{CaptivePortal, Challenge, Proxy};
        use ServiceErrorKind::{Intercepted, Interrupted, OutOfContract};
        let Self { request, longest_body, context } = self;
        let mut response = request.send().await.map_err(|error| context.transport(error))?;
        let status = response.status();
        let log = |response: &Response, body| {
            if let Some(log) = &context.options.answer_log {
                log.add(context.step, status, response.headers(), body);
            }
        };
        let creates = context.step.creates_key();
        let failure = failure(&response);
        let is_success = match failure {
            // A key in a success counts. The header alone proves nothing then.
            Intercepted { by: Challenge, .. } => creates && status.is_success(),
            Intercepted { .. } => false,
            _ => status.is_success(),
        };
        if let Intercepted { by: by @ (Challenge | Proxy | CaptivePortal), .. } = failure
            && !is_success
        {
            // The header or status proves that the server did not get the request, so the body does not
            // matter.
            log(&response, None);
            return Err(context.intercepted(by, status));
        }
        // Whatever the answer calls itself: a key in it counts, and its end may never come.
        let object = (creates && status.is_success()).then(ValueEnd::default);
        let Body { bytes, end, large: _large } =
            read_body(&mut response, longest_body, object, context.large_body).await;
        log(&response, bytes.as_ref().map(|bytes| bytes.as_slice()));
        let Some(body) = bytes else {
            let kind = if status.is_success() {
                OutOfContract
            } else if status.is_client_error() {
                // This status means that nothing was done, which only a whole answer may prove.
                Interrupted
            } else {
                failure
            };
            return Err(context.answer(kind, status, &format!("with more than {longest_body} bytes")));
        };
        if let BodyEnd::Cut(error) = end {
            // What the answer issued is kept all the same.
            let _ = read(&body);
            return Err(context.transport(error));
        }
        if !status.is_success() {
            return Err(context.refused(failure, &response, &body));
        }
        let parsed = read(&body);
        // A created key is never given up for an error beside it, or the type of the body.
        let is_key = creates && parsed.is_ok();
        if !is_key && (!is_success || error_body::has_error(&body)) {
            return Err(context.refused(failure, &response, &body));
        }
        let parsed = parsed.map_err(|InvalidBody(why)| {
            context.answer(OutOfContract, status, &format!("but not as agreed: {why}"))
        })?;
        let end = match end {
            BodyEnd::Ahead => AnswerEnd::after(ends_without_content(response)),
            _ => AnswerEnd::default(),
        };
        Ok((parsed, end))
    }

    /// Sends the request once, without a secret in it, to learn whether the server itself answers. Its
    /// refusal is an answer as well, unless it is that of the country, and so is a web page for a resource
    /// that it does not have.
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

/// The kind of failure that a complete answer is, if it is one.
fn failure(response: &Response) -> ServiceErrorKind {
    let status = response.status().as_u16();
    match intermediary(response) {
        Some(by) => ServiceErrorKind::Intercepted { by, status },
        None => ServiceErrorKind::Refused { status, retry_after: retry_after(response.headers()) },
    }
}

/// The intermediary that gave this answer, as far as it is known. A web page with a status that asks to
/// retry is a refusal: the platform's own gateways answer like that.
fn intermediary(response: &Response) -> Option<Intermediary> {
    let (status, headers) = (response.status(), response.headers());
    let asks_to_retry = matches!(status.as_u16(), 408 | 425 | 429 | 500..=599);
    if headers.get("cf-mitigated").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"challenge")) {
        Some(Intermediary::Challenge)
    } else if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        Some(Intermediary::Proxy)
    } else if status == StatusCode::NETWORK_AUTHENTICATION_REQUIRED {
        Some(Intermediary::CaptivePortal)
    } else if error_body::redirect_host(response).is_some() {
        Some(Intermediary::Redirect)
    } else if error_body::is_web_page(headers) && !asks_to_retry {
        Some(Intermediary::WebPage)
    } else {
        None
    }
}

/// The parts of a request that go into the text of its error.
pub(crate) struct ErrorContext<'a> {
    pub(crate) redactor: &'a Redactor,
    pub(crate) options: &'a HttpOptions,
    pub(crate) large_body: &'a LargeBody,
    pub(crate) step: Step,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) proxy: Option<ProxyInUse>,
}

impl ErrorContext<'_> {
    fn transport(&self, error: reqwest::Error) -> ServiceError {
        let (kind, words) = failure::failure(error, &self.url, self.redactor, self.options);
        self.error(kind, &words)
    }

    fn refused(&self, failure: ServiceErrorKind, response: &Response, body: &[u8]) -> ServiceError {
        let ErrorDescription { words, code, error_type, is_own_form } =
            error_body::describe(response, body, self.redactor);
        let kind = match failure {
            // A status that asks to retry means the same from any sender.
            kind @ ServiceErrorKind::Refused { status: status @ 400..=499, .. }
                if !is_own_form && !kind.is_transient() =>
            {
                ServiceErrorKind::Unidentified { status }
            }
            kind => kind,
        };
        let status = in_words(response.status());
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
        ServiceError::new(*step, kind, format!("{method} {url}: {words}")).with_proxy(proxy.clone())
    }
}

/// The status with its registered reason phrase, never the one that the server sent.
fn in_words(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}
