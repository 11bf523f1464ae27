//! One request to the page's own origin.

use crate::local::local;
use crate::window;
use keymint_domain::{ServiceError, ServiceErrorKind, Step};
use serde_json::Value;
use std::time::Duration;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, Headers, ReferrerPolicy, RequestCache, RequestCredentials, RequestInit, RequestRedirect,
    Response,
};

/// A request, before it is sent.
pub(crate) struct Request {
    step: Step,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
}

impl Request {
    pub(crate) fn get(step: Step, path: String) -> Self {
        Self { step, path, headers: Vec::new(), body: None }.header("accept", "application/json")
    }

    pub(crate) fn post(step: Step, path: String, content_type: &str, body: String) -> Self {
        let body = Some(body);
        Self { body, ..Self::get(step, path) }.header("content-type", content_type)
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sends it and reads the answer, out of which `read` takes what is wanted.
    pub(crate) async fn answer<T>(self, read: impl FnOnce(&Value) -> Option<T>) -> Result<T, ServiceError> {
        let step = self.step;
        let failed = |kind: ServiceErrorKind| ServiceError::new(step, kind, kind.to_string());
        // The browser does not report whether a failed request was sent, so it may have been.
        let sent = local(async { self.fetch().await.map_err(|_| ServiceErrorKind::Interrupted) });
        let answer = sent.await.map_err(failed)?;
        if !(200..300).contains(&answer.status) {
            let FetchResponse { status, retry_after, .. } = answer;
            return Err(failed(ServiceErrorKind::Refused { status, retry_after }));
        }
        // A revocation is answered without a body.
        let body = serde_json::from_str(&answer.body).unwrap_or_default();
        read(&body).ok_or_else(|| failed(ServiceErrorKind::OutOfContract))
    }

    async fn fetch(self) -> Result<FetchResponse, JsValue> {
        let headers = Headers::new()?;
        for (name, value) in &self.headers {
            headers.append(name, value)?;
        }
        let abort = AbortOnDrop(AbortController::new()?);
        let init = RequestInit::new();
        init.set_method(if self.body.is_some() { "POST" } else { "GET" });
        init.set_headers_headers(&headers);
        init.set_body_opt_str(self.body.as_deref());
        init.set_cache(RequestCache::NoStore);
        init.set_credentials(RequestCredentials::Omit);
        init.set_redirect(RequestRedirect::Error);
        init.set_referrer_policy(ReferrerPolicy::NoReferrer);
        init.set_signal(Some(&abort.0.signal()));

        let response = JsFuture::from(window().fetch_with_str_and_init(&self.path, &init)).await?;
        let response: Response = response.dyn_into()?;
        let body = JsFuture::from(response.text()?).await?;
        let retry_after = response.headers().get("retry-after")?.and_then(|text| text.parse().ok());
        Ok(FetchResponse {
            status: response.status(),
            retry_after: retry_after.map(Duration::from_secs),
            body: body.as_string().unwrap_or_default(),
        })
    }
}

struct FetchResponse {
    status: u16,
    retry_after: Option<Duration>,
    body: String,
}

/// Ends a request whose answer nobody waits for any more.
struct AbortOnDrop(AbortController);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
