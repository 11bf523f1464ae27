//! Connections that are opened before the first request.

use crate::proxies::with_proxy_and;
use crate::server::{Seen, Server};
use crate::support::{base, call, http, read_request};
use crate::tls::trusting;
use async_trait::async_trait;
use keymint_domain::{Clock, Moment, ServiceError, Step};
use keymint_http_adapter::{ExtraRoots, Http, HttpOptions};
use keymint_testkit::{acceptor, authority, certificate_for};
use std::env;
use std::future::Future;
use std::sync::Mutex;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

const PLATFORM: [Step; 4] = [Step::Login, Step::ListOrganizations, Step::ListProjects, Step::CreateKey];

/// Creates the adapters of both services, and opens their connections.
async fn preconnect(http: &Http, issuer: &str, api_base: &str) {
    http.auth_server(base(issuer)).unwrap();
    http.platform_api(base(api_base)).unwrap();
    http.preconnect().await;
}

fn seen(connections: usize, open: usize, requests: usize) -> Seen {
    Seen { connections, open, requests }
}

/// A server without TLS and one with it, each with a client that trusts it.
async fn servers() -> [(Server, Http); 2] {
    let authority = authority("a company");
    let tls = Server::start_with(Some(acceptor(&authority, certificate_for("localhost")))).await;
    [(Server::start().await, http()), (tls, trusting(&authority))]
}

#[tokio::test]
async fn the_first_request_finds_a_connection_on_which_nothing_was_said() {
    let (issuer, api, http) = (Server::start().await, Server::start().await, http());
    preconnect(&http, &issuer.url, &api.url).await;
    for server in [&issuer, &api] {
        server.until(|seen| seen.connections == 1).await;
        assert_eq!(server.seen(), seen(1, 1, 0));
    }
    call(&http, &issuer.url, Step::ExchangeCode).await.unwrap();
    assert_eq!(issuer.seen(), seen(1, 1, 1));
    for step in PLATFORM {
        call(&http, &api.url, step).await.unwrap();
    }
    assert_eq!(api.seen(), seen(1, 1, PLATFORM.len()));
}

#[tokio::test]
async fn services_of_one_origin_share_a_connection() {
    let (server, http) = (Server::start().await, http());
    let paths = ["/auth", "/api"].map(|path| format!("{}{path}", server.url));
    preconnect(&http, &paths[0], &paths[1]).await;
    call(&http, &paths[0], Step::ExchangeCode).await.unwrap();
    call(&http, &paths[1], Step::CreateKey).await.unwrap();
    assert_eq!(server.seen(), seen(1, 1, 2));
}

#[tokio::test]
async fn preconnecting_again_keeps_a_good_connection() {
    for (server, http) in servers().await {
        preconnect(&http, &server.url, &server.url).await;
        http.preconnect().await;
        for step in PLATFORM {
            server.until(|seen| seen.open == 1).await;
            call(&http, &server.url, step).await.unwrap();
            http.preconnect().await;
        }
        assert_eq!(server.seen(), seen(1, 1, PLATFORM.len()));
    }
}

/// Some servers send a 408 before they close a connection, others nothing.
#[tokio::test]
async fn a_connection_that_the_server_closed_is_replaced_and_one_key_is_made() {
    for last_words in ["", "HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n"] {
        for (server, http) in servers().await {
            preconnect(&http, &server.url, &server.url).await;
            server.until(|seen| seen.open == 1).await;
            server.hang_up(last_words).await;
            call(&http, &server.url, Step::CreateKey).await.unwrap();
            assert_eq!(server.seen(), seen(2, 1, 1), "{last_words}");
        }
    }
}

#[tokio::test]
async fn a_request_waits_for_the_connection_that_is_being_opened() {
    let (server, http) = (Server::start().await, http());
    http.platform_api(base(&server.url)).unwrap();
    let (connected, called) = tokio::join!(http.preconnect(), call(&http, &server.url, Step::CreateKey));
    assert_eq!((connected, called), ((), Ok(())));
    assert_eq!(server.seen(), seen(1, 1, 1));
}

#[tokio::test]
async fn a_connection_that_was_begun_goes_on_when_its_future_is_dropped() {
    let (server, http) = (Server::start().await, http());
    http.platform_api(base(&server.url)).unwrap();
    tokio::select! {
        biased;
        () = http.preconnect() => panic!("it took no time"),
        () = std::future::ready(()) => {}
    }
    call(&http, &server.url, Step::CreateKey).await.unwrap();
    assert_eq!(server.seen(), seen(1, 1, 1));
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_is_not_spoken_of_before_its_first_request() {
    let http = http();
    preconnect(&http, "http://127.0.0.1:1", "http://127.0.0.1:1").await;
    let error = call(&http, "http://127.0.0.1:1", Step::Login).await.unwrap_err();
    assert!(error.detail.contains(": could not connect: "), "{error}");
}

/// The client runs in a process that has the proxy in its environment.
#[tokio::test]
async fn a_proxys_tunnel_is_ready_before_the_first_request() {
    let authority = authority("a company");
    let server = Server::start_with(Some(acceptor(&authority, certificate_for("keymint.invalid")))).await;
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy_url = format!("http://{}", proxy.local_addr().unwrap());
    let to = server.port;
    tokio::spawn(async move {
        loop {
            let (mut client, _) = proxy.accept().await.unwrap();
            tokio::spawn(async move {
                let request = read_request(&mut client).await.unwrap();
                assert!(request.starts_with("connect keymint.invalid:443 "), "{request}");
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let mut server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    let roots = [("ROOTS", authority.pem())];
    with_proxy_and("preconnect::only_preconnect", proxy_url.clone(), &roots).await;
    assert_eq!((server.seen().connections, server.seen().requests), (1, 0));
    with_proxy_and("preconnect::preconnect_and_call", proxy_url, &roots).await;
    assert_eq!((server.seen().connections, server.seen().requests), (2, 1));
}

const BEHIND_A_PROXY: &str = "https://keymint.invalid";

async fn preconnect_behind_a_proxy() -> Http {
    let mut options = HttpOptions::default();
    options.extra_roots = ExtraRoots::parse_pem(env::var("ROOTS").unwrap().as_bytes()).unwrap();
    let http = Http::new(options);
    preconnect(&http, BEHIND_A_PROXY, BEHIND_A_PROXY).await;
    http
}

#[tokio::test]
#[ignore = "another test runs it, with a proxy in its environment"]
async fn only_preconnect() {
    preconnect_behind_a_proxy().await;
}

#[tokio::test]
#[ignore = "another test runs it, with a proxy in its environment"]
async fn preconnect_and_call() {
    call(&preconnect_behind_a_proxy().await, BEHIND_A_PROXY, Step::CreateKey).await.unwrap();
}

/// A clock whose time passes only when the test says so, one sleep at a time.
struct Steps {
    now: Mutex<Moment>,
    asleep: Semaphore,
    awake: Semaphore,
}

impl Steps {
    fn new() -> Self {
        Self { now: Mutex::new(Moment::ORIGIN), asleep: Semaphore::new(0), awake: Semaphore::new(0) }
    }

    /// Waits until the code under test sleeps.
    async fn rest(&self) {
        self.asleep.acquire().await.unwrap().forget();
    }

    /// Ends that sleep, and waits for the next one.
    async fn pass(&self) {
        self.awake.add_permits(1);
        self.rest().await;
    }
}

#[async_trait]
impl Clock for Steps {
    fn now(&self) -> Moment {
        *self.now.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        self.asleep.add_permits(1);
        self.awake.acquire().await.unwrap().forget();
        let mut now = self.now.lock().unwrap();
        *now = *now + duration;
    }
}

/// Keeps the connection to this server open during `work`.
async fn while_connected<T>(server: &Server, clock: &Steps, work: impl Future<Output = T>) -> T {
    let (http, base) = (http(), base(&server.url));
    http.platform_api(base.clone()).unwrap();
    tokio::select! {
        never = http.keep_connected(clock, &base, &|failure| panic!("{failure}")) => match never {},
        done = work => done,
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_meanwhile_is_reported_once() {
    let (http, clock, reported) = (http(), Steps::new(), Mutex::new(Vec::new()));
    let watched = base("http://127.0.0.1:1");
    http.auth_server(watched.clone()).unwrap();
    http.platform_api(base("http://127.0.0.1:2")).unwrap();
    let report = |failure: &ServiceError| reported.lock().unwrap().push(failure.detail.clone());
    let rounds = async {
        clock.rest().await;
        clock.pass().await;
        clock.pass().await;
    };
    tokio::select! {
        never = http.keep_connected(&clock, &watched, &report) => match never {},
        () = rounds => {}
    }
    let reported = reported.into_inner().unwrap();
    let [only] = &reported[..] else { panic!("{reported:?}") };
    assert!(only.starts_with("http://127.0.0.1:1 cannot be reached: could not connect: "), "{only}");
}

#[tokio::test]
async fn a_connection_that_the_server_closes_is_opened_again_later() {
    let (server, clock) = (Server::start().await, Steps::new());
    while_connected(&server, &clock, async {
        clock.rest().await;
        server.until(|seen| *seen == self::seen(1, 1, 0)).await;
        server.hang_up("").await;
        clock.pass().await;
        server.until(|seen| *seen == self::seen(2, 1, 0)).await;
    })
    .await;
}

#[tokio::test]
async fn no_more_than_one_connection_rests_and_none_for_longer_than_a_minute_and_a_half() {
    let (server, clock) = (Server::start().await, Steps::new());
    while_connected(&server, &clock, async {
        clock.rest().await;
        let (mut opened, mut connections) = (Moment::ORIGIN, 1);
        while clock.now() < Moment::ORIGIN + Duration::from_secs(15 * 60) {
            clock.pass().await;
            server.until(|seen| seen.open == 1).await;
            if server.seen().connections > connections {
                (opened, connections) = (clock.now(), server.seen().connections);
            }
            assert!(clock.now().since(opened) < Duration::from_secs(90), "{:?}", clock.now());
        }
        assert!(server.seen().connections <= 16, "{:?}", server.seen());
    })
    .await;
}

#[tokio::test]
async fn a_server_that_hangs_up_at_once_is_not_pestered() {
    let (server, clock) = (Server::start().await, Steps::new());
    while_connected(&server, &clock, async {
        clock.rest().await;
        while clock.now() < Moment::ORIGIN + Duration::from_secs(15 * 60) {
            server.until(|seen| seen.open == 1).await;
            server.hang_up("").await;
            clock.pass().await;
        }
        assert!(server.seen().connections <= 36, "{:?}", server.seen());
    })
    .await;
}
