//! The certificates that are trusted.

use crate::server::Server;
use crate::support::{STEPS, assert_clean, call};
use keymint_domain::ServiceErrorKind::NotSent;
use keymint_domain::{BaseUrl, ConnectFailure, ServiceError, Step};
use keymint_http_adapter::{ExtraRoots, Http, HttpOptions};
use keymint_testkit::{Authority, acceptor, authority, certificate_for};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, date_time_ymd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Starts a server with a certificate of this authority.
async fn server(authority: &Authority, params: CertificateParams) -> Server {
    Server::start_with(Some(acceptor(authority, params))).await
}

pub(crate) fn trusting(authority: &Authority) -> Http {
    let mut options = HttpOptions::default();
    options.extra_roots = ExtraRoots::parse_pem(authority.pem().as_bytes()).unwrap();
    Http::new(options)
}

/// Returns the error of a call that must not send a request.
async fn untrusted(http: &Http, server: &Server) -> ServiceError {
    let error = call(http, &server.url, Step::CreateKey).await.expect_err("the certificate is untrusted");
    assert_eq!(error.kind, NotSent(ConnectFailure::Tls), "{error}");
    assert_eq!(server.seen().requests, 0);
    assert_clean(&error);
    error
}

#[tokio::test]
async fn an_extra_root_is_trusted_at_every_step() {
    let authority = authority("a company");
    for step in STEPS {
        let server = server(&authority, certificate_for("localhost")).await;
        call(&trusting(&authority), &server.url, step).await.unwrap();
        assert_eq!(server.seen().requests, 1);
    }
}

/// Runs the test above again with `SSLKEYLOGFILE` set.
#[test]
fn the_keys_of_a_connection_are_written_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("keys");
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tls::an_extra_root_is_trusted_at_every_step"])
        .env("SSLKEYLOGFILE", &log)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    assert!(!log.exists());
}

#[tokio::test]
async fn an_unknown_authority_is_not_trusted() {
    let (known, unknown) = (authority("known"), authority("unknown"));
    let server = server(&unknown, certificate_for("localhost")).await;
    for http in [Http::new(HttpOptions::default()), trusting(&known)] {
        let error = untrusted(&http, &server).await;
        assert!(error.detail.contains(": the certificate of localhost is not trusted: "), "{error}");
        assert!(!error.detail.contains("invalid peer certificate"), "it is said twice: {error}");
    }
}

#[tokio::test]
async fn a_check_of_a_server_depends_on_trust_and_an_untrusted_one_gets_no_request() {
    let (known, unknown) = (authority("known"), authority("unknown"));
    let server = server(&known, certificate_for("localhost")).await;
    let url = BaseUrl::parse(&server.url).unwrap();
    let error = trusting(&unknown).platform_api(url.clone()).unwrap().check_answer().await.unwrap_err();
    assert!(error.to_string().contains("not trusted"), "{error}");
    assert_eq!(error.kind, NotSent(ConnectFailure::Tls), "{error:?}");
    assert_eq!(server.seen().requests, 0);
    trusting(&known).platform_api(url).unwrap().check_answer().await.unwrap();
    assert_eq!(server.seen().requests, 1);
}

#[tokio::test]
async fn a_certificate_for_another_name_or_another_time_is_not_trusted() {
    let authority = authority("a company");
    let mut expired = certificate_for("localhost");
    (expired.not_before, expired.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    for (params, words) in [(certificate_for("other.example"), "other.example"), (expired, "expired")] {
        let error = untrusted(&trusting(&authority), &server(&authority, params).await).await;
        assert!(error.detail.contains(words), "{error}");
    }
}

/// The first certificate has the form that `openssl req -x509` creates.
#[tokio::test]
async fn a_certificate_that_breaks_a_rule_is_explained_in_words() {
    let authority = authority("a company");
    let mut self_signed = certificate_for("localhost");
    self_signed.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let mut for_clients = certificate_for("localhost");
    for_clients.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    for (params, words) in [
        (self_signed, "is not trusted: it is a CA certificate, which a server must not use"),
        (for_clients, "is not trusted: it is not a server certificate"),
    ] {
        let error = untrusted(&trusting(&authority), &server(&authority, params).await).await;
        assert!(error.detail.contains(words), "{error}");
        let cause = error.detail.rsplit(": ").next().unwrap();
        assert!(!cause.contains(['(', '{', ':', '"']), "{error}");
    }
}

#[tokio::test]
async fn plain_http_where_tls_is_due_is_no_secure_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        socket.read_to_end(&mut Vec::new()).await.ok();
    });
    let error = call(&Http::new(HttpOptions::default()), &url, Step::Login).await.unwrap_err();
    assert_eq!(error.kind, NotSent(ConnectFailure::Tls), "{error}");
    assert!(error.detail.contains(": the TLS handshake with 127.0.0.1 failed: "), "{error}");
}
