//! The settings of an administrator.

use super::network;
use super::sources::Sources;
use crate::args::AdminEndpointArgs;
use crate::args::values::plain_text;
use crate::error::CliError;
use crate::ui::format::{ADMIN_KEY_VARIABLE, ADMIN_KEYS_PAGE};
use keymint_domain::{AdminKey, BaseUrl};
use keymint_http_adapter::HttpOptions;

/// The server, and the admin key.
pub(crate) struct AdminSettings {
    pub(crate) key: AdminKey,
    pub(crate) api_base: BaseUrl,
    pub(crate) http: HttpOptions,
    /// The requested project, by its id or its title.
    pub(crate) project: Option<String>,
}

impl AdminSettings {
    pub(crate) fn resolve(
        project: &Option<String>,
        args: &AdminEndpointArgs,
        of: &Sources<'_>,
    ) -> Result<Self, CliError> {
        let mut api_base = BaseUrl::openai_api();
        of.override_default(&mut api_base, "api-base", &args.api_base, BaseUrl::parse)?;
        let http = network::http(&args.http_timeout, &args.ca_file, of)?;
        http.proxy.proxy_for(&api_base).map_err(|error| CliError::usage(error.to_string()))?;
        let missing = || admin_key_error("is not set: put the admin key into it");
        let key = admin_key(of)?.ok_or_else(missing)?;
        Ok(Self { key, api_base, http, project: of.get("project", project, plain_text)? })
    }
}

/// Returns the admin key of the environment, if it has one.
pub(crate) fn admin_key(of: &Sources<'_>) -> Result<Option<AdminKey>, CliError> {
    let Some(value) = of.environment.get(ADMIN_KEY_VARIABLE)? else { return Ok(None) };
    // No key has blanks, and a copied one may have some around it.
    let value = value.trim();
    let is_of_project = ["sk-proj-", "sk-svcacct-"].iter().any(|kind| value.starts_with(kind));
    if is_of_project {
        return Err(admin_key_error("has the key of a project, not an admin key"));
    }
    AdminKey::parse(value.to_owned()).map(Some).map_err(|_| admin_key_error("has no admin key"))
}

fn admin_key_error(problem: &str) -> CliError {
    CliError::usage(format!("{ADMIN_KEY_VARIABLE} {problem}"))
        .hint(format!("An owner of the organization creates an admin key at {ADMIN_KEYS_PAGE}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn blanks_around_the_admin_key_do_not_belong_to_it() {
        let read = |value| {
            let environment = HashMap::from([(ADMIN_KEY_VARIABLE, value)]);
            admin_key(&Sources::without_file(&environment)).map(|key| key.unwrap().expose().to_owned())
        };
        for value in ["sk-admin-0123", " sk-admin-0123\n", "\tsk-admin-0123\r\n"] {
            assert_eq!(read(value).unwrap(), "sk-admin-0123", "{value:?}");
        }
        for (value, problem) in [(" \n", "has no admin key"), (" sk-proj-0123", "has the key of a project")] {
            assert!(read(value).unwrap_err().message().contains(problem), "{value:?}");
        }
    }
}
