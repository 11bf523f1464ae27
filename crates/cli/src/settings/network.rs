//! The way to the servers: which certificates to trust, and through which proxy.

use super::options::{Environment, Options, plain_text, variable};
use crate::failure::Failure;
use keymint_http_adapter::ExtraRoots;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use url::Url;

/// Longest bundle of certificates that is read, in bytes. A system's own has a quarter of a million.
const LONGEST_PEM: u64 = 8 * 1024 * 1024;

/// A file of certificates, and what names it.
pub(crate) struct Bundle {
    pub(crate) source: String,
    pub(crate) path: String,
}

/// The file of `--ca-file`, or the one that a variable names.
pub(crate) fn bundle(
    flag: &Option<String>,
    environment: &dyn Environment,
) -> Result<Option<Bundle>, Failure> {
    let own = variable("ca-file");
    if let Some(path) = Options(environment).find("ca-file", flag, plain_text)? {
        let source = if flag.is_some() { "--ca-file".to_owned() } else { own };
        return Ok(Some(Bundle { source, path }));
    }
    for name in ["CODEX_CA_CERTIFICATE", "SSL_CERT_FILE"] {
        if let Some(path) = environment.get(name)? {
            return Ok(Some(Bundle { source: name.to_owned(), path }));
        }
    }
    Ok(None)
}

impl Bundle {
    /// The certificates in it.
    pub(crate) fn read(&self) -> Result<ExtraRoots, Failure> {
        let Self { source, path } = self;
        let pem = read_pem(Path::new(path))
            .map_err(|error| Failure::usage(format!("{source}: {path} cannot be read: {error}")))?;
        ExtraRoots::parse_pem(&pem).map_err(|error| Failure::usage(format!("{source}: {path}: {error}")))
    }
}

/// Reads a file that cannot be without end.
fn read_pem(path: &Path) -> io::Result<Vec<u8>> {
    let mut pem = Vec::new();
    File::open(path)?.take(LONGEST_PEM + 1).read_to_end(&mut pem)?;
    if pem.len() as u64 > LONGEST_PEM { Err(io::Error::other("it has more than 8 MiB")) } else { Ok(pem) }
}

/// A proxy, and the variable that names it.
pub(crate) struct Proxy {
    pub(crate) source: &'static str,
    /// Without the name and the password that it may ask for.
    pub(crate) address: String,
}

/// The proxy on the way to servers elsewhere. One that cannot be understood would be passed by
/// without a word, so it is an error.
pub(crate) fn proxy(environment: &dyn Environment) -> Result<Option<Proxy>, Failure> {
    for source in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let Some(value) = environment.get(source)? else { continue };
        let address = proxy_address(&value).ok_or_else(|| {
            Failure::usage(format!(
                "{source}: it must be a proxy such as http://host:3128; other kinds than http and https are not supported"
            ))
        })?;
        return Ok(Some(Proxy { source, address }));
    }
    Ok(None)
}

fn proxy_address(value: &str) -> Option<String> {
    let url = if value.contains("://") { Url::parse(value) } else { Url::parse(&format!("http://{value}")) };
    let url = url.ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{}://{}{port}", url.scheme(), url.host_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::resolve;
    use std::collections::HashMap;

    #[test]
    fn a_bundle_of_no_use_is_told_with_its_source_and_without_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let private = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let large = vec![b'x'; usize::try_from(LONGEST_PEM).unwrap() + 1];
        for (name, content, expected) in [
            ("empty", &b""[..], "it holds no certificate"),
            ("text", b"canary", "it holds no certificate"),
            ("private", private.as_bytes(), "it holds no certificate"),
            ("cut", b"-----BEGIN CERTIFICATE-----\ncanary", "it is not well-formed PEM"),
            ("large", &large, "it has more than 8 MiB"),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            let path = path.to_str().unwrap();
            let Err(failure) = resolve(&["--ca-file", path], &[]) else { panic!("{name} was accepted") };
            let message = failure.message;
            assert!(
                message.starts_with(&format!("--ca-file: {path}")) && message.contains(expected),
                "{message}"
            );
            assert!(
                !message.contains("canary") && private.lines().all(|line| !message.contains(line)),
                "{message}"
            );
        }
        let folder = folder.path().to_str().unwrap();
        assert!(resolve(&["--ca-file", folder], &[]).is_err(), "a folder");
    }

    #[test]
    fn a_proxy_counts_only_where_it_would_be_used() {
        for environment in [
            &[("HTTPS_PROXY", "http://user:password@proxy:3128")][..],
            &[("HTTPS_PROXY", "proxy:3128"), ("ALL_PROXY", "socks5://not.used:1")],
            &[("HTTP_PROXY", "::::")],
        ] {
            assert!(resolve(&[], environment).is_ok(), "{environment:?}");
        }
        let environment: HashMap<&str, &str> = [("ALL_PROXY", "user:canary@proxy:3128")].into();
        let proxy = proxy(&environment).unwrap().unwrap();
        assert_eq!((proxy.source, proxy.address.as_str()), ("ALL_PROXY", "http://proxy:3128"));
        let sandbox = ["--issuer", "http://127.0.0.1:1", "--api-base", "http://[::1]:1"];
        assert!(resolve(&sandbox, &[("HTTPS_PROXY", "::::")]).is_ok());
    }
}
