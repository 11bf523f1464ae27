//! The response to a login.

use crate::platform::listing::Listing;
use crate::platform::organization::{Organization, Project};
use crate::secret::SessionKey;

/// The parts of a login response that the flow uses.
#[derive(Debug)]
#[non_exhaustive]
pub struct Login {
    /// The session key.
    pub session: SessionKey,
    /// The organizations in the response, in its order. Empty and incomplete if the response has none.
    ///
    /// Both this list and the lists of projects in it are complete only if the response has the whole list,
    /// and each entry up to the first default or initial one has an explicit
    /// [`is_default`](Organization::is_default) or [`is_initial`](Project::is_initial).
    pub organizations: Listing<LoginOrganization>,
}

impl Login {
    /// Creates a response with this session key alone.
    pub fn new(session: SessionKey) -> Self {
        Self { session, organizations: Listing::new(Vec::new(), 0, false) }
    }
}

/// An organization in the response to a login.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoginOrganization {
    /// The organization.
    pub organization: Organization,
    /// Its projects, in the order of the response. Empty and incomplete if the response has none.
    pub projects: Listing<Project>,
}

impl LoginOrganization {
    /// Creates an organization with these projects.
    pub fn new(organization: Organization, projects: Listing<Project>) -> Self {
        Self { organization, projects }
    }
}
