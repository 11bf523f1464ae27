//! Errors, as JSON for JavaScript.

use keymint_domain::text::with_causes;
use keymint_domain::{
    AuthorizationError, Candidate, FailureKind, ProvisionError, ServiceError, ServiceErrorKind, Stray,
    TargetError,
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::error::Error;
use wasm_bindgen::JsValue;

/// An error with facts about it.
pub(crate) struct Failure(Map<String, Value>);

impl Failure {
    fn new(kind: &str, exit_code: u8, message: impl Into<String>) -> Self {
        let mut facts = Map::new();
        facts.insert("kind".to_owned(), kind.into());
        facts.insert("exitCode".to_owned(), exit_code.into());
        facts.insert("message".to_owned(), message.into().into());
        Self(facts)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new("usage", 2, message)
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Internal.name(), FailureKind::Internal.exit_code(), message)
    }

    pub(crate) fn cancelled() -> Self {
        Self::new("cancelled", 130, "the call was aborted, and no key was created")
    }

    /// Creates the error for a text that is not the response. The sign-in continues.
    pub(crate) fn stray(stray: Stray) -> Self {
        let (name, message) = match stray {
            Stray::OtherPath => ("other_path", "the URL has another path than the redirect URI"),
            Stray::ForeignState => ("foreign_state", "the URL is not the response to this sign-in"),
            _ => ("bad_query", "the URL cannot be read: it is incomplete, or has invalid characters"),
        };
        Self::new("stray", 4, message).with("stray", name)
    }

    fn of(kind: FailureKind, error: &dyn Error) -> Self {
        Self::new(kind.name(), kind.exit_code(), with_causes(error))
    }

    fn with(mut self, name: &str, value: impl Serialize) -> Self {
        self.0.insert(name.to_owned(), json!(value));
        self
    }

    fn with_service(self, error: &ServiceError) -> Self {
        let failure = self.with("step", error.step.name());
        match error.kind {
            ServiceErrorKind::Refused { status, retry_after } => failure
                .with("status", status)
                .with("retryAfter", retry_after.map(|wait| wait.as_millis() as f64)),
            ServiceErrorKind::Unidentified { status } | ServiceErrorKind::Intercepted { status, .. } => {
                failure.with("status", status)
            }
            _ => failure,
        }
    }
}

impl From<AuthorizationError> for Failure {
    fn from(error: AuthorizationError) -> Self {
        let failure = Self::of(FailureKind::SignInRefused, &error);
        match error {
            AuthorizationError::Denied { error, .. } => failure.with("error", error),
            _ => failure,
        }
    }
}

impl From<ProvisionError> for Failure {
    fn from(error: ProvisionError) -> Self {
        let failure = Self::of(error.failure_kind(), &error);
        let failure = match error.reason() {
            Some(reason) => failure.with("reason", reason.name()),
            None => failure,
        };
        match error {
            ProvisionError::Service(error) => failure.with_service(&error),
            ProvisionError::OutcomeUnknown { target, key_name, cause } => {
                failure.with_service(&cause).with("target", target).with("keyName", key_name)
            }
            ProvisionError::Target(
                TargetError::NoSuchTarget { choices, .. }
                | TargetError::Ambiguous { choices, .. }
                | TargetError::NoDefaultProject { choices, .. },
            ) => failure.with("choices", choices.iter().map(choice).collect::<Vec<_>>()),
            _ => failure,
        }
    }
}

impl From<Failure> for JsValue {
    fn from(Failure(facts): Failure) -> Self {
        Value::Object(facts).to_string().into()
    }
}

fn choice(Candidate { organization, project, .. }: &Candidate) -> Value {
    json!({ "organization": organization, "project": project })
}
