//! The requests of the flow and of administrators.

use std::fmt;

/// One request of the flow, or of an administrator.
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
    /// The check of a key, which is not a part of any flow.
    CheckKey,
    /// The check whether a server answers, which is not a part of any flow.
    CheckServer,
    /// The revocation of the refresh token. Its failure does not end a flow.
    RevokeToken,
    /// The list of the projects that an admin key may see.
    ListAllProjects,
    /// The list of a project's keys.
    ListKeys,
    /// The request for one key of a project.
    GetKey,
    /// The change of a key.
    UpdateKey,
    /// The deletion of a key.
    DeleteKey,
    /// The creation of a service account, with its first key or without one.
    CreateServiceAccount,
    /// The change of a service account.
    UpdateServiceAccount,
    /// The creation of another key of a service account.
    CreateAccountKey,
    /// The deletion of a service account with its keys.
    DeleteServiceAccount,
}

impl Step {
    /// Returns a stable name for logs and programs.
    pub fn name(self) -> &'static str {
        self.words().0
    }

    /// Returns whether the request may create a key. It must then not be repeated blindly.
    pub fn creates_key(self) -> bool {
        matches!(self, Self::CreateKey | Self::CreateServiceAccount | Self::CreateAccountKey)
    }

    /// Returns the request's name for programs and its description for users.
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
            Self::ListAllProjects => ("list_all_projects", "listing the projects of the organization"),
            Self::ListKeys => ("list_keys", "listing the keys of the project"),
            Self::GetKey => ("get_key", "looking up the key"),
            Self::UpdateKey => ("update_key", "changing the key"),
            Self::DeleteKey => ("delete_key", "deleting the key"),
            Self::CreateServiceAccount => ("create_service_account", "creating the service account"),
            Self::UpdateServiceAccount => ("update_service_account", "changing the service account"),
            Self::CreateAccountKey => ("create_account_key", "creating the key of the service account"),
            Self::DeleteServiceAccount => ("delete_service_account", "deleting the service account"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words().1)
    }
}
