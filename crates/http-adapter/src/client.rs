//! The transport of native programs: reqwest and rustls.

use crate::failure::transport_error;
use crate::options::HttpOptions;
use crate::transport::{Request, Response, ResponseBody, Transport, TransportError};
use async_trait::async_trait;
use bytes::Bytes;
use std::mem;
use std::sync::Arc;

/// A client for one origin.
pub(crate) struct Client {
    pub(crate) sender: reqwest::Client,
    pub(crate) options: Arc<HttpOptions>,
}

#[async_trait]
impl Transport for Client {
    async fn send(
        &self,
        Request { method, url, headers, body }: Request,
    ) -> Result<Response, TransportError> {
        let host: Arc<str> = url.host_str().unwrap_or_default().into();
        let mut request = self.sender.request(method, url).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        let mut response =
            request.send().await.map_err(|error| transport_error(error, &host, &self.options))?;
        let (status, headers) = (response.status(), mem::take(response.headers_mut()));
        let options = Arc::clone(&self.options);
        Ok(Response { status, headers, body: Box::new(Body { response, host, options }) })
    }
}

struct Body {
    response: reqwest::Response,
    host: Arc<str>,
    options: Arc<HttpOptions>,
}

#[async_trait]
impl ResponseBody for Body {
    async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        self.response.chunk().await.map_err(|error| transport_error(error, &self.host, &self.options))
    }
}
