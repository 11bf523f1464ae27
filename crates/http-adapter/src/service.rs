//! The connections to one origin.

use crate::failure::{chain, transport_error};
use crate::options::{HttpOptions, HttpSetupError};
use crate::preconnect::{ConnectionSlot, Kept};
use crate::proxy::Proxy;
use crate::redact::Redactor;
use crate::request::LONGEST_CAUSE;
use crate::transport::TransportError;
use keymint_domain::{BaseUrl, ProxyInUse, ServiceError, Step};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Client, ClientBuilder};
use rustls::ClientConfig;
use std::sync::Arc;
use url::Url;

/// The maximum number of header lines of an answer. Proxies and security products add lines to those of the server.
const MOST_HEADERS: usize = 256;

/// Two clients for one origin: one opens connections in advance, the other sends requests. Clones share them.
#[derive(Clone)]
pub(crate) struct Service {
    url: Url,
    /// The client that sends requests.
    pub(crate) sender: Client,
    opener: Client,
    slot: ConnectionSlot,
    /// The proxy for requests to the origin.
    proxy: Option<ProxyInUse>,
}

impl Service {
    pub(crate) fn new(
        options: &HttpOptions,
        base: &BaseUrl,
        tls: &ClientConfig,
    ) -> Result<Self, HttpSetupError> {
        let slot = ConnectionSlot::default();
        let proxy = options.proxy.proxy_for(base).map_err(HttpSetupError::new)?;
        let client = |layer| {
            let builder = builder(options, base, tls).connector_layer(layer);
            match proxy {
                Some(proxy) => builder.proxy(reqwest::Proxy::all(proxy.url.clone())?).build(),
                None => builder.build(),
            }
        };
        let sender = client(slot.sender()).map_err(HttpSetupError::new)?;
        let opener = client(slot.opener()).map_err(HttpSetupError::new)?;
        Ok(Self { url: base.join(&[]), sender, opener, slot, proxy: proxy.map(Proxy::in_use) })
    }

    pub(crate) fn leads_to(&self, base: &BaseUrl) -> bool {
        self.url.origin() == base.join(&[]).origin()
    }

    /// Opens a connection for the first request, unless a usable one is open. Returns the failure to connect.
    pub(crate) async fn open(
        self,
        options: Arc<HttpOptions>,
        redactor: Arc<Redactor>,
    ) -> Option<ServiceError> {
        // Nothing is sent: the connector keeps the connection and fails the request.
        let error = self.opener.get(self.url.clone()).send().await.err()?;
        if chain(&error).any(|cause| cause.is::<Kept>()) {
            return None;
        }
        let (origin, host) =
            (self.url.origin().ascii_serialization(), self.url.host_str().unwrap_or_default());
        let TransportError { kind, words, cause } = transport_error(error, host, &options);
        let cause =
            cause.map_or_else(String::new, |cause| format!(": {}", redactor.clean(&cause, LONGEST_CAUSE)));
        let detail = format!("{origin} cannot be reached: {words}{cause}");
        Some(ServiceError::new(Step::ExchangeCode, kind, detail).with_proxy(self.proxy))
    }

    /// Closes the connection that was opened in advance.
    pub(crate) async fn close(self) {
        self.slot.clear().await;
    }
}

/// Sets every option that matters, including those that have a default. Cargo unifies features, so another crate may
/// change reqwest's defaults.
fn builder(options: &HttpOptions, base: &BaseUrl, tls: &ClientConfig) -> ClientBuilder {
    Client::builder()
        .https_only(base.join(&[]).scheme() == "https")
        .http1_only()
        .http1_max_headers(MOST_HEADERS)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .user_agent(&options.user_agent)
        // Without `identity`, a server may compress the body (RFC 9110 section 12.5.3), and a compressed key is lost.
        .default_headers(HeaderMap::from_iter([
            (ACCEPT, HeaderValue::from_static("application/json")),
            (ACCEPT_ENCODING, HeaderValue::from_static("identity")),
        ]))
        .timeout(options.request_timeout)
        .connect_timeout(options.connect_timeout)
        .tls_backend_preconfigured(tls.clone())
        // Otherwise, reqwest reads the environment itself.
        .no_proxy()
}
