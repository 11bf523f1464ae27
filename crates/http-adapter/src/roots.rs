//! Certificate authorities that are trusted in addition to the system's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Certificate authorities that are trusted in addition to the system's, such as the one of a
/// company's TLS-inspecting proxy.
#[derive(Debug, Clone, Default)]
pub struct ExtraRoots(Vec<CertificateDer<'static>>);

/// The reason why a text is not a bundle of certificates. Lines and certificates are counted from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPem {
    /// The section at this line has no end, or is not base64.
    #[error("malformed PEM at line {0}")]
    Malformed(usize),
    /// The section at this line has certificates in a form that is not supported.
    #[error("line {0}: only sections of the type CERTIFICATE are supported")]
    Unsupported(usize),
    /// There is no certificate. Other sections, such as a private key, do not count.
    #[error("it contains no certificate (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// The section with this number is not a certificate.
    #[error("certificate {0} is damaged")]
    Damaged(usize),
}

impl ExtraRoots {
    /// Parses a bundle of certificates in PEM form (RFC 7468). Sections without certificates are ignored.
    ///
    /// # Errors
    ///
    /// [`InvalidPem`] if the text has no certificate, or if any certificate is unusable, since the caller needs all
    /// of them.
    pub fn parse_pem(pem: &[u8]) -> Result<Self, InvalidPem> {
        let roots = certificates(pem)?;
        if roots.is_empty() {
            return Err(InvalidPem::NoCertificate);
        }
        let mut store = RootCertStore::empty();
        for (index, root) in roots.iter().enumerate() {
            store.add(root.clone()).map_err(|_| InvalidPem::Damaged(index + 1))?;
        }
        Ok(Self(roots))
    }

    /// Adds the certificates of another bundle.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Returns these certificates and, if the environment hides the system's bundle, also those of that bundle.
    pub(crate) fn with_hidden_system_bundle(&self) -> Vec<CertificateDer<'static>> {
        let mut certificates = self.0.clone();
        certificates.extend(first_bundle(hidden_bundles(|name| std::env::var_os(name).is_some())));
        certificates
    }
}

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

/// Returns the certificates of a bundle (RFC 7468).
///
/// A section may begin anywhere in a line, for example after a byte order mark, an indentation, or the end of another
/// section. The parser of the library would ignore such a section.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, InvalidPem> {
    let text = String::from_utf8_lossy(pem);
    let (mut certificates, mut rest, mut line) = (Vec::new(), &*text, 1);
    loop {
        let (comment, section) = rest.split_at(rest.find(BEGIN).unwrap_or(rest.len()));
        for comment in comment.split_inclusive('\n') {
            if is_misspelled(comment) {
                return Err(InvalidPem::Malformed(line));
            }
            line += comment.matches('\n').count();
        }
        let Some(labeled) = section.strip_prefix(BEGIN) else { return Ok(certificates) };
        let malformed = InvalidPem::Malformed(line);
        let (label, body) = labeled.split_once("-----").ok_or(malformed)?;
        let (body, end) = body.split_once(END).ok_or(malformed)?;
        rest = end.strip_prefix(label).and_then(|end| end.strip_prefix("-----")).ok_or(malformed)?;
        match label {
            "CERTIFICATE" | "X509 CERTIFICATE" => {
                let base64: Vec<u8> = body.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
                certificates.push(STANDARD.decode(base64).map_err(|_| malformed)?.into());
            }
            label if has_certificates(label) => return Err(InvalidPem::Unsupported(line)),
            _ => {}
        }
        line += body.matches('\n').count();
    }
}

/// Returns whether a section of this type holds certificates.
fn has_certificates(label: &str) -> bool {
    let label = label.to_ascii_uppercase();
    let is_container = ["PKCS7", "PKCS #7 SIGNED DATA", "CMS"].contains(&&*label);
    is_container || label.contains("CERTIFICATE") && !label.contains("REQUEST")
}

/// Returns whether a line between two sections was meant to begin one, or is text in UTF-16.
fn is_misspelled(line: &str) -> bool {
    let upper = line.to_ascii_uppercase();
    let begins = ["BEGIN", "END"].iter().any(|word| upper.contains(word)) && upper.contains("CERTIFICATE");
    line.contains('\0') || begins && ["--", "\u{2013}", "\u{2014}"].iter().any(|dash| line.contains(dash))
}

/// The paths of the system's bundle on Linux distributions and the BSDs.
///
/// The verifier reads the bundle unless `SSL_CERT_FILE` or `SSL_CERT_DIR` is set, which makes it read only their
/// certificates. A user who sets a variable for a company's certificate still needs all the others.
const SYSTEM_BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Returns the bundles that the verifier ignores because one of these variables is set.
fn hidden_bundles(is_set: impl Fn(&str) -> bool) -> &'static [&'static str] {
    // On other systems the verifier uses an API of the system and ignores the environment.
    let by_file = cfg!(all(unix, not(target_vendor = "apple"), not(target_os = "android")));
    let replaced = by_file && (is_set("SSL_CERT_FILE") || is_set("SSL_CERT_DIR"));
    if replaced { SYSTEM_BUNDLES } else { &[] }
}

/// Returns the certificates of the first of these files that has any. Unreadable sections are ignored, since the user
/// did not choose the file.
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
            (cut.to_owned(), InvalidPem::Malformed(1)),
            (format!("{}{damaged}", good.cert.pem()), InvalidPem::Damaged(2)),
        ] {
            assert_eq!(ExtraRoots::parse_pem(pem.as_bytes()).unwrap_err(), expected, "{pem}");
        }
    }

    /// OpenSSL and Python read each of these.
    #[test]
    fn a_certificate_is_taken_wherever_its_section_begins() {
        let (one, two) = (certificate(), certificate());
        let [first, second] = [one.cert.pem(), two.cert.pem()];
        let indented: String = second.lines().map(|line| format!("  {line}\n")).collect();
        for bundle in [
            format!("\u{feff}{first}{second}"),
            format!("\u{feff}{first}\u{feff}{second}"),
            format!("{}{}", first.trim_end(), second.trim_end()),
            format!("{first}{indented}"),
            format!("{first}{second}").replace('\n', "\r\n"),
            format!("{first}{second}").replace('\n', "\r"),
            format!("{first}{second}").replace('\n', " "),
            format!("{first}{second}").replace("CERTIFICATE", "X509 CERTIFICATE"),
            format!("{first}# The same, in UTF-8: \u{e9}\nsubject=CN = begin\n{second}rest"),
        ] {
            let roots =
                ExtraRoots::parse_pem(bundle.as_bytes()).unwrap_or_else(|error| panic!("{error}: {bundle}"));
            assert_eq!(roots.0, [one.cert.der().clone(), two.cert.der().clone()], "{bundle}");
        }
        let latin = [b"# caf\xe9\n", first.as_bytes()].concat();
        assert_eq!(ExtraRoots::parse_pem(&latin).unwrap().0.len(), 1);
    }

    #[test]
    fn a_certificate_that_cannot_be_taken_is_named_by_its_line() {
        use InvalidPem::{Malformed, Unsupported};
        // On Windows the lines end with a carriage return.
        let good = certificate().cert.pem().replace('\r', "");
        let next = good.lines().count() + 1;
        let with = |from: &str, to: &str| format!("{good}{}", good.replace(from, to));
        for (bundle, expected) in [
            (with(" CERTIFICATE", " TRUSTED CERTIFICATE"), Unsupported(next)),
            (with(" CERTIFICATE", " certificate"), Unsupported(next)),
            (with(" CERTIFICATE", " PKCS7"), Unsupported(next)),
            (with("-----BEGIN", "----BEGIN"), Malformed(next)),
            (with("-----BEGIN", "---- BEGIN"), Malformed(next)),
            (with("-----BEGIN", "\u{2013}\u{2013}BEGIN"), Malformed(next)),
            (with("-----BEGIN ", "-----BEGIN"), Malformed(next)),
            (with("-----BEGIN CERTIFICATE-----\n", ""), Malformed(next + good.lines().count() - 2)),
            (with("CERTIFICATE-----\nM", "CERTIFICATE\nM"), Malformed(next)),
            (with("-----END CERTIFICATE", "-----END X509 CERTIFICATE"), Malformed(next)),
            (with("-----END CERTIFICATE-----\n", ""), Malformed(next)),
            (with("\n", "\\n"), Malformed(next)),
            (with("\n", "\n> "), Malformed(next)),
            (format!("{good}{}", good.replace("", "\0")), Malformed(next)),
        ] {
            assert_eq!(ExtraRoots::parse_pem(bundle.as_bytes()).unwrap_err(), expected, "{bundle}");
        }
        let request = good.replace("CERTIFICATE", "CERTIFICATE REQUEST");
        assert_eq!(ExtraRoots::parse_pem(format!("{request}{good}").as_bytes()).unwrap().0.len(), 1);
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
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (empty, one) = (file("empty", ""), file("one", &certificate().cert.pem()));
        assert_eq!(first_bundle(&["/no/such/file", &empty, &one, &one]).len(), 1);
        assert!(first_bundle(&["/no/such/file"]).is_empty());
    }
}
