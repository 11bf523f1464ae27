//! How connections are made, and what the adapters of one run share.

use crate::auth_server::HttpAuthServer;
use crate::exchange::Call;
use crate::platform_api::HttpPlatformApi;
use crate::redact::Redactor;
use crate::roots::ExtraRoots;
use keymint_domain::{BaseUrl, Step};
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Client, ClientBuilder, Method};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

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

/// What the adapters of one run share: the options, and the secrets seen so far, which no error
/// text of any of them repeats. Cheap to clone. The secrets are wiped with the last clone, so make
/// one for each run.
#[derive(Clone)]
pub struct Http {
    shared: Arc<Shared>,
}

struct Shared {
    options: HttpOptions,
    secrets: Redactor,
}

/// The client cannot be set up: a user agent that no header takes, or no usable certificate
/// authorities on this system. The source tells.
#[derive(Debug, thiserror::Error)]
#[error("HTTP cannot be set up")]
pub struct SetUpError(#[source] pub(crate) Box<dyn Error + Send + Sync>);

impl Http {
    /// Does nothing yet: certificates are loaded for the adapter that needs them.
    pub fn new(options: HttpOptions) -> Self {
        Self { shared: Arc::new(Shared { options, secrets: Redactor::default() }) }
    }

    /// The authorization server at this address.
    ///
    /// # Errors
    ///
    /// [`SetUpError`].
    pub fn auth_server(&self, issuer: BaseUrl) -> Result<HttpAuthServer, SetUpError> {
        Origin::new(self.clone(), issuer).map(HttpAuthServer::new)
    }

    /// The platform's API at this address.
    ///
    /// # Errors
    ///
    /// [`SetUpError`].
    pub fn platform_api(&self, base: BaseUrl) -> Result<HttpPlatformApi, SetUpError> {
        Origin::new(self.clone(), base).map(HttpPlatformApi::new)
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

/// One service: its address, and a client whose connections lead nowhere else.
pub(crate) struct Origin {
    base: BaseUrl,
    client: Client,
    http: Http,
}

impl Origin {
    fn new(http: Http, base: BaseUrl) -> Result<Self, SetUpError> {
        let client =
            builder(http.options(), &base).and_then(|builder| Ok(builder.build()?)).map_err(SetUpError)?;
        Ok(Self { base, client, http })
    }

    pub(crate) fn get<'a>(
        &self,
        step: Step,
        path: &[&str],
        query: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Call<'_> {
        let mut url = self.base.join(path);
        for (name, value) in query {
            url.query_pairs_mut().append_pair(name, value);
        }
        Call::new(&self.http, &self.client, step, Method::GET, url)
    }

    pub(crate) fn post(&self, step: Step, path: &[&str]) -> Call<'_> {
        Call::new(&self.http, &self.client, step, Method::POST, self.base.join(path))
    }

    pub(crate) fn secrets(&self) -> &Redactor {
        self.http.secrets()
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin").field("base", &self.base).finish_non_exhaustive()
    }
}

/// Says all that matters, the defaults too: Cargo unifies features, so whatever some other crate
/// turns on in reqwest stays off here.
pub(crate) fn builder(
    options: &HttpOptions,
    base: &BaseUrl,
) -> Result<ClientBuilder, Box<dyn Error + Send + Sync>> {
    let secure = base.join(&[]).scheme() == "https";
    let mut builder = Client::builder()
        .https_only(secure)
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .user_agent(&options.user_agent)
        .default_headers(HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]))
        .timeout(options.request_timeout)
        .connect_timeout(options.connect_timeout)
        .tls_backend_preconfigured(tls(options, secure)?);
    if base.is_loopback() {
        builder = builder.no_proxy();
    }
    Ok(builder)
}

/// TLS by the system's trust and the extra roots. Without TLS no root is loaded, which takes
/// milliseconds and fails on a system that has none.
fn tls(options: &HttpOptions, secure: bool) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    Ok(if secure {
        let verifier =
            Verifier::new_with_extra_roots(options.extra_roots.and_what_the_environment_hides(), provider)?;
        config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth()
    } else {
        config.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
    })
}
