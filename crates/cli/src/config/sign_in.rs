//! The settings of a sign-in: servers, callback port, browser and timeouts.

use super::network;
use super::sources::Sources;
use crate::args::values::{plain_text, port_number, wait};
use crate::args::{BrowserArgs, EndpointArgs, TimeoutArgs};
use crate::error::CliError;
use crate::ui::message::Warning;
use keymint_domain::{BaseUrl, Client, Plan, PollPolicy, Timeouts};
use keymint_host::{Browser, Caller, Launcher, ci_system, coding_agent};
use keymint_http_adapter::{HttpOptions, Proxy, ProxySettings};
use std::time::Duration;

/// The port of the redirect URI that is registered for the default client.
pub(super) const REGISTERED_PORT: u16 = 5000;

/// The default time limit for the user in the browser.
const SIGN_IN_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// The two servers, and the callback port of this machine.
pub(crate) struct Endpoints {
    pub(crate) client: Client,
    pub(crate) api_base: BaseUrl,
    /// The application that the platform session is opened for.
    pub(crate) app: String,
    /// The callback port. 0 selects a free one.
    pub(crate) callback_port: u16,
}

impl Endpoints {
    pub(crate) fn resolve(args: &EndpointArgs, of: &Sources<'_>) -> Result<Self, CliError> {
        let mut endpoints = Self {
            client: Client::default(),
            api_base: BaseUrl::openai_api(),
            app: Plan::named("").app,
            callback_port: REGISTERED_PORT,
        };
        let Self { client, api_base, app, callback_port } = &mut endpoints;
        of.override_default(&mut client.issuer, "issuer", &args.issuer, BaseUrl::parse)?;
        of.override_default(&mut client.client_id, "client-id", &args.client_id, plain_text)?;
        of.override_default(&mut client.audience, "audience", &args.audience, plain_text)?;
        of.override_default(&mut client.scope, "oauth-scope", &args.oauth_scope, plain_text)?;
        of.override_default(api_base, "api-base", &args.api_base, BaseUrl::parse)?;
        of.override_default(app, "app", &args.app, plain_text)?;
        of.override_default(callback_port, "callback-port", &args.callback_port, port_number)?;
        Ok(endpoints)
    }

    /// Returns the flags that select these endpoints, so that another run does not depend on its environment. The
    /// OAuth client is omitted, since a pending sign-in stores it.
    pub(crate) fn to_args(&self, ca_file: Option<&str>) -> EndpointArgs {
        let Self { client: _, api_base, app, callback_port } = self;
        let absolute = |path: &str| {
            std::path::absolute(path).map_or_else(|_| path.into(), |path| path.display().to_string())
        };
        EndpointArgs {
            api_base: Some(api_base.to_string()),
            app: Some(app.clone()),
            callback_port: Some(callback_port.to_string()),
            ca_file: ca_file.map(absolute),
            ..EndpointArgs::default()
        }
    }

    /// Returns whether keys are created at OpenAI instead of another deployment or the sandbox.
    pub(crate) fn are_openai(&self) -> bool {
        self.api_base == BaseUrl::openai_api()
    }

    /// Returns whether both servers are on this machine, and are reached without a proxy.
    pub(crate) fn are_here(&self) -> bool {
        self.client.issuer.is_loopback() && self.api_base.is_loopback()
    }

    /// Returns the proxy through which any of the servers is reached.
    pub(crate) fn proxy<'a>(&self, settings: &'a ProxySettings) -> Result<Option<&'a Proxy>, CliError> {
        let proxy_for = |base| settings.proxy_for(base).map_err(|error| CliError::usage(error.to_string()));
        Ok(proxy_for(&self.client.issuer)?.or(proxy_for(&self.api_base)?))
    }

    /// Returns the warnings to show before the browser opens.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = Warning<'_>> {
        let Self { client, api_base, .. } = self;
        let are_others = client.issuer != Client::default().issuer || !self.are_openai();
        let others = are_others.then_some(Warning::OtherServers { issuer: &client.issuer, api_base });
        others.into_iter().chain(self.port_warning())
    }

    /// Returns a warning if the server is known to refuse the port.
    pub(crate) fn port_warning(&self) -> Option<Warning<'static>> {
        let Self { client, callback_port: port, .. } = self;
        let default = Client::default();
        let is_default = client.issuer == default.issuer && client.client_id == default.client_id;
        (is_default && *port != REGISTERED_PORT)
            .then_some(Warning::OtherPort { port: *port, registered: REGISTERED_PORT })
    }
}

/// The settings of a sign-in.
pub(crate) struct SignInSettings {
    pub(crate) endpoints: Endpoints,
    pub(crate) http: HttpOptions,
    pub(crate) browser: Browser,
    /// True if the sandbox simulates the browser.
    pub(crate) is_played: bool,
    /// True if the program listens for the redirect. Otherwise the user pastes the URL.
    pub(crate) listens: bool,
    /// The time limit for the user in the browser.
    pub(crate) timeout: Duration,
    /// The intervals and the duration of the search for the default project.
    pub(crate) polling: PollPolicy,
    /// True if questions to the user are allowed.
    pub(crate) may_ask: bool,
    /// True to revoke the refresh token at the end.
    pub(crate) revokes: bool,
    /// True to write to the disk: locks, the record of the key, and the key itself if it cannot be delivered.
    pub(crate) persists: bool,
    /// The coding agent that runs this program.
    pub(crate) agent: Option<Caller>,
    /// The CI system that runs this program, unless the user pastes the URL.
    pub(crate) ci: Option<Caller>,
}

impl SignInSettings {
    pub(crate) fn resolve(
        browser: &BrowserArgs,
        timeouts: &TimeoutArgs,
        servers: &EndpointArgs,
        of: &Sources<'_>,
    ) -> Result<Self, CliError> {
        let endpoints = Endpoints::resolve(servers, of)?;
        let http = network::http(&timeouts.servers.http_timeout, &servers.ca_file, of)?;
        endpoints.proxy(&http.proxy)?;
        let listens = !of.switch("no-listen", browser.no_listen)?;
        Ok(Self {
            http,
            polling: polling(timeouts, of)?,
            timeout: of.get("sign-in-timeout", &timeouts.sign_in_timeout, wait)?.unwrap_or(SIGN_IN_TIMEOUT),
            listens,
            browser: resolve_browser(browser, of)?,
            is_played: false,
            may_ask: of.may_ask(browser.no_input)?,
            revokes: !of.switch("no-revoke", browser.no_revoke)?,
            persists: true,
            agent: of.caller("agent", coding_agent)?,
            ci: of.caller("ci", ci_system)?.filter(|_| listens),
            endpoints,
        })
    }

    /// Returns the plan for a key of this name in the default project.
    pub(crate) fn plan(&self, key_name: String) -> Plan {
        let mut plan = Plan::named(key_name);
        plan.app.clone_from(&self.endpoints.app);
        plan.timeouts = Timeouts::for_requests(self.http.request_timeout);
        plan.polling = self.polling;
        plan
    }
}

/// Returns the browser that opens the URL. `--browser` overrides the variable of `--no-browser`, and the other way
/// round.
pub(crate) fn resolve_browser(args: &BrowserArgs, of: &Sources<'_>) -> Result<Browser, CliError> {
    if of.switch_unless("no-browser", args.no_browser, &[("browser", args.browser.is_some())])? {
        return Ok(Browser::None);
    }
    if let Some(launcher) = of.get("browser", &args.browser, Launcher::parse)? {
        return Ok(Browser::Named(vec![launcher]));
    }
    Ok(of.environment.get("BROWSER")?.map_or(Browser::System, |variable| Browser::named_by(&variable)))
}

fn polling(args: &TimeoutArgs, of: &Sources<'_>) -> Result<PollPolicy, CliError> {
    let timeout = of.get("project-timeout", &args.servers.project_timeout, wait)?;
    let timeout = timeout.unwrap_or(PollPolicy::DEFAULT_TIMEOUT);
    let interval = of.get("poll-interval", &args.poll_interval, wait)?;
    Ok(interval
        .map_or_else(|| PollPolicy::adaptive(timeout), |interval| PollPolicy::fixed(interval, timeout)))
}
