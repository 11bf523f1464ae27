//! One service at its base URL, and the requests to it.

use crate::body::LargeBody;
use crate::options::HttpOptions;
use crate::proxy::Proxy;
use crate::redact::Redactor;
use crate::request::{ApiRequest, ErrorContext};
use keymint_domain::{BaseUrl, Step};
use reqwest::{Client, Method};
use std::fmt;
use std::sync::Arc;
use url::Url;

/// A service at its base URL.
pub(crate) struct Endpoint {
    pub(crate) base: BaseUrl,
    pub(crate) client: Client,
    pub(crate) redactor: Arc<Redactor>,
    pub(crate) options: HttpOptions,
    pub(crate) large_body: LargeBody,
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
        self.request(step, Method::GET, url)
    }

    pub(crate) fn post(&self, step: Step, path: &[&str]) -> ApiRequest<'_> {
        self.request(step, Method::POST, self.base.join(path))
    }

    fn request(&self, step: Step, method: Method, url: Url) -> ApiRequest<'_> {
        let request = self.client.request(method.clone(), url.clone());
        let Self { redactor, options, base, large_body, .. } = self;
        // A proxy that is not understood has no endpoint.
        let proxy = options.proxy.proxy_for(base).ok().flatten().map(Proxy::in_use);
        ApiRequest::new(request, ErrorContext { redactor, options, large_body, step, method, url, proxy })
    }

    /// Keeps a secret out of every error text of this run.
    pub(crate) fn learn(&self, secret: &str) {
        self.redactor.learn(secret);
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("base", &self.base).finish_non_exhaustive()
    }
}
