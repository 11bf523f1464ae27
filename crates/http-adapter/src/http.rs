//! How connections are made, and what the adapters of one run share.

use crate::auth_server::HttpAuthServer;
use crate::platform_api::HttpPlatformApi;
use crate::preconnect::BoxError;
use crate::redact::Redactor;
use crate::request::ApiRequest;
use crate::roots::ExtraRoots;
use crate::service::Service;
use keymint_domain::{BaseUrl, Clock, Step};
use reqwest::{Client, Method};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// How long after the first connections they are looked at again. The next pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long a connection may rest: less than the two minutes and more that a firewall lets one
/// rest, so that one that it would swallow requests on is never used.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// What can be chosen about the requests.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HttpOptions {
    /// `User-Agent` (RFC 9110 section 10.1.5).
    pub user_agent: String,
    /// How long one request may take, from the connection to the last byte of the answer.
    pub request_timeout: Duration,
    /// How long making a connection may take, name look-up and TLS included.
    pub connect_timeout: Duration,
    /// Trusted in addition to the system's certificate authorities.
    pub extra_roots: ExtraRoots,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            user_agent: "Codex-Create-API-Key/1.0".to_owned(),
            request_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            extra_roots: ExtraRoots::default(),
        }
    }
}

/// What the adapters of one run share: the options, the connections, and the secrets seen so far,
/// which no error text of any of them repeats. Cheap to clone. The secrets are wiped with the last
/// clone, so make one for each run.
#[derive(Clone)]
pub struct Http {
    shared: Arc<Shared>,
}

struct Shared {
    options: HttpOptions,
    secrets: Redactor,
    /// The system's certificates, which take milliseconds to load.
    verifier: OnceLock<Arc<Verifier>>,
    services: Mutex<Vec<Service>>,
}

/// The client cannot be set up: a user agent that no header takes, or no usable certificate
/// authorities on this system. The source tells.
#[derive(Debug, thiserror::Error)]
#[error("HTTP cannot be set up")]
pub struct HttpSetupError(#[source] pub(crate) BoxError);

impl Http {
    /// Does nothing yet: certificates are loaded for the adapter that needs them.
    pub fn new(options: HttpOptions) -> Self {
        let (secrets, verifier, services) = Default::default();
        Self { shared: Arc::new(Shared { options, secrets, verifier, services }) }
    }

    /// The authorization server at this address. Where it is the first that is not on this machine,
    /// the system's certificates are loaded, which takes some milliseconds.
    ///
    /// # Errors
    ///
    /// [`HttpSetupError`].
    pub fn auth_server(&self, issuer: BaseUrl) -> Result<HttpAuthServer, HttpSetupError> {
        self.endpoint(issuer).map(HttpAuthServer::new)
    }

    /// The platform's API at this address. As for [`auth_server`](Self::auth_server).
    ///
    /// # Errors
    ///
    /// [`HttpSetupError`].
    pub fn platform_api(&self, base: BaseUrl) -> Result<HttpPlatformApi, HttpSetupError> {
        self.endpoint(base).map(HttpPlatformApi::new)
    }

    /// Sees to it that the first request to each service made so far finds an open connection, with
    /// TLS and through a proxy where there is one. Nothing is sent on it, and it is not used where
    /// the other side has closed it meanwhile. Does nothing for a service that had a request.
    ///
    /// It is a courtesy: a connection that cannot be opened is not spoken of, since the request that
    /// needs one will tell. What was begun goes on when this is dropped.
    pub async fn preconnect(&self) {
        let services = self.services().clone();
        let opening: Vec<_> = services.into_iter().map(|service| tokio::spawn(service.open())).collect();
        for opening in opening {
            let _ = opening.await;
        }
    }

    /// [Preconnects](Self::preconnect) for as long as this is polled, while the user is in the
    /// browser. A connection that the peer closes is opened again, and none is kept for more than a
    /// minute, since a firewall may drop an idle one silently. Checks become rarer with time.
    pub async fn keep_connected(&self, clock: &dyn Clock) -> Infallible {
        let mut opened = clock.now();
        let mut pause = FIRST_PAUSE;
        loop {
            if clock.now().since(opened) >= LONGEST_REST {
                let services = self.services().clone();
                for service in services {
                    service.close().await;
                }
                opened = clock.now();
            }
            self.preconnect().await;
            clock.sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn endpoint(&self, base: BaseUrl) -> Result<Endpoint, HttpSetupError> {
        let service = self.service(&base).map_err(HttpSetupError)?;
        Ok(Endpoint { base, client: service.client().clone(), http: self.clone() })
    }

    /// One for each origin, so that all that leads there shares its connections.
    fn service(&self, base: &BaseUrl) -> Result<Service, BoxError> {
        let url = base.join(&[]);
        let mut services = self.services();
        if let Some(service) = services.iter().find(|service| service.leads_to(&url)) {
            return Ok(service.clone());
        }
        let service = Service::new(self.options(), base, &self.tls(url.scheme() == "https")?)?;
        services.push(service.clone());
        Ok(service)
    }

    fn services(&self) -> MutexGuard<'_, Vec<Service>> {
        self.shared.services.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// TLS by the system's trust and the extra roots. Without TLS no root is loaded, which takes
    /// milliseconds and fails on a system that has none.
    pub(crate) fn tls(&self, secure: bool) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        if !secure {
            return Ok(config.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
        }
        let verifier = match self.shared.verifier.get() {
            Some(verifier) => Arc::clone(verifier),
            None => {
                let extra = self.options().extra_roots.and_what_the_environment_hides();
                let loaded = Arc::new(Verifier::new_with_extra_roots(extra, provider)?);
                Arc::clone(self.shared.verifier.get_or_init(|| loaded))
            }
        };
        Ok(config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
    }

    pub(crate) fn options(&self) -> &HttpOptions {
        &self.shared.options
    }

    pub(crate) fn secrets(&self) -> &Redactor {
        &self.shared.secrets
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("options", self.options()).finish_non_exhaustive()
    }
}

/// A service at its address.
pub(crate) struct Endpoint {
    base: BaseUrl,
    client: Client,
    http: Http,
}

impl Endpoint {
    pub(crate) fn get<'a>(
        &self,
        step: Step,
        path: &[&str],
        query: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> ApiRequest<'_> {
        let mut url = self.base.join(path);
        for (name, value) in query {
            url.query_pairs_mut().append_pair(name, value);
        }
        ApiRequest::new(&self.http, &self.client, step, Method::GET, url)
    }

    pub(crate) fn post(&self, step: Step, path: &[&str]) -> ApiRequest<'_> {
        ApiRequest::new(&self.http, &self.client, step, Method::POST, self.base.join(path))
    }

    pub(crate) fn secrets(&self) -> &Redactor {
        self.http.secrets()
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("base", &self.base).finish_non_exhaustive()
    }
}
