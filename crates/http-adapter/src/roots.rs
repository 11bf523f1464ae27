//! Certificate authorities that are trusted in addition to the system's.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Certificate authorities that are trusted in addition to the system's, such as the one of a
/// company's TLS-inspecting proxy.
#[derive(Debug, Clone, Default)]
pub struct ExtraRoots(Vec<CertificateDer<'static>>);

/// A text is not a bundle of certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPem {
    /// A section has no end, or is not base64.
    #[error("it is not well-formed PEM")]
    Malformed,
    /// It has no certificate. Other sections, such as a private key, do not count.
    #[error("it holds no certificate (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// The section with this number, counted from one, is not a certificate.
    #[error("certificate {0} in it is damaged")]
    Damaged(usize),
}

impl ExtraRoots {
    /// Parses a bundle of certificates in PEM form. Sections of other types are ignored.
    ///
    /// # Errors
    ///
    /// [`InvalidPem`] if any of the certificates is unusable, or there is none: the caller means all
    /// of the bundle.
    pub fn parse_pem(pem: &[u8]) -> Result<Self, InvalidPem> {
        let roots = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| InvalidPem::Malformed)?;
        if roots.is_empty() {
            return Err(InvalidPem::NoCertificate);
        }
        let mut store = RootCertStore::empty();
        for (index, root) in roots.iter().enumerate() {
            store.add(root.clone()).map_err(|_| InvalidPem::Damaged(index + 1))?;
        }
        Ok(Self(roots))
    }

    /// These and, if the environment hides the system's bundle, the certificates of that bundle.
    pub(crate) fn with_hidden_system_bundle(&self) -> Vec<CertificateDer<'static>> {
        let mut certificates = self.0.clone();
        certificates.extend(first_bundle(hidden_bundles(|name| std::env::var_os(name).is_some())));
        certificates
    }
}

/// The paths of the system's bundle on Linux distributions and the BSDs.
///
/// The verifier reads the bundle, unless `SSL_CERT_FILE` or `SSL_CERT_DIR` is set: then it reads only
/// those. A user who sets one for a company's certificate still needs all the others.
const SYSTEM_BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The bundles that the verifier ignores because such a variable is set.
fn hidden_bundles(is_set: impl Fn(&str) -> bool) -> &'static [&'static str] {
    // On other systems the verifier uses an API of the system and ignores the environment.
    let by_file = cfg!(all(unix, not(target_vendor = "apple"), not(target_os = "android")));
    let replaced = by_file && (is_set("SSL_CERT_FILE") || is_set("SSL_CERT_DIR"));
    if replaced { SYSTEM_BUNDLES } else { &[] }
}

/// The certificates of the first of these files that has any. Unreadable sections are ignored: the
/// user did not choose this file.
fn first_bundle(files: &[&str]) -> Vec<CertificateDer<'static>> {
    let read = |file| CertificateDer::pem_file_iter(file).ok();
    let bundles = files.iter().filter_map(read).map(|bundle| bundle.flatten().collect::<Vec<_>>());
    bundles.into_iter().find(|bundle| !bundle.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> rcgen::CertifiedKey<rcgen::KeyPair> {
        rcgen::generate_simple_self_signed(["corp.example".to_owned()]).unwrap()
    }

    #[test]
    fn every_certificate_of_a_bundle_is_taken_and_nothing_else() {
        let (one, two) = (certificate(), certificate());
        let bundle =
            format!("a comment\n{}{}{}", one.cert.pem(), one.signing_key.serialize_pem(), two.cert.pem());
        let roots = ExtraRoots::parse_pem(bundle.as_bytes()).unwrap();
        assert_eq!(roots.0, [one.cert.der().clone(), two.cert.der().clone()]);
    }

    #[test]
    fn a_bundle_that_is_of_no_use_says_so() {
        let good = certificate();
        let cut = &good.cert.pem()[..200];
        let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (pem, expected) in [
            (String::new(), InvalidPem::NoCertificate),
            ("not PEM".to_owned(), InvalidPem::NoCertificate),
            (good.signing_key.serialize_pem(), InvalidPem::NoCertificate),
            (cut.to_owned(), InvalidPem::Malformed),
            (format!("{}{damaged}", good.cert.pem()), InvalidPem::Damaged(2)),
        ] {
            assert_eq!(ExtraRoots::parse_pem(pem.as_bytes()).unwrap_err(), expected, "{pem}");
        }
    }

    #[test]
    fn the_systems_bundles_are_added_only_where_a_variable_hides_them() {
        for (set, hidden) in
            [("SSL_CERT_FILE", cfg!(unix)), ("SSL_CERT_DIR", cfg!(unix)), ("SSL_CERT_FILES", false)]
        {
            assert_eq!(!hidden_bundles(|name| name == set).is_empty(), hidden, "{set}");
        }
    }

    #[test]
    fn the_first_bundle_that_has_certificates_counts() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (empty, one) = (file("empty", ""), file("one", &certificate().cert.pem()));
        assert_eq!(first_bundle(&["/no/such/file", &empty, &one, &one]).len(), 1);
        assert!(first_bundle(&["/no/such/file"]).is_empty());
    }
}
