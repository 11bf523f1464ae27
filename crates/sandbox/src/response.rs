//! The HTTP responses of the sandbox.

use serde_json::{Value, json};

/// A response before it is encoded as bytes.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let response = Self { body: body.to_string().into_bytes(), ..Self::empty(status) };
        response.with("content-type", "application/json").with("cache-control", "no-store")
    }

    /// Returns an error in the platform's format.
    pub(crate) fn api_error(status: u16, code: &str, message: &str) -> Self {
        let kind = if status == 401 { "authentication_error" } else { "invalid_request_error" };
        Self::error(status, kind, Some(code), message)
    }

    /// Returns an error with this type and code.
    pub(crate) fn error(status: u16, kind: &str, code: Option<&str>, message: &str) -> Self {
        Self::json(status, &error_body(kind, code, message))
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// Returns an error in the platform's format.
pub(crate) fn error_body(kind: &str, code: Option<&str>, message: &str) -> Value {
    json!({ "error": { "message": message, "type": kind, "param": null, "code": code } })
}

/// A response that refuses a request, and the rule that the request broke, if any.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) response: Response,
    pub(crate) violation: Option<String>,
}

impl Refusal {
    /// Refuses a request that broke no rule: an id may no longer exist.
    pub(crate) fn innocent(response: Response) -> Self {
        Self { response, violation: None }
    }

    pub(crate) fn violation(response: Response, violation: impl Into<String>) -> Self {
        Self { response, violation: Some(violation.into()) }
    }
}
