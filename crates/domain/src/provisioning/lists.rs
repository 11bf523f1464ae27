//! The lists of organizations and projects, asked for side by side.

use crate::event::Event;
use crate::platform::organization::{Listing, Organization, OrganizationId, Project};
use crate::provisioning::provisioner::{Provisioner, Session};
use crate::provisioning::request_runner::{Deadline, RequestRunner};
use crate::service_error::{ServiceError, ServiceErrorKind, Step};
use futures_util::future::{self, BoxFuture, Either, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::{HashMap, HashSet, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Asks for lists, and tells what is odd about them.
pub(crate) struct Lists<'a> {
    runner: RequestRunner<'a>,
    session: &'a Session,
    /// How many requests there may be at once: the plan's width, and less once the server has
    /// said that they are too many.
    width: AtomicUsize,
    /// What the observer was told already.
    told: Mutex<HashSet<Told>>,
}

#[derive(PartialEq, Eq, Hash)]
enum Told {
    Skipped(OrganizationId),
    Incomplete(Step),
}

impl<'a> Lists<'a> {
    pub(crate) fn new(provisioner: Provisioner<'a>, session: &'a Session) -> Self {
        Self {
            runner: RequestRunner { provisioner, jitter: &session.jitter },
            session,
            width: AtomicUsize::new(provisioner.plan.width.get()),
            told: Mutex::default(),
        }
    }

    pub(crate) async fn organizations(
        &self,
        deadline: Deadline,
    ) -> Result<Listing<Organization>, ServiceError> {
        let platform = self.runner.provisioner.ports.platform;
        self.ask(Step::ListOrganizations, deadline, || platform.organizations(&self.session.key)).await
    }

    async fn projects(
        &self,
        of: &OrganizationId,
        deadline: Deadline,
    ) -> Result<Listing<Project>, ServiceError> {
        let platform = self.runner.provisioner.ports.platform;
        self.ask(Step::ListProjects, deadline, || platform.projects(&self.session.key, of)).await
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
        if (skipped > 0 || cut) && self.is_news(Told::Incomplete(step)) {
            (self.runner.provisioner.observer)(Event::ListIncomplete { step, skipped, cut });
        }
        Ok(listing)
    }

    /// Halves the width where the server answers that there are too many requests. Those that were
    /// sent at the same width halve it once.
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

    pub(crate) fn tell_skipped(&self, organization: &OrganizationId, failure: &ServiceError) {
        if self.is_news(Told::Skipped(organization.clone())) {
            let id = organization.clone();
            (self.runner.provisioner.observer)(Event::OrganizationSkipped { id, reason: failure.kind });
        }
    }

    fn is_news(&self, news: Told) -> bool {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(news)
    }
}

type Answer = Result<Listing<Project>, ServiceError>;

/// The project lists of one round: asked for side by side, in the order of preference, and read in
/// whatever order the reader wants. What is under way ends when this is dropped.
pub(crate) struct ProjectLists<'a> {
    lists: &'a Lists<'a>,
    deadline: Deadline,
    waiting: VecDeque<OrganizationId>,
    asked: HashSet<OrganizationId>,
    under_way: FuturesUnordered<BoxFuture<'a, (OrganizationId, Answer)>>,
    answers: HashMap<OrganizationId, Answer>,
}

impl<'a> ProjectLists<'a> {
    pub(crate) fn new(lists: &'a Lists<'a>, deadline: Deadline) -> Self {
        Self {
            lists,
            deadline,
            waiting: VecDeque::new(),
            asked: HashSet::new(),
            under_way: FuturesUnordered::new(),
            answers: HashMap::new(),
        }
    }

    /// Asks for the lists of these next, and of no others, as soon as there is room. Each is asked
    /// for once.
    pub(crate) fn schedule<'o>(&mut self, organizations: impl IntoIterator<Item = &'o OrganizationId>) {
        let new = organizations.into_iter().filter(|id| !self.asked.contains(*id));
        self.waiting = new.cloned().collect();
    }

    /// Goes on asking beside another request, which takes the place of one.
    pub(crate) async fn while_fetching<T>(&mut self, request: impl Future<Output = T>) -> T {
        let go_on = async {
            loop {
                self.ask(1);
                match self.under_way.next().await {
                    Some((id, answer)) => self.answers.insert(id, answer),
                    None => future::pending().await,
                };
            }
        };
        match future::select(pin!(request), pin!(go_on)).await {
            Either::Left((answer, _)) | Either::Right((answer, _)) => answer,
        }
    }

    /// The answer to a list that is [scheduled](Self::schedule).
    pub(crate) async fn get(&mut self, organization: &OrganizationId) -> Answer {
        loop {
            if let Some(answer) = self.answers.remove(organization) {
                return answer;
            }
            self.ask(0);
            let (id, answer) = self.under_way.next().await.expect("a scheduled list is requested");
            self.answers.insert(id, answer);
        }
    }

    /// Asks for as many as there is room for, beside this many other requests.
    fn ask(&mut self, others: usize) {
        let room = self.lists.width().saturating_sub(self.under_way.len() + others);
        for id in self.waiting.drain(..room.min(self.waiting.len())) {
            self.asked.insert(id.clone());
            let (lists, deadline) = (self.lists, self.deadline);
            // Boxed, since a collection of nameless futures is not seen to be `Send`.
            self.under_way.push(
                async move {
                    let answer = lists.projects(&id, deadline).await;
                    (id, answer)
                }
                .boxed(),
            );
        }
    }
}
