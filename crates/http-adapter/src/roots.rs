//! Certificates that are trusted besides the system's.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Certificate authorities that are trusted in addition to the system's: a company's own, which a
/// proxy signs with.
#[derive(Debug, Clone, Default)]
pub struct ExtraRoots(Vec<CertificateDer<'static>>);

/// Why a text is not a bundle of certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPem {
    /// A section has no end, or is not base64.
    #[error("it is not well-formed PEM")]
    Malformed,
    /// There is no certificate in it; other sections, such as a private key, do not count.
    #[error("it holds no certificate (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// What is in such a section is not a certificate.
    #[error("certificate {0} in it is damaged")]
    Damaged(usize),
}

impl ExtraRoots {
    /// Reads a bundle of certificates in PEM form. What else is in it is passed over.
    ///
    /// # Errors
    ///
    /// [`InvalidPem`] where any certificate of it could not be used, or there is none: whoever
    /// names a bundle means all of it.
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

    pub(crate) fn certificates(&self) -> Vec<CertificateDer<'static>> {
        self.0.clone()
    }
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
        assert_eq!(roots.certificates(), [one.cert.der().clone(), two.cert.der().clone()]);
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
}
