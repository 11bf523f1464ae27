//! The tool `list_targets`: lists the user's organizations and projects, and creates nothing.

use crate::call::Call;
use crate::failure::Failure;
use crate::output::Place;
use crate::sign_in::{SignIn, page};
use keymint_callback_adapter::{Outcome, Progress};
use keymint_domain::{AuthorizationGrant, Catalogue, CatalogueEntry};
use serde::Serialize;

/// The organizations and projects, in the order of preference.
#[derive(Debug, Serialize)]
pub(crate) struct Targets {
    organizations: Vec<Organization>,
}

/// An organization with its projects.
#[derive(Debug, Serialize)]
struct Organization {
    #[serde(flatten)]
    place: Place,
    /// True for the default organization of the user.
    is_default: bool,
    /// True for the user's own organization.
    personal: bool,
    /// True if the organization certainly refuses to create keys of users.
    refuses_keys: bool,
    projects: Vec<Project>,
    /// The reason why the projects could not be read.
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Project {
    #[serde(flatten)]
    place: Place,
    /// True for the default project of its organization.
    is_default: bool,
    /// True if the project certainly refuses to create keys of users.
    refuses_keys: bool,
}

pub(crate) async fn run(call: Call) -> Result<Targets, Failure> {
    let beginning = SignIn::begin(&call, "list your organizations and projects (no key is created)");
    let (sign_in, grant) = call.unless_cancelled(beginning).await?;
    sign_in.show(Progress::Listing);
    let listed = call.unless_cancelled(list(&call, &sign_in, grant)).await;
    let ending = sign_in.disconnect(&call);
    ending.conclude(listed.as_ref().map_or_else(page, |_| Outcome::SignedIn.into())).await;
    listed
}

async fn list(call: &Call, sign_in: &SignIn, grant: AuthorizationGrant) -> Result<Targets, Failure> {
    let plan = &call.settings.plan;
    let session = sign_in.sign_in(call, plan, grant).await?;
    let catalogue = sign_in.provisioner(call, plan).list_targets(&session).await?;
    catalogue.error().map_or_else(|| Ok(Targets::from(catalogue)), |error| Err(error.into()))
}

impl From<Catalogue> for Targets {
    fn from(catalogue: Catalogue) -> Self {
        Self { organizations: catalogue.organizations.into_iter().map(Organization::from).collect() }
    }
}

impl From<CatalogueEntry> for Organization {
    fn from(entry: CatalogueEntry) -> Self {
        let CatalogueEntry { organization, projects, .. } = entry;
        let error = projects.as_ref().err().map(ToString::to_string);
        let projects = projects.unwrap_or_default().into_iter().map(|project| Project {
            place: Place::new(project.id.as_str(), project.title.as_ref()),
            is_default: project.is_initial,
            refuses_keys: project.refuses_keys(),
        });
        Self {
            place: Place::new(organization.id.as_str(), organization.title.as_ref()),
            is_default: organization.is_default,
            personal: organization.personal,
            refuses_keys: organization.refuses_keys(),
            projects: projects.collect(),
            error,
        }
    }
}
