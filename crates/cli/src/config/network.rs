//! The settings of requests: timeout, trusted certificates and proxy.

use super::sources::{Given, Source, Sources};
use crate::args::values::{plain_text, wait};
use crate::error::CliError;
use crate::os::env::Environment;
use crate::ui::format::shown;
use keymint_delivery_adapter::{check_trusted_directory, read_trusted};
use keymint_domain::text::redact_typed;
use keymint_http_adapter::{ExtraRoots, HttpOptions, ProxySettings};
use std::path::Path;

/// The maximum size of a bundle of certificates, in bytes. A system's bundle has about 250,000.
const LONGEST_PEM: u64 = 8 * 1024 * 1024;

/// Resolves the options of the HTTP client.
pub(super) fn http(
    timeout: &Option<String>,
    ca_file: &Option<String>,
    of: &Sources<'_>,
) -> Result<HttpOptions, CliError> {
    let mut http = HttpOptions::default();
    http.proxy = proxy_settings(of.environment);
    of.override_default(&mut http.request_timeout, "http-timeout", timeout, wait)?;
    // Shorter than the limit of the whole request, so that a slow connection is reported as such.
    http.connect_timeout = http.connect_timeout.min(http.request_timeout / 2);
    http.extra_roots = extra_roots(of, bundle(of, ca_file)?.as_ref())?;
    Ok(http)
}

/// Environment variables that name files and directories of certificates to use instead of the system's, on systems
/// where rustls' verifier reads them.
const REPLACES_SYSTEM: Option<[&str; 2]> = if cfg!(all(unix, not(target_vendor = "apple"))) {
    Some(["SSL_CERT_FILE", "SSL_CERT_DIR"])
} else {
    None
};

/// Returns the certificates of the bundle, and those that the verifier trusts because of a variable. All of them are
/// parsed here, and a file that another user may replace is an error.
pub(crate) fn extra_roots(of: &Sources<'_>, bundle: Option<&CaBundle>) -> Result<ExtraRoots, CliError> {
    let mut roots = bundle.map_or_else(|| Ok(ExtraRoots::default()), CaBundle::read)?;
    let Some([file, directories]) = REPLACES_SYSTEM else { return Ok(roots) };
    if let Some(path) =
        of.environment.get(file)?.filter(|path| bundle.is_none_or(|bundle| bundle.path != *path))
    {
        roots = roots.and(CaBundle { source: file.to_owned(), path }.read()?);
    }
    for path in std::env::split_paths(&of.environment.get(directories)?.unwrap_or_default()) {
        check_trusted_directory(&path).map_err(|error| {
            CliError::usage(format!("{directories}: {} cannot be trusted: {error}", shown(&path)))
        })?;
    }
    Ok(roots)
}

/// A file of certificates, and its source: a flag, a variable or a line of the configuration file.
pub(crate) struct CaBundle {
    pub(crate) source: String,
    pub(crate) path: String,
}

/// Returns the file from `--ca-file`, or else from a variable or the configuration file.
pub(crate) fn bundle(of: &Sources<'_>, flag: &Option<String>) -> Result<Option<CaBundle>, CliError> {
    let given = match flag {
        Some(path) => Some(("--ca-file".to_owned(), path.clone())),
        None => roots_file(of)?.map(|Given { value, source }| (source.about("ca-file"), value)),
    };
    let Some((source, path)) = given else { return Ok(None) };
    let path = plain_text(&path).map_err(|error| CliError::usage(format!("{source}: {error}")))?;
    Ok(Some(CaBundle { source, path }))
}

impl CaBundle {
    /// Reads the certificates of the file.
    pub(crate) fn read(&self) -> Result<ExtraRoots, CliError> {
        let Self { source, path } = self;
        let shown = redact_typed(path);
        let pem = read_trusted(Path::new(path), LONGEST_PEM).map_err(|error| {
            CliError::usage(format!("{source}: {shown} cannot be read: {error}"))
                .hint("Name a file of PEM certificates that you may read.")
        })?;
        ExtraRoots::parse_pem(&pem).map_err(|error| CliError::usage(format!("{source}: {shown}: {error}")))
    }
}

/// Returns the bundle of certificates if there is no flag. The variables of other programs come last.
pub(crate) fn roots_file(of: &Sources<'_>) -> Result<Option<Given>, CliError> {
    if let Some(given) = of.raw("ca-file")? {
        return Ok(Some(given));
    }
    for name in ["CODEX_CA_CERTIFICATE", "SSL_CERT_FILE"] {
        if let Some(value) = of.environment.get(name)? {
            return Ok(Some(Given { value, source: Source::Variable(name.to_owned()) }));
        }
    }
    Ok(None)
}

/// Returns the proxy and its exceptions.
pub(crate) fn proxy_settings(environment: &dyn Environment) -> ProxySettings {
    // Text that is not UTF-8 becomes an invalid proxy, which matters only if the proxy would be used.
    let unreadable = |_| Some(char::REPLACEMENT_CHARACTER.to_string());
    ProxySettings::from_variables(|name| environment.get(name).unwrap_or_else(unreadable))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::resolve;

    #[test]
    fn an_unusable_bundle_is_reported_with_its_source_and_without_its_content() {
        let directory = tempfile::tempdir().unwrap();
        let private = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let large = vec![b'x'; usize::try_from(LONGEST_PEM).unwrap() + 1];
        for (name, content, expected) in [
            ("empty", &b""[..], "it contains no certificate"),
            ("text", b"canary", "it contains no certificate"),
            ("private", private.as_bytes(), "it contains no certificate"),
            ("cut", b"-----BEGIN CERTIFICATE-----\ncanary", "malformed PEM"),
            ("large", &large, "it has more than 8 MiB"),
        ] {
            let path = directory.path().join(name);
            std::fs::write(&path, content).unwrap();
            let path = path.to_str().unwrap();
            let Err(failure) = resolve(&["--ca-file", path], &[]) else { panic!("{name} was accepted") };
            let message = failure.message();
            assert!(message.starts_with(&format!("--ca-file: {path}")), "{message}");
            assert!(message.contains(expected) && !message.contains("canary"), "{message}");
            assert!(private.lines().all(|line| !message.contains(line)), "{message}");
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let path = directory.path().join("text");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
            let Err(failure) = resolve(&["--ca-file", path.to_str().unwrap()], &[]) else {
                panic!("accepted")
            };
            assert!(failure.message().contains("other users can write to it"), "{}", failure.message());
        }
        let directory = directory.path().to_str().unwrap();
        assert!(resolve(&["--ca-file", directory], &[]).is_err(), "a directory");
    }
}
