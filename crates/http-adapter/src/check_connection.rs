//! Checks that a server accepts connections, without sending a request.

use crate::options::{BoxError, HttpOptions, HttpSetupError};
use crate::redact::Redactor;
use crate::transport;
use keymint_domain::{BaseUrl, ConnectFailure, ServiceErrorKind};
use reqwest::ClientBuilder;
use std::pin::Pin;
use std::task::{Context, Poll};
use tower_layer::layer_fn;
use tower_service::Service;

/// No connection to a server can be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckConnectionError {
    /// The client cannot be set up.
    #[error(transparent)]
    SetUp(#[from] HttpSetupError),
    /// The connection failed.
    #[error("{detail}")]
    Failed {
        /// The cause.
        why: ConnectFailure,
        /// The cause in words, sanitized for display.
        detail: String,
    },
}

/// Connects with a client of this configuration, and hangs up.
pub(crate) async fn connect(
    client: ClientBuilder,
    base: &BaseUrl,
    redactor: &Redactor,
    options: &HttpOptions,
) -> Result<(), CheckConnectionError> {
    let url = base.join(&[]);
    let client = client.connector_layer(layer_fn(ConnectOnly)).build().map_err(HttpSetupError::new)?;
    // The request ends with an error either way.
    let Err(error) = client.get(url.clone()).send().await else { return Ok(()) };
    if transport::chain(&error).any(|cause| cause.is::<Connected>()) {
        return Ok(());
    }
    Err(match transport::failure(error, &url, redactor, options) {
        (ServiceErrorKind::NotSent(why), detail) => CheckConnectionError::Failed { why, detail },
        (_, detail) => CheckConnectionError::Failed { why: ConnectFailure::Connect, detail },
    })
}

/// A connector that closes each connection as soon as it is open.
#[derive(Clone)]
struct ConnectOnly<S>(S);

/// The error that reports success, since a request without a connection must fail.
#[derive(Debug, thiserror::Error)]
#[error("connected")]
struct Connected;

impl<S, R> Service<R> for ConnectOnly<S>
where
    S: Service<R, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, destination: R) -> Self::Future {
        let connecting = self.0.call(destination);
        Box::pin(async { connecting.await.and_then(|_| Err(Connected.into())) })
    }
}
