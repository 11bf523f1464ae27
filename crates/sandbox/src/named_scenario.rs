//! Named scenarios: known cases of the live service.

use crate::{Organization, Project, Reply, Scenario, Step};
use std::time::Duration;

/// A scenario for a known case of the live service.
///
/// The shapes come from public reports. None was recorded from the live service.
///
/// ```
/// use keymint_sandbox::{NamedScenario, Step};
///
/// let refused_at_creation = NamedScenario::Role.scenario();
/// let challenged_at_login = NamedScenario::Challenge.scenario_at(Step::Login);
/// assert!(challenged_at_login.is_some());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NamedScenario {
    /// An edge server answers with a challenge page.
    Challenge,
    /// The country of the client is not supported.
    Country,
    /// A captive portal redirects to its sign-in page.
    PortalRedirect,
    /// A captive portal answers with its sign-in page.
    PortalPage,
    /// A captive portal answers with status 511 (RFC 6585 section 6).
    NetworkSignIn,
    /// A proxy asks for its own credentials.
    ProxySignIn,
    /// The default organization accepts no keys of users; the personal one does.
    UserKeysDisabled,
    /// The default organization's default project accepts no keys of users; the personal organization does.
    ProjectUserKeysDisabled,
    /// The organization accepts only keys that expire within 90 days.
    ExpiryRequired,
    /// The organization accepts no new keys.
    NewKeysDisabled,
    /// The account is a reader in its organization.
    Role,
    /// The account did not complete the platform's onboarding.
    NotOnboarded,
    /// The default project was archived.
    ProjectArchived,
    /// The project has reached its limit of keys.
    KeyLimit,
    /// The session may not list organizations.
    OrganizationsNotFound,
}

impl NamedScenario {
    /// All named scenarios.
    pub const ALL: [Self; 15] = [
        Self::Challenge,
        Self::Country,
        Self::PortalRedirect,
        Self::PortalPage,
        Self::NetworkSignIn,
        Self::ProxySignIn,
        Self::UserKeysDisabled,
        Self::ProjectUserKeysDisabled,
        Self::ExpiryRequired,
        Self::NewKeysDisabled,
        Self::Role,
        Self::NotOnboarded,
        Self::ProjectArchived,
        Self::KeyLimit,
        Self::OrganizationsNotFound,
    ];

    /// Returns the name of the scenario, such as `portal-redirect`.
    pub fn name(self) -> &'static str {
        self.words().0
    }

    /// Returns a description in one line.
    pub fn summary(self) -> &'static str {
        self.words().1
    }

    /// Returns the scenario. A case that can occur at any step occurs at the token request.
    pub fn scenario(self) -> Scenario {
        let owner = Scenario::ready();
        let policy = |status, message| Reply::error(status, "invalid_request_error", None, message);
        match self {
            Self::Challenge
            | Self::Country
            | Self::PortalRedirect
            | Self::PortalPage
            | Self::NetworkSignIn
            | Self::ProxySignIn => {
                self.scenario_at(Step::Token).expect("these cases can occur at every step")
            }
            Self::UserKeysDisabled => Scenario::of([acme(acme_project()).without_user_keys(), personal()]),
            Self::ProjectUserKeysDisabled => {
                Scenario::of([acme(acme_project().without_user_keys()), personal()])
            }
            Self::ExpiryRequired => owner.longest_lifetime(Duration::from_secs(90 * 24 * 60 * 60)),
            Self::NewKeysDisabled => owner.refuse_new_keys(),
            Self::Role => Scenario::of([acme(acme_project()).as_reader()]),
            Self::NotOnboarded => {
                let organization = personal().setting("completed_platform_onboarding", false);
                Scenario::of([organization]).project_ready_after(Duration::MAX)
            }
            Self::ProjectArchived => {
                owner.reply(Step::CreateKey, policy(404, "The project proj_sandbox_default was archived."))
            }
            Self::KeyLimit => {
                owner.reply(Step::CreateKey, policy(400, "This project has reached its limit of API keys."))
            }
            Self::OrganizationsNotFound => {
                owner.reply(Step::Organizations, policy(404, "Invalid URL (GET /v1/organizations)"))
            }
        }
    }

    /// Returns the scenario in which the case occurs at this step, and at the public resources of the same server,
    /// each time. `None` if the case always occurs at its own step.
    pub fn scenario_at(self, step: Step) -> Option<Scenario> {
        let reply = match self {
            Self::Challenge => Reply::challenge(403),
            Self::Country => Reply::error(
                403,
                "request_forbidden",
                Some("unsupported_country_region_territory"),
                "Country, region, or territory not supported",
            ),
            Self::PortalRedirect => Reply::status(302).header("location", "http://portal.test/sign-in"),
            Self::PortalPage => Reply::page(200, "Welcome to the Wi-Fi of this hotel"),
            Self::NetworkSignIn => Reply::page(511, "Network authentication required"),
            Self::ProxySignIn => Reply::page(407, "Proxy authentication required")
                .header("proxy-authenticate", "Basic realm=\"proxy\""),
            _ => return None,
        };
        let public = if step == Step::Token { Step::Metadata } else { Step::Models };
        Some(Scenario::ready().reply(step, reply.clone()).reply(public, reply))
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Challenge => ("challenge", "An edge server answers with a challenge page"),
            Self::Country => ("country", "The country is not supported"),
            Self::PortalRedirect => ("portal-redirect", "A captive portal redirects to its sign-in page"),
            Self::PortalPage => ("portal-page", "A captive portal answers with its sign-in page"),
            Self::NetworkSignIn => ("network-sign-in", "A captive portal answers with status 511"),
            Self::ProxySignIn => ("proxy-sign-in", "A proxy requests credentials with status 407"),
            Self::UserKeysDisabled => {
                ("user-keys-disabled", "The default organization does not allow user keys, another one does")
            }
            Self::ProjectUserKeysDisabled => (
                "project-user-keys-disabled",
                "The default project does not allow user keys, another organization's does",
            ),
            Self::ExpiryRequired => {
                ("expiry-required", "The organization accepts only keys that expire within 90 days")
            }
            Self::NewKeysDisabled => ("new-keys-disabled", "The organization accepts no new keys"),
            Self::Role => ("role", "The account is a reader in its organization"),
            Self::NotOnboarded => ("not-onboarded", "The account did not complete the onboarding"),
            Self::ProjectArchived => ("project-archived", "The default project was archived"),
            Self::KeyLimit => ("key-limit", "The project has reached its limit of keys"),
            Self::OrganizationsNotFound => {
                ("organizations-not-found", "The list of organizations does not exist for this session")
            }
        }
    }
}

fn acme(project: Project) -> Organization {
    Organization::new("org-sandbox-acme")
        .titled("Acme")
        .as_default()
        .field("personal", false)
        .with_project(project)
}

fn acme_project() -> Project {
    Project::new("proj_sandbox_acme").titled("Default project").as_initial()
}

fn personal() -> Organization {
    let project = Project::new("proj_sandbox_default").titled("Default project").as_initial();
    Organization::new("org-sandbox-personal")
        .titled("Personal")
        .as_personal()
        .field("is_default", false)
        .with_project(project)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_scenario_and_every_step_has_a_name_of_its_own() {
        assert_eq!(
            HashSet::from(NamedScenario::ALL.map(NamedScenario::name)).len(),
            NamedScenario::ALL.len()
        );
        assert!(NamedScenario::ALL.iter().all(|scenario| !scenario.summary().is_empty()));
        assert_eq!(HashSet::from(Step::FLOW.map(Step::name)).len(), Step::FLOW.len());
    }
}
