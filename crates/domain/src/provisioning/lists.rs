//! Concurrent requests for the lists of organizations and projects.

use crate::event::Event;
use crate::platform::id::OrganizationId;
use crate::platform::listing::Listing;
use crate::platform::organization::{Organization, Project};
use crate::ports::PlatformApi;
use crate::provisioning::provisioner::{Provisioner, Session};
use crate::provisioning::request_runner::{Deadline, RequestRunner};
use crate::service_error::{Reason, ServiceError, ServiceErrorKind, Step};
use futures_util::future::{self, BoxFuture, Either};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::{HashMap, HashSet, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Requests lists, and reports incomplete and skipped ones.
pub(crate) struct Lists<'a> {
    platform: &'a dyn PlatformApi,
    runner: RequestRunner<'a>,
    session: &'a Session,
    /// The maximum number of concurrent requests: the plan's width, and less after the server has
    /// responded that there are too many requests.
    width: AtomicUsize,
    /// The facts that were already reported to the observer.
    reported: Mutex<HashSet<Reported>>,
}

#[derive(PartialEq, Eq, Hash)]
enum Reported {
    Skipped(OrganizationId),
    Incomplete(Step),
}

impl<'a> Lists<'a> {
    pub(crate) fn new(provisioner: Provisioner<'a>, session: &'a Session) -> Self {
        Self {
            platform: provisioner.ports.platform,
            runner: provisioner.runner(&session.jitter),
            session,
            width: AtomicUsize::new(provisioner.plan.width.get()),
            reported: Mutex::default(),
        }
    }

    pub(crate) async fn organizations(
        &self,
        deadline: Deadline,
    ) -> Result<Listing<Organization>, ServiceError> {
        self.ask(Step::ListOrganizations, deadline, || self.platform.organizations(&self.session.key)).await
    }

    async fn projects(
        &self,
        of: &OrganizationId,
        deadline: Deadline,
    ) -> Result<Listing<Project>, ServiceError> {
        self.ask(Step::ListProjects, deadline, || self.platform.projects(&self.session.key, of)).await
    }

    async fn ask<T, F>(
        &self,
        step: Step,
        deadline: Deadline,
        mut call: impl FnMut() -> F,
    ) -> Result<Listing<T>, ServiceError>
    where
        F: Future<Output = Result<Listing<T>, ServiceError>>,
    {
        let listing = self.runner.retry(deadline, step, || self.narrowed_by(call())).await?;
        let (skipped, cut) = (listing.skipped, !listing.complete);
        if (skipped > 0 || cut) && self.is_news(Reported::Incomplete(step)) {
            (self.runner.observer)(Event::ListIncomplete { step, skipped, cut });
        }
        Ok(listing)
    }

    /// Halves the width if the server responds that there are too many requests. Requests that were sent
    /// at the same width halve it once.
    async fn narrowed_by<T>(
        &self,
        call: impl Future<Output = Result<T, ServiceError>>,
    ) -> Result<T, ServiceError> {
        let width = self.width();
        let answer = call.await;
        if let Err(ServiceError { kind: ServiceErrorKind::Refused { status: 429, .. }, .. }) = answer {
            self.width.fetch_min((width / 2).max(1), Ordering::Relaxed);
        }
        answer
    }

    fn width(&self) -> usize {
        self.width.load(Ordering::Relaxed)
    }

    pub(crate) fn report_skipped(&self, organization: &OrganizationId, failure: &ServiceError) {
        if self.is_news(Reported::Skipped(organization.clone())) {
            let (id, kind, reason) = (organization.clone(), failure.kind, failure.reason());
            (self.runner.observer)(Event::OrganizationSkipped { id, kind, reason });
        }
    }

    fn is_news(&self, news: Reported) -> bool {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner).insert(news)
    }
}

/// Returns whether the failure of a project list is a refusal that concerns the organization alone. A refusal
/// of the country concerns every request.
pub(crate) fn is_refusal(failure: &ServiceError) -> bool {
    matches!(failure.kind, ServiceErrorKind::Refused { status: 400..=499, .. })
        && !failure.kind.is_transient()
        && failure.reason() != Reason::Country
}

type ProjectsResult = Result<Listing<Project>, ServiceError>;

/// The project lists of one round, requested concurrently in the order of preference, and read in any
/// order. Dropping it cancels the requests in flight.
pub(crate) struct ProjectLists<'a> {
    lists: &'a Lists<'a>,
    deadline: Deadline,
    waiting: VecDeque<OrganizationId>,
    under_way: FuturesUnordered<BoxFuture<'a, (OrganizationId, ProjectsResult)>>,
    /// Of each organization that was asked, the answer until it is taken.
    answers: HashMap<OrganizationId, Option<ProjectsResult>>,
}

impl<'a> ProjectLists<'a> {
    pub(crate) fn new(lists: &'a Lists<'a>, deadline: Deadline) -> Self {
        Self {
            lists,
            deadline,
            waiting: VecDeque::new(),
            under_way: FuturesUnordered::new(),
            answers: HashMap::new(),
        }
    }

    /// Replaces the organizations whose lists are requested next. Each list is requested once.
    pub(crate) fn schedule<'o>(&mut self, organizations: impl IntoIterator<Item = &'o OrganizationId>) {
        let new = organizations.into_iter().filter(|id| !self.answers.contains_key(*id));
        self.waiting = new.cloned().collect();
    }

    /// Continues the scheduled requests during another request, which counts as one of them.
    pub(crate) async fn while_fetching<T>(&mut self, request: impl Future<Output = T>) -> T {
        let go_on = async {
            loop {
                self.ask(1);
                match self.under_way.next().await {
                    Some((id, answer)) => self.answers.insert(id, Some(answer)),
                    None => future::pending().await,
                };
            }
        };
        match future::select(pin!(request), pin!(go_on)).await {
            Either::Left((answer, _)) | Either::Right((answer, _)) => answer,
        }
    }

    /// Waits for a [scheduled](Self::schedule) list.
    pub(crate) async fn get(&mut self, organization: &OrganizationId) -> ProjectsResult {
        loop {
            if let Some(answer) = self.answers.get_mut(organization).and_then(Option::take) {
                return answer;
            }
            self.ask(0);
            let (id, answer) = self.under_way.next().await.expect("a scheduled list is requested");
            self.answers.insert(id, Some(answer));
        }
    }

    /// Starts as many requests as the width permits. `others` counts the requests in flight that are not lists.
    fn ask(&mut self, others: usize) {
        let room = self.lists.width().saturating_sub(self.under_way.len() + others);
        for id in self.waiting.drain(..room.min(self.waiting.len())) {
            self.answers.insert(id.clone(), None);
            let (lists, deadline) = (self.lists, self.deadline);
            // Boxed, since the compiler cannot prove that a collection of unnamed futures is `Send`.
            self.under_way.push(Box::pin(async move {
                let answer = lists.projects(&id, deadline).await;
                (id, answer)
            }));
        }
    }
}
