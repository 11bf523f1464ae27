//! The requests of the flow.

use std::fmt;

/// One request of the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// The token request.
    ExchangeCode,
    /// The onboarding login.
    Login,
    /// The list of organizations.
    ListOrganizations,
    /// The list of an organization's projects.
    ListProjects,
    /// The creation of the key.
    CreateKey,
    /// The check of a key, which no flow does by itself.
    CheckKey,
    /// The check of the answer of a server, which no flow does by itself.
    CheckServer,
    /// The revocation of the refresh token, whose failure ends no flow.
    RevokeToken,
}

impl Step {
    /// A stable name, for logs and for programs.
    pub fn name(self) -> &'static str {
        self.words().0
    }

    /// Its name for programs, and its description for people.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::ExchangeCode => ("exchange_code", "exchanging the authorization code"),
            Self::Login => ("login", "signing in to the platform"),
            Self::ListOrganizations => ("list_organizations", "listing the organizations"),
            Self::ListProjects => ("list_projects", "listing the projects"),
            Self::CreateKey => ("create_key", "creating the key"),
            Self::CheckKey => ("check_key", "checking the key"),
            Self::CheckServer => ("check_server", "checking the server"),
            Self::RevokeToken => ("revoke_token", "revoking the refresh token"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words().1)
    }
}
