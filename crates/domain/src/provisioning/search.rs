//! The search for the target: rounds of requests, until one finds it or the time is up.

mod findings;

use crate::event::{Event, Observation};
use crate::platform::id::OrganizationId;
use crate::platform::organization::Organization;
use crate::platform::target::Target;
use crate::policy::preference::skipped_for;
use crate::policy::selector::Candidate;
use crate::policy::shortcut::settled_target;
use crate::provisioning::error::ProvisionError;
use crate::provisioning::lists::{Lists, ProjectLists};
use crate::provisioning::plan::Plan;
use crate::provisioning::provisioner::{Provisioner, Session};
use crate::provisioning::request_runner::Deadline;
use crate::service_error::ServiceErrorKind;
use findings::{Findings, NoTarget};

impl Provisioner<'_> {
    /// Searches for the target of the plan's [`TargetSelector`](crate::TargetSelector) until it exists, or
    /// the plan's time is up.
    ///
    /// It requests no list if the response to the login settles the target and the plan permits the
    /// [shortcut](crate::Plan::shortcut). Without a name it prefers targets that do not certainly refuse keys; a
    /// named target is selected even if it does. It waits for the default project, and for an empty list to have
    /// entries. A requested name that is missing from a list with entries is an error at once.
    ///
    /// # Errors
    ///
    /// [`NoSuchTarget`](crate::TargetError::NoSuchTarget) and [`Ambiguous`](crate::TargetError::Ambiguous)
    /// if the requested name is unknown or ambiguous;
    /// [`NoDefaultProject`](ProvisionError::NoDefaultProject) if the last search could read any project
    /// list; [`Service`](ProvisionError::Service) if it could not, or if a retry cannot help.
    pub async fn wait_for_target(&self, session: &Session) -> Result<Target, ProvisionError> {
        let Plan { selector, shortcut, .. } = self.plan;
        let settled = if *shortcut { settled_target(selector, &session.organizations) } else { None };
        let target = match settled {
            Some(target) => target,
            None => self.search(session).await?,
        };
        (self.observer)(Event::TargetSelected(target.clone()));
        Ok(target)
    }

    async fn search(&self, session: &Session) -> Result<Target, ProvisionError> {
        let mut search = Search { provisioner: *self, lists: Lists::new(*self, session), known: Vec::new() };
        let mut schedule = self.plan.polling.start(self.ports.clock.now());
        loop {
            let round = schedule.begin_round(self.ports.clock.now());
            let no_target = match search.look(round.into()).await {
                Ok(target) => return Ok(target),
                Err(no_target) => no_target,
            };
            let now = self.ports.clock.now();
            match schedule.after_round(now) {
                Some(retry_in) if no_target.is_worth_another_look(round.ends.since(now)) => {
                    let retry_in = retry_in.max(no_target.asked_wait());
                    if !retry_in.is_zero() {
                        no_target.event(retry_in).into_iter().for_each(self.observer);
                        self.ports.clock.sleep(retry_in).await;
                    }
                }
                _ => return Err(no_target.into_error(schedule.elapsed(now))),
            }
        }
    }
}

/// The state that the rounds of one search share.
struct Search<'a> {
    provisioner: Provisioner<'a>,
    lists: Lists<'a>,
    /// The organizations of the previous round, in the order of preference.
    known: Vec<OrganizationId>,
}

impl Search<'_> {
    /// Runs one round: reads the organizations, then their projects in the order of preference, until the target is
    /// certain.
    ///
    /// The first round reads the preferred organization's projects alone, since it nearly always has the
    /// target. Later rounds read all known organizations concurrently with the list of organizations, so
    /// that a round without news takes as long as one request.
    async fn look(&mut self, deadline: Deadline) -> Result<Target, NoTarget> {
        let mut projects = ProjectLists::new(&self.lists, deadline);
        projects.schedule(&self.known);
        let listing = projects.while_fetching(self.lists.organizations(deadline)).await?;
        let organizations =
            self.provisioner.plan.selector.organizations(&listing).map_err(NoTarget::Final)?;
        if organizations.is_empty() {
            return Err(NoTarget::NotYet(Observation::NoOrganization, None));
        }
        let ids = organizations.iter().map(|organization| organization.id.clone()).collect();
        let is_first = std::mem::replace(&mut self.known, ids).is_empty();

        let mut findings = Findings::new(&self.provisioner.plan.selector, listing.complete);
        let (alone, together) = organizations.split_at(usize::from(is_first));
        for group in [alone, together] {
            projects.schedule(group.iter().map(|organization| &organization.id));
            for organization in group {
                match projects.get(&organization.id).await {
                    Ok(projects_of_it) => {
                        if let Some(target) = findings.read(organization, &projects_of_it) {
                            self.report_skipped(&target, &listing.items, findings.skipped());
                            return Ok(target);
                        }
                    }
                    Err(refusal) if refusal.kind.ends_the_session() => return Err(refusal.into()),
                    // The round's time is up: the organization is not to blame.
                    Err(failure) if failure.kind == ServiceErrorKind::TimedOut && self.is_over(deadline) => {
                        findings.run_out_of_time(failure);
                        return findings.finish();
                    }
                    Err(failure) => {
                        self.lists.report_skipped(&organization.id, &failure);
                        findings.skip(failure);
                    }
                }
            }
        }
        findings.finish()
    }

    /// Reports the organization or the project that was skipped for the target, unless the target was named or
    /// refuses keys as well.
    fn report_skipped(&self, target: &Target, organizations: &[Organization], project: Option<&Candidate>) {
        let Provisioner { plan: Plan { selector, .. }, observer, .. } = self.provisioner;
        if target.keys_disabled_by.is_some() || selector.project.is_some() {
            return;
        }
        let organization = match selector.organization {
            None => skipped_for(&target.organization_id, organizations).cloned(),
            Some(_) => None,
        };
        let skipped = organization.map(Candidate::of_organization).or_else(|| project.cloned());
        skipped.into_iter().for_each(|candidate| observer(Event::TargetSkipped(candidate)));
    }

    fn is_over(&self, deadline: Deadline) -> bool {
        self.provisioner.ports.clock.now() >= deadline.ends
    }
}
