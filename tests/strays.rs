//! What else may arrive at the listener before the true callback.

use crate::support::create;
use futures_util::future::join_all;
use keymint_sandbox::{Consent, Scenario};
use keymint_testkit::{browse, connect, get, send};
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn no_stray_request_ends_a_sign_in() {
    let mut run = create(Scenario::ready()).start().await;
    let url = run.url().await;
    let state = url.rsplit_once("&state=").unwrap().1.to_owned();
    let port = run.port;

    let good = format!("/auth/callback?code=C&state={state}");
    for (target, status) in [
        ("/auth/callback?code=C&state=wrong", "400"),
        ("/auth/callback?error=access_denied", "400"),
        ("/cancel", "404"),
        ("/favicon.ico", "404"),
        ("/auth/done", "404"),
        ("/auth/callback/?code=C", "404"),
    ] {
        let answer = get(port, target).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{target}: {answer}");
    }
    for (method, status) in [("HEAD", "405"), ("POST", "405"), ("OPTIONS", "405"), ("DELETE", "405")] {
        let answer = send(
            port,
            &format!("{method} {good} HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Length: 0\r\n\r\n"),
        )
        .await
        .unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{method}: {answer}");
    }
    for (head, status) in [
        ("Host: evil.example\r\n".to_owned(), "421"),
        (format!("Host: 127.0.0.1:{port}\r\n"), "421"),
        (String::new(), "400"),
        (format!("Host: localhost:{port}\r\nSec-Purpose: prefetch\r\n"), "403"),
        (format!("Host: localhost:{port}\r\nSec-Fetch-Mode: no-cors\r\n"), "403"),
    ] {
        let answer = send(port, &format!("GET {good} HTTP/1.1\r\n{head}\r\n")).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head:?}: {answer}");
    }

    let ended = run.answer(Consent::Allow).await;
    assert_eq!((ended.code, ended.stdout.trim_end()), (0, ended.key().as_str()));
    assert_eq!(ended.count("POST", "/oauth/token"), 1);
}

#[tokio::test]
async fn the_second_of_two_callbacks_is_gone() {
    let mut run = create(Scenario::ready().reply(
        keymint_sandbox::Step::CreateKey,
        keymint_sandbox::Reply::default().delayed(std::time::Duration::MAX),
    ))
    .start()
    .await;
    browse(&run.url().await, Consent::Allow);
    run.requested("/api_keys").await;

    let answer = get(run.port, "/auth/callback?code=C&state=S").await.unwrap();

    assert!(answer.starts_with("HTTP/1.1 410 "), "{answer}");
    run.signal("INT").await;
    run.line(|line| line.contains("being created")).await;
    run.signal("INT").await;
    assert_eq!(run.end().await.code, 10);
}

/// More than any machine that means well would do: held open, in parallel, and one after the other.
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
        // Whoever was cut already cannot be written to.
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
    run.line(|line| line.contains("Created the key")).await;
    let grown = run.peak_memory().unwrap() - before;
    drop((idle, held));
    let ended = run.end().await;

    assert_eq!((ended.code, ended.stdout.trim_end()), (0, ended.key().as_str()));
    assert!(grown < 8 * 1024 * 1024, "{grown} bytes");
}
