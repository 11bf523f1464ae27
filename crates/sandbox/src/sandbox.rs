//! The running sandbox: two origins, and what they have seen.

use crate::server::Shared;
use crate::{CreatedKey, Origin, Request, Scenario, server};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Both services, listening until it is dropped.
///
/// Needs a tokio runtime with I/O and time enabled. Dropping it ends every
/// connection; responses still on their way are lost, and the ports are free soon after.
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
    /// When no port can be bound.
    pub async fn start(scenario: Scenario) -> io::Result<Self> {
        let free_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self::start_on(scenario, free_port, free_port).await
    }

    /// Starts the authorization server and the platform API on these addresses.
    ///
    /// # Errors
    ///
    /// When an address cannot be bound, for example because it is in use.
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

    /// The authorization server's base URL, `http://127.0.0.1:PORT`, without a trailing slash.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The platform API's base URL, `http://127.0.0.1:PORT`, without a trailing slash.
    pub fn api_base(&self) -> &str {
        &self.api_base
    }

    /// Every request that arrived completely, on both origins, in order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.dispatcher().requests().to_vec()
    }

    /// Each departure from the protocol seen so far, in words, in order.
    ///
    /// For example `token request: code_verifier does not hash to the code_challenge`.
    pub fn violations(&self) -> Vec<String> {
        self.shared.dispatcher().violations().to_vec()
    }

    /// Every API key created so far, also those whose response was lost.
    pub fn keys(&self) -> Vec<CreatedKey> {
        self.shared.dispatcher().keys().to_vec()
    }

    /// Every secret issued so far: codes, access, ID and refresh tokens, session keys and API keys,
    /// in no order. A test that looks for leaks asks for them.
    pub fn secrets(&self) -> Vec<String> {
        self.shared.dispatcher().secrets()
    }

    /// Ends every [delay](crate::Reply::delayed), of responses under way and of those to come.
    pub fn release(&self) {
        self.shared.release();
    }

    /// The most platform requests that were in work at the same time.
    pub fn in_flight_peak(&self) -> usize {
        self.shared.in_flight_peak()
    }
}
