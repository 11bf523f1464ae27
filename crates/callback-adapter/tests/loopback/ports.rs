//! The ports that the listener holds, and their release.

use crate::support::{SignIn, read_to_end, status, within_a_minute};
use keymint_callback_adapter::{BindErrorKind, LoopbackListener, Outcome};
use keymint_domain::ResponseSource;
use std::error::Error;
use std::io;
use std::net::{TcpListener, UdpSocket};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::task::yield_now;

/// Returns whether the system has `[::1]`, and prints that the test is skipped if not.
fn there_is_ipv6() -> bool {
    let there_is = TcpListener::bind("[::1]:0").is_ok();
    if !there_is {
        eprintln!("SKIPPED: this machine has no IPv6");
    }
    there_is
}

#[tokio::test]
async fn the_redirect_uri_names_localhost_and_the_port() {
    let listener = LoopbackListener::bind(0).unwrap();
    let port = listener.redirect_uri().port().unwrap();
    assert_eq!(listener.redirect_uri().as_str(), format!("http://localhost:{port}/auth/callback"));

    let listener = LoopbackListener::bind_at(0, "/o/a b").unwrap();
    assert_eq!(listener.redirect_uri().path(), "/o/a%20b");
}

#[tokio::test]
async fn another_path_can_be_registered() {
    let (browser, receiving) = SignIn::begin_at(LoopbackListener::bind_at(0, "/other").unwrap()).receive();
    assert_eq!(status(&browser.send(browser.good()).await), "404");
    assert_eq!(status(&browser.send(browser.good().replace("/auth/callback", "/other")).await), "303");
    assert_eq!(receiving.response().await, "granted C");
}

#[tokio::test]
async fn both_addresses_of_localhost_are_served() {
    if !there_is_ipv6() {
        return;
    }
    for address in ["127.0.0.1", "::1"] {
        let sign_in = SignIn::begin();
        assert!(TcpStream::connect((address, sign_in.browser.port)).await.is_ok(), "{address}");
    }
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_names_the_address_and_nothing_is_held_or_sent() {
    for (taken, expected, free) in [
        ("127.0.0.1", "127.0.0.1", "[::1]"),
        // On Windows, each address can be bound although another socket is bound to all addresses.
        #[cfg(unix)]
        ("0.0.0.0", "127.0.0.1", "[::1]"),
        #[cfg(unix)]
        ("[::]", "127.0.0.1", ""),
        ("[::1]", "[::1]", "127.0.0.1"),
    ] {
        if !there_is_ipv6() && taken != "127.0.0.1" {
            continue;
        }
        let stranger = TcpListener::bind(format!("{taken}:0")).unwrap();
        let port = stranger.local_addr().unwrap().port();
        let error = LoopbackListener::bind(port).unwrap_err();
        assert_eq!(error.address.to_string(), format!("{expected}:{port}"), "{taken}");
        assert_eq!(error.kind, BindErrorKind::InUse, "{taken}");
        assert_eq!(error.to_string(), format!("cannot listen on {expected}:{port}"));
        assert!(error.source().is_some());

        if !free.is_empty() {
            TcpListener::bind(format!("{free}:{port}")).expect(taken);
        }
        stranger.set_nonblocking(true).unwrap();
        assert_eq!(stranger.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock, "{taken}");
    }
}

/// Runs this test again without IPv6, in its own network namespace.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn without_ipv6_the_listener_is_on_ipv4_alone() {
    const THERE: &str = "KEYMINT_TEST_WITHOUT_IPV6";
    if std::env::var_os(THERE).is_some() {
        let (browser, receiving) = SignIn::begin().receive();
        receiving.ends_well(&browser).await;
        assert!(TcpListener::bind("[::1]:0").is_err(), "there is IPv6 after all");
        return;
    }
    let without_ipv6 = |command: &str| {
        let script =
            format!("ip link set lo up && echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6 && {command}");
        let test = std::env::current_exe().unwrap();
        std::process::Command::new("unshare")
            .args(["-rn", "sh", "-c", &script])
            .arg(test)
            .env(THERE, "1")
            .output()
    };
    if !without_ipv6("true").is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: no network namespace can be made here");
        return;
    }
    let test = "exec \"$0\" --exact ports::without_ipv6_the_listener_is_on_ipv4_alone";
    let output = without_ipv6(test).unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn of_two_at_once_the_second_fails_and_the_first_goes_on() {
    let (browser, receiving) = SignIn::begin().receive();
    assert_eq!(LoopbackListener::bind(browser.port).unwrap_err().kind, BindErrorKind::InUse);
    receiving.ends_well(&browser).await;
}

#[tokio::test]
async fn a_port_can_be_bound_again_right_after_a_conclusion() {
    let (browser, listener) = SignIn::done().await;
    within_a_minute(listener.conclude(Outcome::KeyDelivered)).await;
    LoopbackListener::bind(browser.port).unwrap();
}

#[tokio::test]
async fn a_connection_of_an_earlier_sign_in_does_not_reach_the_next_one() {
    let (browser, receiving) = SignIn::begin().receive();
    let mut idle = browser.connect().await;
    let mut answered = browser.connect().await;
    answered.write_all(browser.good().as_bytes()).await.unwrap();
    let (listener, _) = receiving.end().await;
    within_a_minute(listener.conclude(Outcome::KeyDelivered)).await;

    let (browser, receiving) = SignIn::begin_at(LoopbackListener::bind(browser.port).unwrap()).receive();
    // The system may or may not accept the first write.
    let _ = idle.write_all(browser.good().as_bytes()).await;
    let _ = answered.write_all(browser.good().as_bytes()).await;
    assert_eq!(read_to_end(idle).await, "");
    assert_eq!(read_to_end(answered).await.matches("HTTP/1.1 ").count(), 1);
    receiving.ends_well(&browser).await;
}

#[tokio::test]
async fn no_connection_to_another_address_of_this_machine_reaches_the_listener() {
    // No packet is sent: this only determines the address from which the system would send.
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    let address =
        socket.connect("192.0.2.1:9").and_then(|()| socket.local_addr()).map(|address| address.ip());
    let Some(address) = address.ok().filter(|address| !address.is_loopback()) else {
        eprintln!("SKIPPED: this machine has no address but the loopback ones");
        return;
    };
    let sign_in = SignIn::begin();
    let error = TcpStream::connect((address, sign_in.browser.port)).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    assert!(TcpStream::connect(("127.0.0.1", sign_in.browser.port)).await.is_ok());
}

#[tokio::test]
async fn a_dropped_listener_leaves_no_port_and_no_task() {
    let sign_in = SignIn::begin();
    let port = sign_in.browser.port;
    let mut idle = Vec::new();
    for _ in 0..5 {
        idle.push(sign_in.browser.connect().await);
    }
    drop(sign_in);
    within_a_minute(async {
        while Handle::current().metrics().num_alive_tasks() > 0 {
            yield_now().await;
        }
    })
    .await;
    for address in ["127.0.0.1", "::1"] {
        assert!(TcpStream::connect((address, port)).await.is_err(), "{address}");
    }
}

#[tokio::test]
async fn waiting_can_be_given_up_and_taken_up_again() {
    let SignIn { mut listener, pending, browser } = SignIn::begin();
    tokio::select! {
        biased;
        _ = listener.receive(&pending) => panic!("no response was sent"),
        () = yield_now() => {}
    }
    let good = browser.good();
    let (response, answer) = tokio::join!(listener.receive(&pending), browser.send(&good));
    assert_eq!((response.is_ok(), status(&answer)), (true, "303"));

    let error = listener.receive(&pending).await.unwrap_err();
    assert_eq!(error.to_string(), "the loopback listener is closed");
}

#[test]
fn a_listener_whose_runtime_is_gone_is_an_error_and_no_panic() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let mut sign_in = first.block_on(async { SignIn::begin() });
    drop(first);
    runtime().block_on(async {
        assert!(sign_in.listener.receive(&sign_in.pending).await.is_err());
        within_a_minute(sign_in.listener.conclude(Outcome::NoKey)).await;
    });
}
