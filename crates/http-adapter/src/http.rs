//! The facade: makes the adapters of one run, and holds what they share.

use crate::admin_api::HttpAdminApi;
use crate::auth_server::HttpAuthServer;
use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::options::{HttpOptions, HttpSetupError};
use crate::platform_api::HttpPlatformApi;
use crate::proxy::Proxy;
use crate::redact::Redactor;
use crate::service::Service;
use crate::tls::Tls;
use keymint_domain::{BaseUrl, Clock, ServiceError};
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The pause between the first connections and the first check of them. Each next pause is twice as
/// long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The longest time that a connection is kept idle. Firewalls drop idle connections silently after
/// two minutes or more, so one of this age still works.
const LONGEST_IDLE: Duration = Duration::from_secs(60);

/// The state that the adapters of one run share: the options, the connections, and the hashes
/// by which the secrets seen so far are kept out of error texts. Cheap to clone. Make one for each run.
#[derive(Clone)]
pub struct Http {
    shared: Arc<Shared>,
}

struct Shared {
    options: Arc<HttpOptions>,
    tls: Tls,
    redactor: Arc<Redactor>,
    services: Mutex<Vec<Service>>,
}

impl Http {
    /// Does no work yet: certificates are loaded for the first adapter that needs them.
    pub fn new(options: HttpOptions) -> Self {
        let tls = Tls::new(options.extra_roots.clone());
        let (redactor, services) = Default::default();
        Self { shared: Arc::new(Shared { options: Arc::new(options), tls, redactor, services }) }
    }

    /// The authorization server at this URL. The first adapter for an `https` URL loads the system's
    /// certificates, which takes some milliseconds.
    ///
    /// # Errors
    ///
    /// [`HttpSetupError`].
    pub fn auth_server(&self, issuer: BaseUrl) -> Result<HttpAuthServer, HttpSetupError> {
        Ok(HttpAuthServer { endpoint: self.endpoint(issuer)? })
    }

    /// The platform's API at this URL. Costs the same as [`auth_server`](Self::auth_server).
    ///
    /// # Errors
    ///
    /// [`HttpSetupError`].
    pub fn platform_api(&self, base: BaseUrl) -> Result<HttpPlatformApi, HttpSetupError> {
        Ok(HttpPlatformApi::new(self.endpoint(base)?))
    }

    /// The platform's Admin API at this URL. Costs the same as [`auth_server`](Self::auth_server).
    ///
    /// # Errors
    ///
    /// [`HttpSetupError`].
    pub fn admin_api(&self, base: BaseUrl) -> Result<HttpAdminApi, HttpSetupError> {
        Ok(HttpAdminApi { endpoint: self.endpoint(base)? })
    }

    /// Opens a connection to each service made so far, with TLS and through the proxy if there is
    /// one, for the first request to find. Nothing is sent on it, and it is not used if the peer
    /// closes it before. Does nothing for a service that has had a request.
    ///
    /// A connection that cannot be opened is not reported, since the request that needs one will
    /// report it. Connecting continues when this is dropped.
    pub async fn preconnect(&self) {
        self.open_connections(|_| false).await;
    }

    /// Returns the failure to connect to the watched service.
    async fn open_connections(&self, is_watched: impl Fn(&Service) -> bool) -> Option<ServiceError> {
        let services = self.services().clone();
        let open = |service: Service| {
            let Shared { options, redactor, .. } = &*self.shared;
            (is_watched(&service), tokio::spawn(service.open(Arc::clone(options), Arc::clone(redactor))))
        };
        let opening: Vec<_> = services.into_iter().map(open).collect();
        let mut failure = None;
        for (is_watched, opening) in opening {
            failure = failure.or(opening.await.ok().flatten().filter(|_| is_watched));
        }
        failure
    }

    /// [Preconnects](Self::preconnect) for as long as this is polled, while the user is in the
    /// browser. A connection that the peer closes is opened again, and none is kept for more than a
    /// minute, since a firewall may drop an idle one silently. Checks become rarer with time. Only the
    /// first failure to connect to the watched server is reported.
    pub async fn keep_connected(
        &self,
        clock: &dyn Clock,
        watched: &BaseUrl,
        report: &(dyn Fn(&ServiceError) + Sync),
    ) -> Infallible {
        let mut is_reported = false;
        let mut opened = clock.now();
        let mut pause = FIRST_PAUSE;
        loop {
            if clock.now().since(opened) >= LONGEST_IDLE {
                let services = self.services().clone();
                for service in services {
                    service.close().await;
                }
                opened = clock.now();
            }
            let failure = self.open_connections(|service| service.leads_to(watched)).await;
            if let Some(failure) = failure.filter(|_| !is_reported) {
                report(&failure);
                is_reported = true;
            }
            clock.sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn endpoint(&self, base: BaseUrl) -> Result<Endpoint, HttpSetupError> {
        let sender = self.service(&base)?.sender;
        let Shared { options, redactor, .. } = &*self.shared;
        // A proxy that is not understood has no service.
        let proxy = options.proxy.proxy_for(&base).ok().flatten().map(Proxy::in_use);
        let client = Client { sender, options: Arc::clone(options) };
        let endpoint = Endpoint::new(base, Arc::new(client), Arc::clone(redactor));
        Ok(Endpoint { proxy, answer_log: options.answer_log.clone(), ..endpoint })
    }

    /// The service of this URL's origin. URLs of one origin share their connections.
    fn service(&self, base: &BaseUrl) -> Result<Service, HttpSetupError> {
        let Shared { options, tls, .. } = &*self.shared;
        let mut services = self.services();
        if let Some(service) = services.iter().find(|service| service.leads_to(base)) {
            return Ok(service.clone());
        }
        let service = Service::new(options, base, &tls.config(base)?)?;
        services.push(service.clone());
        Ok(service)
    }

    fn services(&self) -> MutexGuard<'_, Vec<Service>> {
        self.shared.services.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("options", &self.shared.options).finish_non_exhaustive()
    }
}
