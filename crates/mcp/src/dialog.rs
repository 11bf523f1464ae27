//! The questions to the client and its user during a call, and the progress of the call.

#![expect(deprecated, reason = "clients have roots, and roots have no successor")]

use keymint_domain::Url;
use keymint_tokio_clock::TokioClock;
use rmcp::model::{
    ClientCapabilities, ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction,
    ElicitationSchema, InputRequest, ListRootsRequest, ListRootsResult,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// The form field with which the user agrees.
const AGREES: &str = "agree";

/// The sender of questions and progress to the client of a call.
#[derive(Debug, Clone)]
pub(crate) struct Dialog {
    events: mpsc::UnboundedSender<Event>,
    client: Features,
    patience: Duration,
}

/// The capabilities of a client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Features {
    pub(crate) forms: bool,
    pub(crate) urls: bool,
    pub(crate) roots: bool,
}

/// A message from a tool's task to its client.
#[derive(Debug)]
pub(crate) enum Event {
    Progress(String),
    /// The URL with this id is no longer needed.
    UrlDone(String),
    Question(Box<Question>),
}

/// A request to the client. Dropping the sender means that there is no answer.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) request: InputRequest,
    pub(crate) answer: oneshot::Sender<Value>,
}

/// The answer to a question with yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
    /// The client cannot ask, or the user did not answer.
    Missing,
}

impl Features {
    pub(crate) fn of(capabilities: Option<&ClientCapabilities>) -> Self {
        let Some(capabilities) = capabilities else { return Self::default() };
        let elicitation = capabilities.elicitation.as_ref();
        let urls = elicitation.is_some_and(|elicitation| elicitation.url.is_some());
        // A client that names no mode supports the older one, forms.
        let forms = elicitation.is_some_and(|elicitation| elicitation.form.is_some() || !urls);
        Self { forms, urls, roots: capabilities.roots.is_some() }
    }
}

impl Dialog {
    pub(crate) fn new(client: Features, patience: Duration) -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (events, receiver) = mpsc::unbounded_channel();
        (Self { events, client, patience }, receiver)
    }

    /// Reports progress to the client.
    pub(crate) fn progress(&self, message: impl Into<String>) {
        let _ = self.events.send(Event::Progress(message.into()));
    }

    /// Returns whether the client can show a URL to the user.
    pub(crate) fn can_show_urls(&self) -> bool {
        self.client.urls
    }

    /// Asks the client to show a URL to the user, who may refuse to open it.
    pub(crate) async fn show_url(&self, message: String, url: &Url, id: String) -> Answer {
        let params = ElicitRequestParams::UrlElicitationParams {
            meta: None,
            message,
            url: url.to_string(),
            elicitation_id: id,
        };
        match self.elicit(params).await.map(|result| result.action) {
            Some(ElicitationAction::Accept) => Answer::Yes,
            Some(_) => Answer::No,
            None => Answer::Missing,
        }
    }

    /// Notifies the client that the URL with this id is no longer needed.
    pub(crate) fn url_done(&self, id: String) {
        let _ = self.events.send(Event::UrlDone(id));
    }

    /// Asks the user to confirm. Only an explicit agreement counts as yes.
    pub(crate) async fn confirm(&self, question: String) -> Answer {
        if !self.client.forms {
            return Answer::Missing;
        }
        let schema = ElicitationSchema::builder()
            .required_bool_property(AGREES, |schema| schema.title("Yes, do it").with_default(false))
            .build()
            .expect("the required property is there");
        let params = ElicitRequestParams::FormElicitationParams {
            meta: None,
            message: question,
            requested_schema: schema,
        };
        match self.elicit(params).await {
            Some(ElicitResult { action: ElicitationAction::Accept, content, .. }) => {
                let agrees = content.and_then(|content| content.get(AGREES).and_then(Value::as_bool));
                if agrees == Some(true) { Answer::Yes } else { Answer::No }
            }
            Some(_) => Answer::No,
            None => Answer::Missing,
        }
    }

    /// Returns the URIs of the client's roots. Empty if the client has none, and `None` if it does not answer.
    pub(crate) async fn roots(&self) -> Option<Vec<String>> {
        if !self.client.roots {
            return Some(Vec::new());
        }
        let listed: ListRootsResult = self.ask(InputRequest::ListRoots(ListRootsRequest::default())).await?;
        Some(listed.roots.into_iter().map(|root| root.uri).collect())
    }

    async fn elicit(&self, params: ElicitRequestParams) -> Option<ElicitResult> {
        self.ask(InputRequest::Elicitation(ElicitRequest::new(params))).await
    }

    /// Sends a request to the client. Returns `None` if no valid answer came in time.
    async fn ask<T: DeserializeOwned>(&self, request: InputRequest) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.events.send(Event::Question(Box::new(Question { request, answer }))).ok()?;
        let answer = TokioClock::new().timeout(self.patience, answered).await.ok()?.ok()?;
        serde_json::from_value(answer).ok()
    }
}
