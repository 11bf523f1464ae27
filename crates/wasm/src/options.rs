//! The options of JavaScript callers, as JSON.

use crate::failure::Failure;
use keymint_domain::{
    BaseUrl, Client, KeyLifetime, KeyScope, Plan, PollPolicy, REGISTERED_REDIRECT_URI, Timeouts, Url,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The options of a sign-in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SignInOptions {
    issuer: Option<String>,
    client_id: Option<String>,
    audience: Option<String>,
    scope: Option<String>,
    redirect_uri: Option<String>,
}

impl SignInOptions {
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let mut client = Client::default();
        if let Some(issuer) = &self.issuer {
            client.issuer = base_url("issuer", issuer)?;
        }
        let Self { client_id, audience, scope, .. } = self;
        for (given, field) in
            [(client_id, &mut client.client_id), (audience, &mut client.audience), (scope, &mut client.scope)]
        {
            if let Some(given) = given {
                field.clone_from(given);
            }
        }
        Ok(client)
    }

    pub(crate) fn redirect_uri(&self) -> Result<Url, Failure> {
        let text = self.redirect_uri.as_deref().unwrap_or(REGISTERED_REDIRECT_URI);
        Url::parse(text).map_err(|_| Failure::usage("redirectUri is not a URL"))
    }
}

/// The options for the creation of a key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct KeyOptions {
    name: String,
    api_base: Option<String>,
    organization: Option<String>,
    project: Option<String>,
    expires_in: Option<u64>,
    scopes: Option<Vec<String>>,
    project_timeout: Option<f64>,
    request_timeout: Option<f64>,
    shortcut: Option<bool>,
    pub(crate) revoke: Option<bool>,
}

impl KeyOptions {
    pub(crate) fn api_base(&self) -> Result<BaseUrl, Failure> {
        self.api_base.as_deref().map_or(Ok(BaseUrl::openai_api()), |base| base_url("apiBase", base))
    }

    pub(crate) fn plan(&self) -> Result<Plan, Failure> {
        if self.name.trim().is_empty() {
            return Err(Failure::usage("name is empty"));
        }
        let mut plan = Plan::named(&self.name);
        plan.selector.organization.clone_from(&self.organization);
        plan.selector.project.clone_from(&self.project);
        if let Some(seconds) = self.expires_in {
            let lifetime = KeyLifetime::try_from(Duration::from_secs(seconds));
            plan.key.expires_in = Some(lifetime.map_err(|why| Failure::usage(format!("expiresIn: {why}")))?);
        }
        for scope in self.scopes.iter().flatten() {
            let scope = KeyScope::parse(scope).map_err(|why| Failure::usage(format!("scopes: {why}")))?;
            plan.key.scopes.push(scope);
        }
        if let Some(limit) = self.project_timeout {
            plan.polling = PollPolicy::adaptive(milliseconds("projectTimeout", limit)?);
        }
        if let Some(limit) = self.request_timeout {
            plan.timeouts = Timeouts::for_requests(milliseconds("requestTimeout", limit)?);
        }
        plan.shortcut = self.shortcut.unwrap_or(plan.shortcut);
        Ok(plan)
    }
}

/// Parses options. The error message names the invalid option.
pub(crate) fn parse<T: DeserializeOwned>(json: &str) -> Result<T, Failure> {
    serde_json::from_str(json).map_err(|error| {
        // The caller has no use for the position in the JSON.
        let message = error.to_string();
        Failure::usage(message.split(" at line ").next().unwrap_or_default())
    })
}

fn base_url(name: &str, text: &str) -> Result<BaseUrl, Failure> {
    BaseUrl::parse(text).map_err(|why| Failure::usage(format!("{name}: {why}")))
}

fn milliseconds(name: &str, value: f64) -> Result<Duration, Failure> {
    Duration::try_from_secs_f64(value / 1000.0)
        .map_err(|_| Failure::usage(format!("{name} is not a number of milliseconds")))
}
