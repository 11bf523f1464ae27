//! Floods of connections.

use crate::support::{SignIn, read_to_end, read_until, status, within_a_minute};
use futures_util::future::join_all;
use keymint_callback_adapter::Outcome;
use std::io::Write;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::runtime::Handle;

#[tokio::test]
async fn the_good_callback_is_answered_while_500_idle_connections_are_held_open() {
    let (browser, receiving) = SignIn::begin().receive();
    let mut idle = Vec::new();
    for _ in 0..500 {
        idle.push(browser.connect().await);
    }
    assert_eq!(status(&browser.send(browser.good()).await), "303");
    let tasks = Handle::current().metrics().num_alive_tasks();
    assert!(tasks < 40, "{tasks} tasks");
    assert_eq!(receiving.response().await, "granted C");
    drop(idle);
}

/// Connects all before the runtime can accept any, so that they arrive in one batch.
#[tokio::test]
async fn a_good_callback_that_a_hundred_newer_connections_follow_at_once_is_answered() {
    for round in 0..20 {
        let (browser, receiving) = SignIn::begin().receive();
        let connect = || std::net::TcpStream::connect(("127.0.0.1", browser.port)).unwrap();
        let mut good = connect();
        good.write_all(browser.good().as_bytes()).unwrap();
        let idle: Vec<_> = (0..100).map(|_| connect()).collect();

        good.set_nonblocking(true).unwrap();
        let answer = read_to_end(TcpStream::from_std(good).unwrap()).await;

        assert_eq!(status(&answer), "303", "round {round}");
        assert_eq!(receiving.response().await, "granted C", "round {round}");
        drop(idle);
    }
}

#[tokio::test]
async fn half_requests_do_not_keep_the_good_callback_waiting() {
    let (browser, receiving) = SignIn::begin().receive();
    let mut held = Vec::new();
    for half in
        ["GET /auth/callb", "POST / HTTP/1.1\r\nContent-Length: 5000\r\n\r\nabc", "GET / HTTP/1.1\r\nHost: "]
    {
        for _ in 0..20 {
            let mut stream = browser.connect().await;
            stream.write_all(half.as_bytes()).await.unwrap();
            held.push(stream);
        }
    }
    receiving.ends_well(&browser).await;
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_good_callback_among_garbage_wins_every_time() {
    for round in 0..20 {
        let (browser, receiving) = SignIn::begin().receive();
        let garbage =
            (0..25).map(|number| browser.send([b"GET /\r\n\0", b"\x16\x03\x01\x02\0\0\0\0"][number % 2]));
        let good = browser.good();
        let (answer, _) = tokio::join!(browser.send(&good), join_all(garbage));
        assert_eq!(status(&answer), "303", "round {round}");
        assert_eq!(receiving.response().await, "granted C", "round {round}");
    }
}

#[tokio::test]
async fn a_crowd_does_not_push_out_the_reader_of_the_page() {
    let (browser, listener) = SignIn::done().await;
    let mut page = browser.connect().await;
    page.write_all(browser.page().as_bytes()).await.unwrap();
    read_until(&mut page, "Creating your key").await;

    let mut crowd = Vec::new();
    for _ in 0..100 {
        crowd.push(browser.connect().await);
    }
    // A response to the newest proves that the flood before it was accepted.
    assert_eq!(status(&browser.send(browser.good()).await), "410");

    let (page, ()) =
        tokio::join!(read_to_end(page), within_a_minute(listener.conclude(Outcome::KeyDelivered)));
    assert!(page.contains("Key ready"), "{page}");
}
