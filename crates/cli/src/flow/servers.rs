//! The servers of one run.

use crate::config::SignInSettings;
use crate::error::CliError;
use crate::explain::network;
use crate::flow::context::Context;
use crate::ui::message::{Message, Warning};
use keymint_delivery_adapter::threads;
use keymint_domain::{Observer, Plan, Ports, Provisioner, ServiceError};
use keymint_http_adapter::{Http, HttpAuthServer, HttpPlatformApi, HttpSetupError};
use keymint_tokio_clock::TokioClock;
use std::future::Future;
use std::pin::pin;

/// The authorization server and the platform, ready for requests, and the clock of the run.
pub(crate) struct Servers {
    auth_server: HttpAuthServer,
    platform: HttpPlatformApi,
    clock: TokioClock,
}

impl Servers {
    pub(crate) fn ports(&self) -> Ports<'_> {
        Ports { auth_server: &self.auth_server, platform: &self.platform, clock: &self.clock }
    }

    /// Closes the connections to the platform, whose buffers may contain the session key.
    pub(crate) fn into_auth_server(self) -> HttpAuthServer {
        self.auth_server
    }

    pub(crate) fn provisioner<'a>(&'a self, plan: &'a Plan, observer: Observer<'a>) -> Provisioner<'a> {
        Provisioner::new(self.ports(), plan).observed_by(observer)
    }

    /// Runs `work`. Meanwhile, loads the trusted certificates and keeps a connection to each server open, without
    /// delaying the work. Warns if the authorization server cannot be reached, since the browser will probably not
    /// reach it either.
    pub(crate) async fn connect_while<T>(
        work: impl Future<Output = Result<T, CliError>>,
        settings: &SignInSettings,
        context: &Context,
    ) -> Result<(Self, T), CliError> {
        let clock = context.clock;
        let warn = |error: &ServiceError| {
            let text = format!("{}. {}", error.detail, network::hint(error));
            context.ui.report(&Message::Warning(Warning::Text(&text)));
        };
        let http = Http::new(settings.http.clone());
        let mut work = pin!(work);
        let mut setting_up = pin!(Self::set_up(http.clone(), settings, clock));
        let servers = tokio::select! {
            done = &mut work => {
                let done = done?;
                return Ok((setting_up.await?, done));
            }
            servers = &mut setting_up => servers?,
        };
        tokio::select! {
            done = work => Ok((servers, done?)),
            never = http.keep_connected(&clock, &settings.endpoints.client.issuer, &warn) => match never {},
        }
    }

    /// Creates the adapters on another thread, since loading certificates takes milliseconds.
    async fn set_up(http: Http, settings: &SignInSettings, clock: TokioClock) -> Result<Self, CliError> {
        let endpoints = &settings.endpoints;
        let (issuer, api_base) = (endpoints.client.issuer.clone(), endpoints.api_base.clone());
        let setting_up = move || {
            let (auth_server, platform) = (http.auth_server(issuer)?, http.platform_api(api_base)?);
            Ok::<_, HttpSetupError>(Self { auth_server, platform, clock })
        };
        let servers = threads::run(setting_up).await;
        servers.map_err(CliError::internal)?.map_err(network::not_set_up)
    }
}
