//! Everything that a key could be made in, for a person to see or to pick from.

use crate::event::Observer;
use crate::platform::organization::{Organization, Project, Target};
use crate::policy::preference::by_preference;
use crate::provisioning::error::ProvisionError;
use crate::provisioning::lists::{Lists, ProjectLists};
use crate::provisioning::plan::{Plan, Ports};
use crate::provisioning::session::Session;
use crate::service_error::ServiceError;

/// What a signed-in person belongs to, at one moment. A new account's organizations and projects
/// may come later.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Catalogue {
    /// The organizations, in the [order of preference](by_preference).
    pub organizations: Vec<CatalogueEntry>,
}

impl Catalogue {
    /// Where a key could be made: each project that could be read, in the order of preference.
    pub fn targets(&self) -> impl Iterator<Item = Target> {
        self.organizations.iter().flat_map(|CatalogueEntry { organization, projects }| {
            projects.iter().flatten().map(|project| Target::new(organization, project))
        })
    }
}

/// An organization with its projects.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CatalogueEntry {
    /// The organization.
    pub organization: Organization,
    /// Its projects in the server's order, or why they could not be read.
    pub projects: Result<Vec<Project>, ServiceError>,
}

/// Reads every organization and its projects, once.
///
/// It takes no longer than the plan looks for a project; what cannot be read until then has an
/// error of its own. The plan's selector does not matter.
///
/// # Errors
///
/// [`Service`](ProvisionError::Service) where the organizations cannot be read, or the session is
/// refused.
pub async fn catalogue(
    ports: Ports<'_>,
    plan: &Plan,
    session: &Session,
    observer: Observer<'_>,
) -> Result<Catalogue, ProvisionError> {
    let now = ports.clock.now();
    let deadline = plan.polling.start(now).begin_round(now).into();
    let lists = Lists::new(ports, plan, session, observer);
    let listing = lists.organizations(deadline).await?;
    let ranked = by_preference(&listing.items);
    let mut projects = ProjectLists::new(&lists, deadline);
    projects.schedule(ranked.iter().map(|organization| &organization.id));
    let mut organizations = Vec::new();
    for organization in ranked {
        let projects = match projects.get(&organization.id).await {
            Err(refusal) if refusal.kind.ends_the_session() => return Err(refusal.into()),
            answer => answer.map(|listing| listing.items),
        };
        organizations.push(CatalogueEntry { organization: organization.clone(), projects });
    }
    Ok(Catalogue { organizations })
}
