//! Checks that a server accepts connections, without sending a request.

use crate::options::{HttpOptions, HttpSetupError};
use crate::preconnect::ConnectionSlot;
use crate::redact::Redactor;
use crate::transport;
use keymint_domain::{BaseUrl, ConnectFailure, ServiceErrorKind};
use reqwest::ClientBuilder;

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
    let slot = ConnectionSlot::default();
    let client = client.connector_layer(slot.opener()).build().map_err(HttpSetupError::new)?;
    // Nothing is sent: the connector puts the connection into the slot and fails the request.
    let Err(error) = client.get(url.clone()).send().await else { return Ok(()) };
    if slot.is_filled().await {
        return Ok(());
    }
    Err(match transport::failure(error, &url, redactor, options) {
        (ServiceErrorKind::NotSent(why), detail) => CheckConnectionError::Failed { why, detail },
        (_, detail) => CheckConnectionError::Failed { why: ConnectFailure::Connect, detail },
    })
}
