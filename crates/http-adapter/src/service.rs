//! The connections to one origin.

use crate::options::{HttpOptions, HttpSetupError};
use crate::preconnect::ConnectionSlot;
use keymint_domain::BaseUrl;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Client, ClientBuilder};
use rustls::ClientConfig;
use url::Url;

/// The limit of header lines of an answer. Proxies and security products add some to those of a server.
const MOST_HEADERS: usize = 256;

/// Two clients for one origin: one opens connections ahead, the other sends. Clones share them.
#[derive(Clone)]
pub(crate) struct Service {
    url: Url,
    /// The client that sends requests.
    pub(crate) sender: Client,
    opener: Client,
    slot: ConnectionSlot,
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
        Ok(Self { url: base.join(&[]), sender, opener, slot })
    }

    pub(crate) fn leads_to(&self, base: &BaseUrl) -> bool {
        self.url.origin() == base.join(&[]).origin()
    }

    /// Opens a connection for the first request, unless a usable one is open.
    pub(crate) async fn open(self) {
        // Nothing is sent: the connector keeps the connection and fails the request.
        let _ = self.opener.get(self.url).send().await;
    }

    /// Closes the connection that was opened ahead.
    pub(crate) async fn close(self) {
        self.slot.clear().await;
    }
}

/// Sets every option that matters, the defaults as well: Cargo unifies features, so another crate
/// may change reqwest's defaults.
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
        // Without the second, a server may compress (RFC 9110 section 12.5.3), and a compressed key is lost.
        .default_headers(HeaderMap::from_iter([
            (ACCEPT, HeaderValue::from_static("application/json")),
            (ACCEPT_ENCODING, HeaderValue::from_static("identity")),
        ]))
        .timeout(options.request_timeout)
        .connect_timeout(options.connect_timeout)
        .tls_backend_preconfigured(tls.clone())
        // The library reads the environment by itself otherwise.
        .no_proxy()
}
