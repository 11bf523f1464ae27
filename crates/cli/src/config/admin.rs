//! The settings of an administrator.

use super::network;
use super::sources::Sources;
use crate::args::AdminEndpointArgs;
use crate::args::values::plain_text;
use crate::error::CliError;
use crate::ui::format::ADMIN_KEYS_PAGE;
use keymint_domain::{AdminKey, BaseUrl};
use keymint_http_adapter::HttpOptions;

/// The variable of the admin key. No flag and no file has it.
pub(crate) const ADMIN_KEY_VARIABLE: &str = "OPENAI_ADMIN_KEY";

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
        Ok(Self { key: admin_key(of)?, api_base, http, project: of.get("project", project, plain_text)? })
    }
}

fn admin_key(of: &Sources<'_>) -> Result<AdminKey, CliError> {
    let error = |problem| {
        CliError::usage(format!("{ADMIN_KEY_VARIABLE} {problem}"))
            .hint(format!("An owner of the organization creates an admin key at {ADMIN_KEYS_PAGE}"))
    };
    let value = of.environment.get(ADMIN_KEY_VARIABLE)?;
    let value = value.ok_or_else(|| error("is not set, which has the admin key"))?;
    let is_of_project = ["sk-proj-", "sk-svcacct-"].iter().any(|kind| value.starts_with(kind));
    if is_of_project {
        return Err(error("has the key of a project, not an admin key"));
    }
    AdminKey::parse(value).map_err(|_| error("has no admin key"))
}
