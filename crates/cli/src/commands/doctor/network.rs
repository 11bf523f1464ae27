//! The checks of the connections to the two servers.

use crate::config::{self, Endpoints, Sources};
use crate::explain::network::{hint, setup_hint};
use crate::ui::json::Finding;
use keymint_domain::Intermediary::{Redirect, WebPage};
use keymint_domain::ServiceErrorKind::Intercepted;
use keymint_domain::{BaseUrl, ServiceError};
use keymint_http_adapter::{ExtraRoots, Http, HttpOptions, HttpSetupError, ProxySettings};
use std::time::Duration;

/// The time limit of an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reports the proxy in use.
pub(super) fn proxy(settings: &ProxySettings, endpoints: &Endpoints) -> Finding {
    match endpoints.proxy(settings) {
        Ok(None) if endpoints.are_here() => Finding::ok("proxy", "none: the servers are on this machine"),
        Ok(None) => Finding::ok("proxy", "none"),
        Ok(Some(proxy)) => {
            let is_direct = |base| matches!(settings.proxy_for(base), Ok(None));
            let servers = [("issuer", &endpoints.client.issuer), ("API", &endpoints.api_base)];
            let direct = servers.iter().find(|(_, base)| is_direct(base));
            let but = direct.map_or_else(String::new, |(name, _)| format!(", but none for the {name}"));
            Finding::ok("proxy", &format!("{proxy} (by {}){but}", proxy.variable()))
        }
        Err(failure) => {
            Finding::problem("proxy", &failure.message(), "Correct it, or unset it to go without.")
        }
    }
}

/// Reports the certificates that are trusted in addition to the system's.
pub(super) fn certificates(ca_file: &Option<String>, options: &Sources<'_>) -> (Finding, ExtraRoots) {
    let read = config::bundle(options, ca_file).and_then(|bundle| {
        let roots = config::extra_roots(options, bundle.as_ref())?;
        let message = match bundle {
            Some(bundle) => format!("the system's, and {} (by {})", bundle.path, bundle.source),
            None => "the system's".to_owned(),
        };
        Ok((Finding::ok("certificates", &message), roots))
    });
    read.unwrap_or_else(|failure| {
        let fix = "Name a file with certificates in PEM form, or none.";
        (Finding::problem("certificates", &failure.message(), fix), ExtraRoots::default())
    })
}

/// Checks that both servers can be reached, are trusted, and answer themselves. Sends each server one request without
/// a credential.
pub(super) async fn servers(
    endpoints: &Endpoints,
    extra_roots: ExtraRoots,
    proxy: ProxySettings,
) -> [Finding; 2] {
    let mut options = HttpOptions::default();
    options.extra_roots = extra_roots;
    options.request_timeout = PATIENCE;
    options.proxy = proxy;
    let http = Http::new(options);
    let (issuer, api) = (&endpoints.client.issuer, &endpoints.api_base);
    let check_issuer = async { Ok(http.auth_server(issuer.clone())?.check_answer().await) };
    let check_api = async { Ok(http.platform_api(api.clone())?.check_answer().await) };
    let (of_issuer, of_api) = tokio::join!(check_issuer, check_api);
    [server("issuer", issuer, of_issuer), server("api", api, of_api)]
}

fn server(
    check: &'static str,
    base: &BaseUrl,
    answer: Result<Result<(), ServiceError>, HttpSetupError>,
) -> Finding {
    match answer {
        Ok(Ok(())) => Finding::ok(check, &format!("{base} can be reached")),
        Ok(Err(error)) => {
            let finding = match error.kind {
                // A server may send such an answer for a resource that it does not have.
                Intercepted { by: Redirect | WebPage, .. } => Finding::warning,
                _ => Finding::problem,
            };
            // The detail may quote the server.
            finding(check, &error.detail, hint(&error)).in_public(error.reason().name())
        }
        Err(error) => Finding::problem(check, &format!("{base}: {error}"), setup_hint()),
    }
}
