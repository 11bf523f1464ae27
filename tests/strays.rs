//! Other requests that may arrive at the listener before the right callback.

use crate::support::create;
use futures_util::future::join_all;
use keymint_sandbox::{Consent, Reply, Scenario, Step};
use keymint_testkit::{browse, connect, get, send};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn no_stray_request_ends_a_sign_in() {
    let mut run = create(Scenario::ready()).start().await;
    let url = run.url().await;
    let state = url.rsplit_once("&state=").unwrap().1.to_owned();
    let port = run.port;

    let good = format!("/auth/callback?code=C&state={state}");
    let host = format!("Host: localhost:{port}");
    for (method, target, headers, status) in [
        ("GET", "/auth/callback?code=C&state=wrong", &*host, "400"),
        ("GET", "/auth/callback?error=access_denied", &host, "400"),
        ("GET", "/cancel", &host, "404"),
        ("GET", "/favicon.ico", &host, "404"),
        ("GET", "/auth/done", &host, "404"),
        ("GET", "/auth/callback/?code=C", &host, "404"),
        ("HEAD", &good, &host, "405"),
        ("POST", &good, &format!("{host}\r\nContent-Length: 0"), "405"),
        ("OPTIONS", &good, &host, "405"),
        ("DELETE", &good, &host, "405"),
        ("GET", &good, "Host: evil.example", "421"),
        ("GET", &good, &format!("Host: 127.0.0.1:{port}"), "421"),
        ("GET", &good, "Accept: */*", "400"),
        ("GET", &good, &format!("{host}\r\nSec-Purpose: prefetch"), "403"),
        ("GET", &good, &format!("{host}\r\nSec-Fetch-Mode: no-cors"), "403"),
    ] {
        let answer = send(port, &format!("{method} {target} HTTP/1.1\r\n{headers}\r\n\r\n")).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{method} {target} {headers}: {answer}");
    }

    let ended = run.answer(Consent::Allow).await;
    assert_eq!((ended.code, ended.stdout.trim_end()), (0, ended.key().as_str()));
    assert_eq!(ended.count("POST", "/oauth/token"), 1);
}

#[tokio::test]
async fn the_second_of_two_callbacks_is_gone() {
    let scenario = Scenario::ready().reply(Step::CreateKey, Reply::default().delayed(Duration::MAX));
    let mut run = create(scenario).start().await;
    browse(&run.url().await, Consent::Allow);
    run.requested("/api_keys").await;

    let answer = get(run.port, "/auth/callback?code=C&state=S").await.unwrap();

    assert!(answer.starts_with("HTTP/1.1 410 "), "{answer}");
    run.signal("INT").await;
    run.line(|line| line.contains("being created")).await;
    run.signal("INT").await;
    assert_eq!(run.end().await.code, 10);
}

/// The load exceeds that of any benign machine: connections held open, in parallel, and one after the other.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_crowd_neither_delays_the_true_callback_nor_takes_memory() {
    let mut run = create(Scenario::ready()).start().await;
    run.url().await;
    let (port, before) = (run.port, run.peak_memory().unwrap());

    let idle = join_all((0..500).map(|_| connect(port))).await;
    let garbage = [
        "GET /\r\n\0",
        "\u{16}\u{3}\u{1}\u{2}\0\0",
        "POST / HTTP/1.1\r\nContent-Length: 1000000000000\r\n\r\n",
        "GET / HTTP/1.1\r\nX: ",
    ];
    let held = join_all((0..200).map(async |number| {
        let mut stream = connect(port).await.unwrap();
        // A connection that was already closed cannot be written to.
        let _ = stream.write_all(garbage[number % garbage.len()].as_bytes()).await;
        stream
    }))
    .await;
    let wrong = "/auth/callback?code=C&state=wrong";
    join_all((0..10).map(async |_| {
        for _ in 0..1000 {
            let answer = get(port, wrong).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        }
    }))
    .await;

    run.browser(Consent::Allow).await;
    run.line(|line| line.contains("Created \"")).await;
    let grown = run.peak_memory().unwrap() - before;
    drop((idle, held));
    let ended = run.end().await;

    assert_eq!((ended.code, ended.stdout.trim_end()), (0, ended.key().as_str()));
    assert!(grown < 8 * 1024 * 1024, "{grown} bytes");
}
