//! The two servers of a run.

use crate::config::{Settings, proxy_variable};
use crate::error::CliError;
use crate::explain::provision::provision;
use crate::os::env::ProcessEnvironment;
use keymint_delivery_adapter::threads;
use keymint_domain::{Ports, ProvisionError};
use keymint_http_adapter::{Http, HttpAuthServer, HttpPlatformApi, HttpSetupError};
use keymint_tokio_clock::TokioClock;
use std::future::Future;
use std::pin::pin;

/// The servers of one run, and its clock.
pub(crate) struct Servers {
    auth_server: HttpAuthServer,
    platform: HttpPlatformApi,
    clock: TokioClock,
}

impl Servers {
    pub(crate) fn ports(&self) -> Ports<'_> {
        Ports { auth_server: &self.auth_server, platform: &self.platform, clock: &self.clock }
    }

    /// Does `work`, and beside it loads what certificates are trusted and keeps a connection to
    /// each server open. Nothing of this delays the work or is said where it fails, but for servers
    /// that cannot be spoken to at all.
    pub(crate) async fn connect_while<T>(
        work: impl Future<Output = Result<T, CliError>>,
        settings: &Settings,
        clock: &TokioClock,
    ) -> Result<(Self, T), CliError> {
        let http = Http::new(settings.http.clone());
        let mut work = pin!(work);
        let mut setting_up = pin!(Self::set_up(http.clone(), settings));
        let servers = tokio::select! {
            done = &mut work => {
                let done = done?;
                return Ok((setting_up.await?, done));
            }
            servers = &mut setting_up => servers?,
        };
        tokio::select! {
            done = work => Ok((servers, done?)),
            never = http.keep_connected(clock) => match never {},
        }
    }

    /// On a thread of its own, since loading certificates takes milliseconds.
    async fn set_up(http: Http, settings: &Settings) -> Result<Self, CliError> {
        let (issuer, api_base) = (settings.client.issuer.clone(), settings.api_base.clone());
        let setting_up = move || {
            Ok::<_, HttpSetupError>(Self {
                auth_server: http.auth_server(issuer)?,
                platform: http.platform_api(api_base)?,
                clock: TokioClock::new(),
            })
        };
        let servers = threads::run(setting_up).await;
        servers.map_err(CliError::internal)?.map_err(CliError::internal)
    }
}

/// The error of the flow, with hints that fit the variables of this process.
pub(crate) fn explained(error: impl Into<ProvisionError>) -> CliError {
    provision(error.into(), proxy_variable(&ProcessEnvironment))
}
