//! Scripted replies: selected calls get another response than usual.

use crate::response::{Response, error_body};
use serde_json::Value;
use std::time::Duration;

/// A kind of call whose reply can be scripted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// `POST /oauth/token`
    Token,
    /// `GET /.well-known/openid-configuration`
    Metadata,
    /// `POST /oauth/revoke`
    Revoke,
    /// `POST /dashboard/onboarding/login`
    Login,
    /// `GET /v1/organizations`, each page
    Organizations,
    /// `GET /dashboard/organizations/{organization}/projects`, each page
    Projects,
    /// `POST /dashboard/organizations/{organization}/projects/{project}/api_keys`
    CreateKey,
    /// `GET /v1/models`
    Models,
    /// `GET /v1/organization/projects`, each page
    AllProjects,
    /// `GET /v1/organization/projects/{project}/api_keys`, each page
    Keys,
    /// `GET /v1/organization/projects/{project}/api_keys/{key}`
    Key,
    /// `POST /v1/organization/projects/{project}/api_keys/{key}`
    UpdateKey,
    /// `DELETE /v1/organization/projects/{project}/api_keys/{key}`
    DeleteKey,
    /// `POST /v1/organization/projects/{project}/service_accounts`
    CreateServiceAccount,
    /// `POST /v1/organization/projects/{project}/service_accounts/{account}`
    UpdateServiceAccount,
    /// `POST /v1/organization/projects/{project}/service_accounts/{account}/api_keys`
    CreateAccountKey,
    /// `DELETE /v1/organization/projects/{project}/service_accounts/{account}`
    DeleteServiceAccount,
}

impl Step {
    /// The steps of every run that creates a key, in order.
    pub const FLOW: [Self; 5] =
        [Self::Token, Self::Login, Self::Organizations, Self::Projects, Self::CreateKey];

    /// Returns the name of the step, such as `create-key`.
    pub fn name(self) -> &'static str {
        self.words().0
    }

    /// Returns a description in one line.
    pub fn summary(self) -> &'static str {
        self.words().1
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Token => ("token", "The exchange of the code"),
            Self::Revoke => ("revoke", "The revocation of the refresh token"),
            Self::Login => ("login", "The onboarding login"),
            Self::Organizations => ("organizations", "The list of organizations"),
            Self::Projects => ("projects", "The list of an organization's projects"),
            Self::CreateKey => ("create-key", "The creation of the key"),
            Self::Models => ("models", "The check of the key"),
            Self::Metadata => ("metadata", "The metadata of the authorization server"),
            Self::AllProjects => ("all-projects", "The list of the projects that an admin key may see"),
            Self::Keys => ("keys", "The list of a project's keys"),
            Self::Key => ("key", "The look at one key"),
            Self::UpdateKey => ("update-key", "The change of a key"),
            Self::DeleteKey => ("delete-key", "The deletion of a key"),
            Self::CreateServiceAccount => ("create-service-account", "The creation of a service account"),
            Self::UpdateServiceAccount => ("update-service-account", "The change of a service account"),
            Self::CreateAccountKey => ("create-account-key", "The creation of a service account's key"),
            Self::DeleteServiceAccount => ("delete-service-account", "The deletion of a service account"),
        }
    }

    /// Selects only the `nth` call of this step, from 1.
    pub fn nth(self, nth: usize) -> Calls {
        Calls::from(self).nth(nth)
    }

    /// Selects only calls about one organization: [`Step::Projects`] or [`Step::CreateKey`].
    pub fn of(self, organization: impl Into<String>) -> Calls {
        Calls { organization: Some(organization.into()), ..Calls::from(self) }
    }
}

/// A selection of the calls of one step.
#[derive(Clone, Debug)]
pub struct Calls {
    step: Step,
    organization: Option<String>,
    nth: Option<usize>,
}

impl Calls {
    /// Selects only the `nth` of these calls, from 1.
    pub fn nth(self, nth: usize) -> Self {
        Self { nth: Some(nth), ..self }
    }

    fn includes(&self, step: Step, organization: Option<&str>) -> bool {
        self.step == step && (self.organization.is_none() || self.organization.as_deref() == organization)
    }
}

/// Selects every call of the step.
impl From<Step> for Calls {
    fn from(step: Step) -> Self {
        Self { step, organization: None, nth: None }
    }
}

/// The reply to a call: whether the request is processed, and the response that the client gets.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(crate) is_processed: bool,
    pub(crate) delay: Duration,
    responds: bool,
    status: Option<u16>,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

/// Returns the ordinary response, as a start for [`delayed`](Reply::delayed), [`header`](Reply::header) and
/// [`body`](Reply::body).
impl Default for Reply {
    fn default() -> Self {
        Self {
            is_processed: true,
            delay: Duration::ZERO,
            responds: true,
            status: None,
            headers: Vec::new(),
            body: None,
        }
    }
}

impl Reply {
    /// Responds with this status (200 to 599) and an empty body. The request is not processed.
    pub fn status(status: u16) -> Self {
        Self { is_processed: false, status: Some(status), ..Self::default() }
    }

    /// Responds as an edge server that requires a browser: with a page and the header `cf-mitigated: challenge`. The
    /// status must be 403 or 503. The request is not processed.
    pub fn challenge(status: u16) -> Self {
        Self::page(status, "Just a moment...")
            .header("cf-mitigated", "challenge")
            .header("server", "cloudflare")
    }

    /// Responds with this status and a web page, as a portal or a proxy does. The request is not processed.
    pub fn page(status: u16, title: &str) -> Self {
        let html = format!("<!doctype html>\n<title>{title}</title>\n<h1>{title}</h1>\n");
        Self::status(status).header("content-type", "text/html; charset=utf-8").body(html)
    }

    /// Responds with this status and an error of the platform. The request is not processed.
    pub fn error(status: u16, kind: &str, code: Option<&str>, message: &str) -> Self {
        Self::status(status).json(&error_body(kind, code, message))
    }

    /// Closes the connection after the request, without a response. The request is not processed.
    pub fn hang_up() -> Self {
        Self { is_processed: false, responds: false, ..Self::default() }
    }

    /// Processes the request nevertheless. The client gets this reply in place of the request's own response.
    pub fn after_processing(self) -> Self {
        Self { is_processed: true, ..self }
    }

    /// Delays the response, or the end of the connection. The request is processed at once.
    pub fn delayed(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Adds a header, which replaces the ordinary ones of that name. Another call adds a second line.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: Some(body.into()), ..self }
    }

    /// Sets the body and the content type of JSON.
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    /// Returns the response to send instead of `original`, or `None` to close the connection.
    pub(crate) fn apply_to(self, original: Response) -> Option<Response> {
        if !self.responds {
            return None;
        }
        let mut response = match self.status {
            Some(status) => Response::empty(status),
            None => original,
        };
        let replaced = |name: &str| self.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        response.headers.retain(|(name, _)| !replaced(name));
        response.headers.extend(self.headers);
        if let Some(body) = self.body {
            response.body = body;
        }
        Some(response)
    }
}

/// The scripted replies of one sandbox, and the number of calls that each has seen.
#[derive(Debug)]
pub(crate) struct Script {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    calls: Calls,
    reply: Reply,
    seen: usize,
}

impl Script {
    pub(crate) fn new(replies: Vec<(Calls, Reply)>) -> Self {
        let rules = replies.into_iter().map(|(calls, reply)| Rule { calls, reply, seen: 0 }).collect();
        Self { rules }
    }

    /// Counts the call, and returns its reply.
    pub(crate) fn next(&mut self, step: Step, organization: Option<&str>) -> Reply {
        let mut last = None;
        for rule in self.rules.iter_mut().filter(|rule| rule.calls.includes(step, organization)) {
            rule.seen += 1;
            if rule.calls.nth.is_none_or(|nth| nth == rule.seen) {
                last = Some(&rule.reply);
            }
        }
        last.cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_rule_that_fits_a_call_wins() {
        let mut script = Script::new(vec![
            (Step::Login.into(), Reply::status(500)),
            (Step::Login.nth(2), Reply::status(503)),
            (Step::Projects.of("org-b").nth(2), Reply::status(404)),
        ]);
        let mut status = |step, organization| script.next(step, organization).status;

        assert_eq!(status(Step::Login, None), Some(500));
        assert_eq!(status(Step::Login, None), Some(503));
        assert_eq!(status(Step::Login, None), Some(500));
        assert_eq!(status(Step::Token, None), None);
        assert_eq!(status(Step::Projects, Some("org-b")), None);
        assert_eq!(status(Step::Projects, Some("org-a")), None);
        assert_eq!(status(Step::Projects, Some("org-b")), Some(404));
    }

    #[test]
    fn a_reply_changes_only_what_it_names() {
        let original = || Response::empty(201).with("x-kept", "1").with("content-type", "text/plain");

        let changed = Reply::default().json(&Value::Null).apply_to(original()).unwrap();
        assert_eq!(changed.status, 201);
        let headers: Vec<_> =
            changed.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!(headers, ["x-kept: 1", "content-type: application/json"]);
        assert_eq!(changed.body, b"null");

        let replaced = Reply::status(503).apply_to(original()).unwrap();
        assert_eq!(replaced.status, 503);
        assert!(replaced.headers.is_empty());

        assert!(Reply::hang_up().apply_to(original()).is_none());
    }
}
