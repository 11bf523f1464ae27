//! The self-test.

use crate::support::{SignIn, read_to_end, status, within_a_minute};
use keymint_callback_adapter::LoopbackListener;
use tokio::io::AsyncWriteExt;
use tokio::task::yield_now;

#[tokio::test]
async fn a_listener_finds_itself_as_often_as_it_looks_and_the_sign_in_goes_on() {
    let sign_in = SignIn::begin();
    for _ in 0..3 {
        within_a_minute(sign_in.listener.self_test()).await.unwrap();
    }
    let (browser, receiving) = sign_in.receive();
    receiving.ends_well(&browser).await;
}

#[tokio::test]
async fn two_listeners_do_not_take_each_other_for_themselves() {
    let (one, other) = (LoopbackListener::bind(0).unwrap(), LoopbackListener::bind(0).unwrap());
    let (one, other) = within_a_minute(async { tokio::join!(one.self_test(), other.self_test()) }).await;
    assert!(one.is_ok() && other.is_ok());
}

#[tokio::test]
async fn a_self_test_takes_no_place_and_needs_none() {
    let sign_in = SignIn::begin();
    let mut browser = Vec::new();
    for _ in 0..32 {
        browser.push(sign_in.browser.connect().await);
    }
    within_a_minute(sign_in.listener.self_test()).await.unwrap();

    for mut stream in browser {
        let request = sign_in.browser.fill_in("GET / HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(status(&read_to_end(stream).await), "404");
    }
}

#[tokio::test]
async fn a_crowd_does_not_push_out_a_self_test() {
    let sign_in = SignIn::begin();
    let crowd = async {
        loop {
            // More than the slots, between any two steps of the self-test.
            for _ in 0..33 {
                std::net::TcpStream::connect(("127.0.0.1", sign_in.browser.port)).unwrap();
            }
            yield_now().await;
        }
    };
    tokio::select! {
        tested = within_a_minute(sign_in.listener.self_test()) => tested.unwrap(),
        () = crowd => {}
    }
}

#[tokio::test]
async fn a_guess_at_the_probe_finds_nothing_and_changes_nothing() {
    let (browser, receiving) = SignIn::begin().receive();
    for (host, expected) in [("localhost", "404"), ("127.0.0.1", "421")] {
        for path in ["/.keymint/", "/.keymint/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            let request = browser.fill_in(&format!("GET {path} HTTP/1.1\r\nHost: {host}:PORT\r\n\r\n"));
            assert_eq!(status(&browser.send(request).await), expected, "{path} of {host}");
        }
    }
    receiving.ends_well(&browser).await;
}
