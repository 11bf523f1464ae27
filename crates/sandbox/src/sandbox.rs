//! The running sandbox: two origins and their records.

use crate::server::Shared;
use crate::{CreatedKey, Origin, RefreshToken, Request, Scenario, server};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The running sandbox. Both services listen until the value is dropped.
///
/// It needs a tokio runtime with I/O and time enabled. Dropping it closes every connection, also those
/// with a response in progress, and frees the ports soon after.
#[derive(Debug)]
pub struct Sandbox {
    issuer: String,
    api_base: String,
    shared: Arc<Shared>,
    _servers: JoinSet<()>,
}

impl Sandbox {
    /// Starts both services on free ports of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// Fails if no port can be bound.
    pub async fn start(scenario: Scenario) -> io::Result<Self> {
        let free_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self::start_on(scenario, free_port, free_port).await
    }

    /// Starts the authorization server and the platform API on these addresses.
    ///
    /// # Errors
    ///
    /// Fails if an address cannot be bound, for example because it is in use.
    pub async fn start_on(scenario: Scenario, issuer: SocketAddr, api: SocketAddr) -> io::Result<Self> {
        let issuer = TcpListener::bind(issuer).await?;
        let api = TcpListener::bind(api).await?;
        let shared = Arc::new(Shared::new(scenario));

        let issuer_url = format!("http://{}", issuer.local_addr()?);
        let api_base = format!("http://{}", api.local_addr()?);

        let mut servers = JoinSet::new();
        servers.spawn(server::serve(issuer, Origin::AuthServer, Arc::clone(&shared)));
        servers.spawn(server::serve(api, Origin::PlatformApi, Arc::clone(&shared)));
        Ok(Self { issuer: issuer_url, api_base, shared, _servers: servers })
    }

    /// Returns the authorization server's base URL, `http://127.0.0.1:PORT`, without a trailing slash.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the platform API's base URL, `http://127.0.0.1:PORT`, without a trailing slash.
    pub fn api_base(&self) -> &str {
        &self.api_base
    }

    /// Returns every complete request so far, of both origins, in order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.dispatcher().requests.clone()
    }

    /// Returns a message for every violation of the protocol so far, in order, such as
    /// `token request: code_verifier does not hash to the code_challenge`.
    pub fn violations(&self) -> Vec<String> {
        self.shared.dispatcher().violations.clone()
    }

    /// Returns every API key so far: those that exist from the start, those that were created, even if the response
    /// was lost, and those that were deleted.
    pub fn keys(&self) -> Vec<CreatedKey> {
        self.shared.dispatcher().state.account.keys.clone()
    }

    /// Issues an admin key of this organization, for the Admin API.
    pub fn admin_key(&self, organization: &str) -> String {
        self.shared.dispatcher().state.issue_admin_key(organization)
    }

    /// Returns every refresh token issued so far, in order.
    pub fn refresh_tokens(&self) -> Vec<RefreshToken> {
        self.shared.dispatcher().state.refresh_tokens.clone()
    }

    /// Returns every secret issued so far, for tests that look for leaks: codes, access, ID and refresh
    /// tokens, session keys, API keys and admin keys, in no order.
    pub fn secrets(&self) -> Vec<String> {
        self.shared.dispatcher().state.secrets()
    }

    /// Ends every [delay](crate::Reply::delayed), of responses in progress and of later ones.
    pub fn release(&self) {
        self.shared.release();
    }

    /// Returns the maximum number of simultaneous platform requests so far.
    pub fn in_flight_peak(&self) -> usize {
        self.shared.in_flight_peak()
    }
}
