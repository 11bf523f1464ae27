//! Whom a run speaks to, and where the browser comes back to.

use super::options::Sources;
use crate::args::EndpointArgs;
use crate::args::values::{plain_text, port_number};
use crate::error::CliError;
use keymint_domain::{BaseUrl, Client};

/// The port of the redirect URI that OpenAI's server knows for the default client.
pub(super) const REGISTERED_PORT: u16 = 5000;

/// The two servers, and the port of this machine.
pub(crate) struct Endpoints {
    pub(crate) client: Client,
    pub(crate) api_base: BaseUrl,
    pub(crate) callback_port: u16,
}

impl Endpoints {
    pub(crate) fn resolve(args: &EndpointArgs, of: &Sources<'_>) -> Result<Self, CliError> {
        let EndpointArgs { issuer, api_base, client_id, audience, scope, callback_port, .. } = args;
        let mut client = Client::default();
        of.override_default(&mut client.issuer, "issuer", issuer, BaseUrl::parse)?;
        of.override_default(&mut client.client_id, "client-id", client_id, plain_text)?;
        of.override_default(&mut client.audience, "audience", audience, plain_text)?;
        of.override_default(&mut client.scope, "scope", scope, plain_text)?;
        let mut base = BaseUrl::openai_api();
        of.override_default(&mut base, "api-base", api_base, BaseUrl::parse)?;
        let mut port = REGISTERED_PORT;
        of.override_default(&mut port, "callback-port", callback_port, port_number)?;
        Ok(Self { client, api_base: base, callback_port: port })
    }

    /// Whether both servers are on this machine, so that no proxy stands before them.
    pub(crate) fn are_here(&self) -> bool {
        self.client.issuer.is_loopback() && self.api_base.is_loopback()
    }

    /// What the person should know of them before the browser opens.
    pub(super) fn warnings(&self) -> Vec<String> {
        let elsewhere =
            self.client.issuer != Client::default().issuer || self.api_base != BaseUrl::openai_api();
        let elsewhere = elsewhere.then(|| {
            format!(
                "signing in at {} for the API at {}, not at OpenAI's own",
                self.client.issuer, self.api_base
            )
        });
        elsewhere.into_iter().chain(self.port_warning()).collect()
    }

    /// What the person should know of the port, where the server is known to refuse it.
    pub(crate) fn port_warning(&self) -> Option<String> {
        let Self { client, callback_port, .. } = self;
        let default = Client::default();
        let is_default = client.issuer == default.issuer && client.client_id == default.client_id;
        (is_default && *callback_port != REGISTERED_PORT).then(|| {
            format!(
                "OpenAI's server knows this client with callback port {REGISTERED_PORT} only, and will probably \
                 refuse {callback_port}"
            )
        })
    }
}
