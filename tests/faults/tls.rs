//! Connections that are not trusted. Nothing is sent over them.

use super::fault::nothing;
use super::run::{Ended, create};
use super::server::{CANARY, FaultServer, Step};
use keymint_testkit::{Authority, Counts, Relay, Shows, acceptor, authority, certificate_for, showing};
use rcgen::{KeyPair, date_time_ymd};
use serde_json::Value;
use tempfile::NamedTempFile;

#[tokio::test]
async fn nothing_is_sent_over_a_connection_that_cannot_be_trusted() {
    let (known, unknown, impostor) = (authority("known"), authority("unknown"), authority("known"));
    let mut expired = certificate_for("127.0.0.1");
    (expired.not_before, expired.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    let mut early = certificate_for("127.0.0.1");
    (early.not_before, early.not_after) = (date_time_ymd(4000, 1, 1), date_time_ymd(4001, 1, 1));
    let signed = |params, by: &Authority| Shows::Certificate(acceptor(by, params));
    let key = KeyPair::generate().unwrap();
    let alone = certificate_for("127.0.0.1").self_signed(&key).unwrap();
    let alone = Shows::Certificate(showing(alone.der().clone(), &key));

    for (shows, words) in [
        (
            signed(certificate_for("127.0.0.1"), &unknown),
            "the certificate of 127.0.0.1 is not trusted: it was signed by an unknown certificate authority",
        ),
        (
            signed(certificate_for("127.0.0.1"), &impostor),
            "is not trusted: its signature is not that of its issuer",
        ),
        (alone, "is not trusted"),
        (
            signed(certificate_for("other.example"), &known),
            "is not trusted: it is for another host: other.example",
        ),
        (
            signed(expired, &known),
            "is not trusted: it expired on Fri, 01 Jan 2021 00:00:00 GMT, and this machine's clock says ",
        ),
        (
            signed(early, &known),
            "is not trusted: it is not valid before Sat, 01 Jan 4000 00:00:00 GMT, and this machine's clock says ",
        ),
        (Shows::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\ncanary"), "the TLS handshake with"),
    ] {
        for step in [Step::T, Step::S] {
            let (server, ended) = visit(step, shows.clone(), &known, "30s").await;
            refused(step, &ended, words);
            for hint in ["--ca-file", "clock", "--issuer and --api-base"] {
                assert!(ended.stderr.contains(hint), "{}", ended.stderr);
            }
            assert_eq!((server.accepted, server.used), (1, 0), "{}", ended.stderr);
        }
    }
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_given_up() {
    let authority = authority("known");
    for shows in [Shows::Nothing, Shows::Bytes(b"")] {
        for step in [Step::T, Step::S] {
            let (server, ended) = visit(step, shows.clone(), &authority, "2s").await;
            refused(step, &ended, "failed: ");
            // The same attempt may succeed a little later, so it may be retried.
            assert!(server.accepted > 0 && server.used == 0, "{}", ended.stderr);
        }
    }
}

#[tokio::test]
async fn the_same_server_is_trusted_with_its_authority() {
    let authority = authority("known");
    for step in [Step::T, Step::S] {
        let shows = Shows::Certificate(acceptor(&authority, certificate_for("127.0.0.1")));
        let (server, ended) = visit(step, shows, &authority, "30s").await;
        assert_eq!((ended.code, server.used), (0, 1), "{}", ended.stderr);
    }
}

/// Runs the program with this server at this step, and with trust in this authority.
async fn visit(step: Step, shows: Shows, trusted: &Authority, http_timeout: &str) -> (Counts, Ended) {
    let pem = NamedTempFile::new().unwrap();
    std::fs::write(pem.path(), trusted.pem()).unwrap();
    let (server, other) = (Relay::showing(shows).await, FaultServer::start(Step::K, nothing(), 0).await);
    server.lead_to(&other.url);
    let (issuer, api_base) =
        if step == Step::T { (&server.url, &other.url) } else { (&other.url, &server.url) };
    let args = ["--ca-file", pem.path().to_str().unwrap(), "--http-timeout", http_timeout];
    let ended = create(issuer, api_base, &args, async |_| {}).await;
    // All steps, or those before the one at which nothing is sent, and the revocation.
    let asked = match step {
        _ if ended.code == 0 => Step::ALL.len() + 1,
        Step::T => 0,
        _ => 2,
    };
    assert_eq!(other.requests().len(), asked, "{}", ended.stderr);
    (server.counts(), ended)
}

fn refused(step: Step, ended: &Ended, words: &str) {
    let Ended { code, stdout, stderr, page, port_is_free, .. } = ended;
    let json: Value = serde_json::from_str(stdout).unwrap();
    assert_eq!((*code, json["kind"].as_str()), (6, Some("network")), "{step:?}: {stderr}");
    assert!(stderr.contains(words), "{stderr}");
    assert!(![stdout, stderr, page].iter().any(|text| text.contains(CANARY)), "{stderr}");
    assert!(*port_is_free && !stderr.contains("panicked"), "{stderr}");
}
