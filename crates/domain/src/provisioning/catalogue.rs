//! All possible targets of a key, for the user to see or to choose from.

use crate::platform::organization::{Organization, Project};
use crate::platform::target::Target;
use crate::policy::preference::{by_preference, default_project};
use crate::policy::selector::Candidate;
use crate::provisioning::error::ProvisionError;
use crate::provisioning::lists::{Lists, ProjectLists, is_refusal};
use crate::provisioning::provisioner::{Provisioner, Session};
use crate::service_error::ServiceError;

/// The organizations and projects of the signed-in user at one moment. Those of a new account may appear
/// later.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Catalogue {
    /// The organizations, in the [order of preference](by_preference).
    pub organizations: Vec<CatalogueEntry>,
    /// True if the list of organizations and each readable list of projects are complete.
    pub complete: bool,
}

impl Catalogue {
    /// Returns every project that could be read, in the order of preference.
    pub fn targets(&self) -> impl Iterator<Item = Target> {
        self.candidates().filter_map(|candidate| candidate.target())
    }

    /// Returns the same projects with all their known properties.
    pub fn candidates(&self) -> impl Iterator<Item = Candidate> {
        self.organizations.iter().flat_map(|CatalogueEntry { organization, projects }| {
            projects.iter().flatten().map(|project| Candidate::of_project(organization, project))
        })
    }

    /// Returns the index of the candidate to suggest: the [default project](default_project) of the first organization
    /// that has one.
    pub fn default_candidate(&self) -> Option<usize> {
        let lists = || self.organizations.iter().filter_map(|entry| entry.projects.as_ref().ok());
        let default = lists().find_map(|projects| default_project(projects))?;
        lists().flatten().position(|project| std::ptr::eq(project, default))
    }

    /// Returns whether every list could be read and is complete.
    pub fn is_whole(&self) -> bool {
        self.complete && self.organizations.iter().all(|entry| entry.projects.is_ok())
    }

    /// Returns the error of an account without a readable list of projects: the last failure, or
    /// [`ProjectsRefused`](ProvisionError::ProjectsRefused) if the server refused every list. An account without
    /// an organization has no error.
    pub fn error(&self) -> Option<ProvisionError> {
        let failures = self.organizations.iter().map(|entry| entry.projects.as_ref().err());
        let failures = failures.collect::<Option<Vec<_>>>().filter(|failures| !failures.is_empty())?;
        let last = failures.iter().rev().find(|failure| !is_refusal(failure));
        Some(match last {
            Some(&failure) => failure.clone().into(),
            None => ProvisionError::ProjectsRefused { organizations: failures.len() },
        })
    }
}

/// An organization with its projects.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CatalogueEntry {
    /// The organization.
    pub organization: Organization,
    /// Its projects in the server's order, or the reason why they could not be read.
    pub projects: Result<Vec<Project>, ServiceError>,
}

impl Provisioner<'_> {
    /// Lists every organization and its projects, once.
    ///
    /// The time limit is the plan's time for finding a project. The project list of an organization that cannot be
    /// read in this time is an error in its entry. The plan's selector is ignored.
    ///
    /// # Errors
    ///
    /// [`Service`](ProvisionError::Service) if the organizations cannot be read, or the server refuses the
    /// session.
    pub async fn list_targets(&self, session: &Session) -> Result<Catalogue, ProvisionError> {
        let now = self.ports.clock.now();
        let deadline = self.plan.polling.start(now).begin_round(now).into();
        let lists = Lists::new(*self, session);
        let listing = lists.organizations(deadline).await?;
        let ranked = by_preference(&listing.items);
        let mut projects = ProjectLists::new(&lists, deadline);
        projects.schedule(ranked.iter().map(|organization| &organization.id));
        let (mut organizations, mut complete) = (Vec::new(), listing.complete);
        for organization in ranked {
            let projects = match projects.get(&organization.id).await {
                Err(refusal) if refusal.kind.ends_the_session() => return Err(refusal.into()),
                answer => answer.map(|listing| {
                    complete &= listing.complete;
                    listing.items
                }),
            };
            organizations.push(CatalogueEntry { organization: organization.clone(), projects });
        }
        Ok(Catalogue { organizations, complete })
    }

    /// Lists the targets to choose from. If the account has none yet, as a new one, it
    /// [waits for one](Self::wait_for_target) and lists again, since others may have appeared with it.
    ///
    /// # Errors
    ///
    /// Those of [`list_targets`](Self::list_targets) and [`wait_for_target`](Self::wait_for_target).
    pub async fn wait_for_targets(&self, session: &Session) -> Result<Vec<Target>, ProvisionError> {
        let mut targets: Vec<_> = self.list_targets(session).await?.targets().collect();
        if targets.is_empty() {
            let first = self.wait_for_target(session).await?;
            targets.extend(self.list_targets(session).await?.targets());
            if !targets.contains(&first) {
                targets.insert(0, first);
            }
        }
        Ok(targets)
    }
}
