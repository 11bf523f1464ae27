//! The dispatcher of requests: it records each one and decides on the response and its delay.

use crate::reply::{Reply, Script};
use crate::response::{Refusal, Response};
use crate::routes::Route;
use crate::server_state::ServerState;
use crate::{Request, Scenario};
use std::time::Duration;

/// A sandbox without its sockets.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    pub(crate) state: ServerState,
    script: Script,
    pub(crate) requests: Vec<Request>,
    pub(crate) violations: Vec<String>,
}

/// A response and its delay. Without a response, the connection is closed.
#[derive(Debug)]
pub(crate) struct ScheduledResponse {
    pub(crate) response: Option<Response>,
    pub(crate) delay: Duration,
}

impl Dispatcher {
    pub(crate) fn new(mut scenario: Scenario) -> Self {
        Self {
            script: Script::new(std::mem::take(&mut scenario.replies)),
            state: ServerState::new(scenario),
            requests: Vec::new(),
            violations: Vec::new(),
        }
    }

    /// Handles a request. `now` is the time since the sandbox started.
    pub(crate) fn receive(&mut self, mut request: Request, now: Duration) -> ScheduledResponse {
        let scheduled = match Route::of(&request) {
            Ok(route) => self.serve(&route, &request, now),
            Err(refusal) => {
                ScheduledResponse { response: Some(self.record("", refusal)), delay: Duration::ZERO }
            }
        };
        request.status = scheduled.response.as_ref().map(|response| response.status);
        self.requests.push(request);
        scheduled
    }

    fn serve(&mut self, route: &Route<'_>, request: &Request, now: Duration) -> ScheduledResponse {
        let (reply, latency) = match route.step() {
            Some(step) => {
                self.check_conventions(route, request);
                (self.script.next(step, route.organization()), self.state.account.scenario.latency)
            }
            None => (Reply::default(), Duration::ZERO),
        };
        // A request that is not processed runs on a copy of the state, so that its violations are still recorded.
        let result = if reply.is_processed {
            route.perform(&mut self.state, request, now)
        } else {
            route.perform(&mut self.state.clone(), request, now)
        };
        let original = result.unwrap_or_else(|refusal| self.record(&format!("{route}: "), refusal));
        let delay = latency.saturating_add(reply.delay);
        ScheduledResponse { response: reply.apply_to(original), delay }
    }

    fn record(&mut self, prefix: &str, refusal: Refusal) -> Response {
        self.violations.extend(refusal.violation.map(|violation| format!("{prefix}{violation}")));
        refusal.response
    }

    /// Records violations of the protocol that the services tolerate.
    fn check_conventions(&mut self, route: &Route<'_>, request: &Request) {
        let violations = [
            (request.has("cookie"), "the request has a cookie"),
            (request.has("referer"), "the request has a referer"),
            (request.header("user-agent").is_none_or(str::is_empty), "the request has no user agent"),
            (request.header("accept") != Some("application/json"), "Accept is not application/json"),
            (request.method == "GET" && !request.body.is_empty(), "a GET has a body"),
            (request.method == "POST" && !request.query.is_empty(), "a POST has a query"),
            (request.method == "DELETE" && !request.query.is_empty(), "a DELETE has a query"),
            (request.method == "DELETE" && !request.body.is_empty(), "a DELETE has a body"),
        ];
        let violations = violations.into_iter().filter(|(is_violated, _)| *is_violated);
        self.violations.extend(violations.map(|(_, violation)| format!("{route}: {violation}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Origin, Step};

    const ORGANIZATION: &str = "org-sandbox-personal";

    #[test]
    fn a_broken_convention_is_noted_and_not_refused() {
        let mut dispatcher = Dispatcher::new(Scenario::ready());
        let session_key = dispatcher.state.log_in(Duration::ZERO);
        let mut request = organizations(&session_key);
        request.headers.retain(|(name, _)| name != "user-agent" && name != "accept");
        request.headers.push(("cookie".to_owned(), "a=b".to_owned()));
        request.headers.push(("referer".to_owned(), "http://localhost/".to_owned()));

        assert_eq!(status(dispatcher.receive(request, Duration::ZERO)), Some(200));
        assert_eq!(
            dispatcher.violations,
            [
                "organizations request: the request has a cookie",
                "organizations request: the request has a referer",
                "organizations request: the request has no user agent",
                "organizations request: Accept is not application/json",
            ]
        );
    }

    #[test]
    fn a_reply_instead_of_the_work_changes_nothing_and_hides_no_violation() {
        let scenario = Scenario::ready()
            .project_ready_in_list(2)
            .reply(Step::Projects.nth(1), Reply::status(503))
            .reply(Step::Projects.nth(2), Reply::hang_up());
        let mut dispatcher = Dispatcher::new(scenario);
        let session_key = dispatcher.state.log_in(Duration::ZERO);

        assert_eq!(status(dispatcher.receive(projects(&session_key), Duration::ZERO)), Some(503));
        assert_eq!(status(dispatcher.receive(projects("made-up"), Duration::ZERO)), None);
        assert_eq!(
            dispatcher.violations,
            ["projects request: the bearer token was not issued here, but a session key is required"]
        );
        let projects =
            dispatcher.state.account.projects(&session_key, ORGANIZATION, None, Duration::ZERO).unwrap();
        assert!(projects.items.is_empty(), "only this list has been counted");
        let statuses: Vec<_> = dispatcher.requests.iter().map(|request| request.status).collect();
        assert_eq!(statuses, [Some(503), None]);
    }

    #[test]
    fn latency_and_a_replys_delay_add_up() {
        let scenario = Scenario::ready()
            .latency(Duration::from_millis(20))
            .reply(Step::Organizations.nth(2), Reply::default().delayed(Duration::from_secs(1)))
            .reply(Step::Organizations.nth(3), Reply::default().delayed(Duration::MAX));
        let mut dispatcher = Dispatcher::new(scenario);
        let mut delay = || dispatcher.receive(organizations("any"), Duration::ZERO).delay;

        assert_eq!(delay(), Duration::from_millis(20));
        assert_eq!(delay(), Duration::from_millis(1020));
        assert_eq!(delay(), Duration::MAX);
    }

    fn organizations(session_key: &str) -> Request {
        let headers = [
            ("authorization", format!("Bearer {session_key}")),
            ("accept", "application/json".to_owned()),
            ("user-agent", "test/1".to_owned()),
        ];
        Request {
            origin: Origin::PlatformApi,
            method: "GET".to_owned(),
            path: "/v1/organizations".to_owned(),
            query: Vec::new(),
            headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
            body: Vec::new(),
            status: None,
        }
    }

    fn projects(session_key: &str) -> Request {
        let mut request = organizations(session_key);
        request.path = format!("/dashboard/organizations/{ORGANIZATION}/projects");
        request.query = [("detail", "basic"), ("limit", "100")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        request.headers.push(("openai-organization".to_owned(), ORGANIZATION.to_owned()));
        request
    }

    fn status(scheduled: ScheduledResponse) -> Option<u16> {
        scheduled.response.map(|response| response.status)
    }
}
