//! TLS with the system's certificate authorities and the extra ones.

use crate::options::HttpSetupError;
use crate::roots::ExtraRoots;
use keymint_domain::BaseUrl;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use std::sync::{Arc, OnceLock};

/// The TLS configurations of one run. The system's certificates, which take milliseconds to load,
/// are loaded once, for the first `https` URL.
pub(crate) struct Tls {
    extra_roots: ExtraRoots,
    verifier: OnceLock<Arc<Verifier>>,
}

impl Tls {
    pub(crate) fn new(extra_roots: ExtraRoots) -> Self {
        Self { extra_roots, verifier: OnceLock::new() }
    }

    /// Returns the configuration for connections to `base`. An `http` URL needs no certificates, so it also works on
    /// a system that has none.
    pub(crate) fn config(&self, base: &BaseUrl) -> Result<ClientConfig, HttpSetupError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(HttpSetupError::new)?;
        if base.join(&[]).scheme() != "https" {
            return Ok(config.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
        }
        let verifier = match self.verifier.get() {
            Some(verifier) => Arc::clone(verifier),
            None => {
                let roots = self.extra_roots.with_hidden_system_bundle();
                // On Windows, extra certificate authorities require a certificate store of their own.
                let loaded = if roots.is_empty() {
                    Verifier::new(provider)
                } else {
                    Verifier::new_with_extra_roots(roots, provider)
                };
                let loaded = loaded.map_err(HttpSetupError::new)?;
                Arc::clone(self.verifier.get_or_init(|| Arc::new(loaded)))
            }
        };
        Ok(config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
    }
}
