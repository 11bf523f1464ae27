//! One service at its base URL, and the requests to it.

use crate::answer_log::AnswerLog;
use crate::body::LargeBody;
use crate::entries::Entry;
use crate::list;
use crate::paging::{Budget, Pages};
use crate::redact::{Redactor, Shown};
use crate::request::{ApiRequest, ErrorContext};
use crate::transport::Transport;
use http::Method;
use keymint_domain::{BaseUrl, CreatedKey, Listing, ProxyInUse, ServiceError, Step};
use std::fmt;
use std::sync::Arc;
use url::Url;

/// A service at its base URL.
pub(crate) struct Endpoint {
    pub(crate) base: BaseUrl,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) redactor: Arc<Redactor>,
    pub(crate) answer_log: Option<AnswerLog>,
    /// The proxy for requests to the service.
    pub(crate) proxy: Option<ProxyInUse>,
    pub(crate) large_body: LargeBody,
}

impl Endpoint {
    pub(crate) fn new(base: BaseUrl, transport: Arc<dyn Transport>, redactor: Arc<Redactor>) -> Self {
        Self { base, transport, redactor, answer_log: None, proxy: None, large_body: LargeBody::default() }
    }

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

    pub(crate) fn delete(&self, step: Step, path: &[&str]) -> ApiRequest<'_> {
        self.request(step, Method::DELETE, self.base.join(path))
    }

    /// Reads a list. `request` creates the request for the page after a cursor.
    pub(crate) async fn read_pages<'a, T: Entry + Shown>(
        &self,
        budget: &Budget,
        request: impl Fn(Option<(&str, &str)>) -> ApiRequest<'a>,
    ) -> Result<Listing<T>, ServiceError> {
        let mut pages = Pages::new(budget);
        while pages.has_next() {
            let request = request(pages.query()).allow_bytes(pages.bytes_left());
            let (page, bytes) = request.send(|body| Ok((list::page(body)?, body.len()))).await?;
            pages.add(page, bytes);
        }
        let mut listing = pages.into_listing();
        self.redactor.clean_list(&mut listing);
        Ok(listing)
    }

    /// Keeps a created key out of every error text of this run. Removes the key's id if it contains the key, since
    /// ids are displayed and stored.
    pub(crate) fn learn_key(&self, created: &mut CreatedKey) {
        self.learn(created.secret.expose());
        created.details.id = created.details.id.take().filter(|id| self.is_public(id.as_str()));
    }

    /// Returns whether a text contains no piece of a secret.
    pub(crate) fn is_public(&self, text: &str) -> bool {
        self.redactor.redact(text) == text
    }

    fn request(&self, step: Step, method: Method, url: Url) -> ApiRequest<'_> {
        let Self { transport, redactor, answer_log, large_body, proxy, .. } = self;
        let (answer_log, proxy) = (answer_log.as_ref(), proxy.as_ref());
        let context = ErrorContext { redactor, answer_log, large_body, step, method, url, proxy };
        ApiRequest::new(&**transport, context)
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
