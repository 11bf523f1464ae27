//! The way to the two servers.

use crate::config::{self, Endpoints, Given, Sources};
use crate::explain::network::hint;
use crate::ui::json::Finding;
use keymint_domain::BaseUrl;
use keymint_http_adapter::{CheckConnectionError, ExtraRoots, Http, HttpOptions};

/// Which proxy is in force.
pub(super) fn proxy(endpoints: &Endpoints, options: &Sources<'_>) -> Finding {
    if endpoints.are_here() {
        return Finding::ok("proxy", "none: the servers are on this machine");
    }
    match config::proxy(options) {
        Ok(None) => Finding::ok("proxy", "none"),
        Ok(Some(proxy)) => {
            Finding::ok("proxy", &format!("{} (by {})", proxy.value, proxy.source.about("proxy")))
        }
        Err(failure) => {
            Finding::problem("proxy", &failure.message(), "Correct it, or unset it to go without.")
        }
    }
}

/// Which certificates are trusted besides the system's.
pub(super) fn certificates(ca_file: &Option<String>, options: &Sources<'_>) -> (Finding, ExtraRoots) {
    let read = config::bundle(options, ca_file).and_then(|bundle| {
        let Some(bundle) = bundle else {
            return Ok((Finding::ok("certificates", "the system's"), ExtraRoots::default()));
        };
        let roots = bundle.read()?;
        let message = format!("the system's, and {} (by {})", bundle.path, bundle.source);
        Ok((Finding::ok("certificates", &message), roots))
    });
    read.unwrap_or_else(|failure| {
        let fix = "Name a file with certificates in PEM form, or none.";
        (Finding::problem("certificates", &failure.message(), fix), ExtraRoots::default())
    })
}

/// Whether both servers are there and trusted. Nothing is asked of them.
pub(super) async fn servers(
    endpoints: &Endpoints,
    extra_roots: ExtraRoots,
    sources: &Sources<'_>,
) -> [Finding; 2] {
    let proxy = config::proxy(sources).ok().flatten();
    let mut options = HttpOptions::default();
    options.extra_roots = extra_roots;
    let http = Http::new(options);
    let (issuer, api) = tokio::join!(
        server("issuer", &http, &endpoints.client.issuer, proxy.as_ref()),
        server("api", &http, &endpoints.api_base, proxy.as_ref())
    );
    [issuer, api]
}

async fn server(check: &'static str, http: &Http, base: &BaseUrl, proxy: Option<&Given>) -> Finding {
    match http.check_connection(base).await {
        Ok(()) => Finding::ok(check, &format!("{base} can be reached")),
        Err(CheckConnectionError::Failed { why, detail, .. }) => {
            Finding::problem(check, &format!("{base}: {detail}"), hint(why.advice(), proxy))
        }
        Err(error) => Finding::problem(
            check,
            &format!("{base}: {error}"),
            "Install the system's certificates (often a package named ca-certificates).",
        ),
    }
}
