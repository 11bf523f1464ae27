//! The entry point: creates the adapters of one run, and holds the state that they share.

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

/// The pause between opening the first connections and the first check of them. Each pause is twice as long as the
/// previous one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The longest time that a connection is kept idle. Firewalls drop idle connections silently after
/// two minutes or more, so one of this age still works.
const LONGEST_IDLE: Duration = Duration::from_secs(60);

/// The entry point to this crate. Creates the adapters of one run, which share its options, its connections, and
/// hashes of the secrets seen so far, which keep these secrets out of error texts.
///
/// It is cheap to clone. Create a new one for each run.
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
    /// Creates the shared state without doing any work. The certificates are loaded for the first adapter that needs
    /// them.
    pub fn new(options: HttpOptions) -> Self {
        let tls = Tls::new(options.extra_roots.clone());
        let (redactor, services) = Default::default();
        Self { shared: Arc::new(Shared { options: Arc::new(options), tls, redactor, services }) }
    }

    /// Creates the adapter for the authorization server at this URL. The first adapter for an `https` URL loads the
    /// system's certificates, which takes some milliseconds.
    ///
    /// # Errors
    ///
    /// [`HttpSetupError`] with the reason.
    pub fn auth_server(&self, issuer: BaseUrl) -> Result<HttpAuthServer, HttpSetupError> {
        Ok(HttpAuthServer { endpoint: self.endpoint(issuer)? })
    }

    /// Creates the adapter for the platform's API at this URL. It costs as much as
    /// [`auth_server`](Self::auth_server).
    ///
    /// # Errors
    ///
    /// [`HttpSetupError`] with the reason.
    pub fn platform_api(&self, base: BaseUrl) -> Result<HttpPlatformApi, HttpSetupError> {
        Ok(HttpPlatformApi::new(self.endpoint(base)?))
    }

    /// Creates the adapter for the platform's Admin API at this URL. It costs as much as
    /// [`auth_server`](Self::auth_server).
    ///
    /// # Errors
    ///
    /// [`HttpSetupError`] with the reason.
    pub fn admin_api(&self, base: BaseUrl) -> Result<HttpAdminApi, HttpSetupError> {
        Ok(HttpAdminApi { endpoint: self.endpoint(base)? })
    }

    /// Opens a connection to the service of each adapter created so far, for its first request. The connection
    /// includes TLS and the proxy, if there is one.
    ///
    /// Nothing is sent on the connection, and it is not used if the peer closes it before the first request. A
    /// service that has already received a request is skipped. A failure to connect is not reported, since the first
    /// request will report it. Connecting continues if this future is dropped.
    pub async fn preconnect(&self) {
        self.open_connections(|_| false).await;
    }

    /// Opens connections, and returns the failure to connect to the watched service.
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

    /// Keeps a connection open to each service while this future is polled, for example while the user is in the
    /// browser. It never returns.
    ///
    /// A connection that the peer closes is opened again. No connection is kept for more than a minute, since a
    /// firewall may silently drop an idle one. The checks become rarer with time. `report` receives the first failure
    /// to connect to the `watched` server, and no other.
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
        // An invalid proxy is an error of `service` already.
        let proxy = options.proxy.proxy_for(&base).ok().flatten().map(Proxy::in_use);
        let client = Client { sender, options: Arc::clone(options) };
        let endpoint = Endpoint::new(base, Arc::new(client), Arc::clone(redactor));
        Ok(Endpoint { proxy, answer_log: options.answer_log.clone(), ..endpoint })
    }

    /// Returns the service of this URL's origin. URLs of one origin share their connections.
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
