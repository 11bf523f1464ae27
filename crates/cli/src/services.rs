//! The two servers, made ready while the person is in the browser.

use crate::failure::Failure;
use crate::settings::Settings;
use keymint_domain::Clock;
use keymint_http_adapter::{Http, HttpAuthServer, HttpPlatformApi, SetUpError};
use std::future::Future;
use std::pin::pin;

pub(crate) struct Services {
    pub(crate) auth_server: HttpAuthServer,
    pub(crate) platform: HttpPlatformApi,
}

impl Services {
    /// Does `work`, and beside it loads what certificates are trusted and keeps a connection to
    /// each server open. Nothing of this delays the work or is said where it fails, but for servers
    /// that cannot be spoken to at all.
    pub(crate) async fn beside<T>(
        work: impl Future<Output = Result<T, Failure>>,
        settings: &Settings,
        clock: &dyn Clock,
    ) -> Result<(Self, T), Failure> {
        let http = Http::new(settings.http.clone());
        let mut work = pin!(work);
        let mut setting_up = pin!(Self::set_up(http.clone(), settings));
        let services = tokio::select! {
            done = &mut work => {
                let done = done?;
                return Ok((setting_up.await?, done));
            }
            services = &mut setting_up => services?,
        };
        tokio::select! {
            done = work => Ok((services, done?)),
            never = http.keep_warm(clock) => match never {},
        }
    }

    /// On a thread of its own, since loading certificates takes milliseconds.
    async fn set_up(http: Http, settings: &Settings) -> Result<Self, Failure> {
        let (issuer, api_base) = (settings.client.issuer.clone(), settings.api_base.clone());
        let setting_up = move || {
            Ok::<_, SetUpError>(Self {
                auth_server: http.auth_server(issuer)?,
                platform: http.platform_api(api_base)?,
            })
        };
        let services = tokio::task::spawn_blocking(setting_up).await;
        services.map_err(|error| Failure::internal(&error))?.map_err(|error| Failure::internal(&error))
    }
}
