//! The adapters over the front end's own transport.

use crate::auth_server::HttpAuthServer;
use crate::endpoint::Endpoint;
use crate::platform_api::HttpPlatformApi;
use crate::redact::Redactor;
use crate::transport::Transport;
use keymint_domain::BaseUrl;
use std::sync::Arc;

/// Creates the adapters of one run over any [`Transport`]. They share hashes of the secrets seen so far, which keep
/// these secrets out of error texts.
pub struct Adapters {
    transport: Arc<dyn Transport>,
    redactor: Arc<Redactor>,
}

impl Adapters {
    /// Creates the state that the adapters share.
    pub fn over(transport: Arc<dyn Transport>) -> Self {
        Self { transport, redactor: Arc::default() }
    }

    /// Creates the adapter for the authorization server at this URL.
    pub fn auth_server(&self, issuer: BaseUrl) -> HttpAuthServer {
        HttpAuthServer { endpoint: self.endpoint(issuer) }
    }

    /// Creates the adapter for the platform's API at this URL.
    pub fn platform_api(&self, base: BaseUrl) -> HttpPlatformApi {
        HttpPlatformApi::new(self.endpoint(base))
    }

    fn endpoint(&self, base: BaseUrl) -> Endpoint {
        Endpoint::new(base, Arc::clone(&self.transport), Arc::clone(&self.redactor))
    }
}
