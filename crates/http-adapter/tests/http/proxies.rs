//! Proxies that the environment names. The environment belongs to the whole process, so each of these tests runs its
//! client in a separate process.

use crate::support::{
    CANARY, Fault, FaultyServer, STEPS, answering, assert_clean, base, call, good_body, http,
};
use keymint_domain::ServiceErrorKind::NotSent;
use keymint_domain::{ConnectFailure, Step};
use std::env;
use std::process::Command;
use wiremock::ResponseTemplate;

const NAMES: [&str; 4] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];

/// Runs an ignored test with this proxy for every URL.
pub(crate) async fn with_proxy(test: &'static str, proxy: String) {
    with_proxy_and(test, proxy, &[]).await;
}

/// Runs an ignored test with this proxy for every URL and with more variables.
pub(crate) async fn with_proxy_and(test: &'static str, proxy: String, variables: &[(&'static str, String)]) {
    let variables = variables.to_vec();
    let run = move || {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args([test, "--exact", "--ignored", "--nocapture"]);
        for name in NAMES {
            command.env_remove(name).env_remove(name.to_lowercase());
        }
        command.envs(variables).env("HTTP_PROXY", &proxy).env("HTTPS_PROXY", &proxy).output().unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}{err}");
}

fn refusing(answer: &str) -> Fault {
    Fault::Write(format!("HTTP/1.1 {answer}\r\nx: {CANARY}\r\n\r\n{CANARY}").into())
}

#[tokio::test]
async fn a_proxy_that_lets_nothing_through_means_not_sent() {
    for answer in ["407 Proxy Authentication Required", "502 Bad Gateway", "nonsense"] {
        let proxy = FaultyServer::start(refusing(answer)).await;
        let url = proxy.url.replace("http://", &format!("http://user:{CANARY}@"));
        with_proxy("proxies::not_let_through", url).await;
        // The connection check uses the proxy as well.
        assert_eq!(proxy.requests(), STEPS.len() + 1);
    }
}

#[tokio::test]
async fn a_missing_proxy_means_not_sent() {
    with_proxy("proxies::not_let_through", format!("http://user:{CANARY}@127.0.0.1:1")).await;
}

#[tokio::test]
#[ignore = "another test runs it, with a proxy in its environment"]
async fn not_let_through() {
    for step in STEPS {
        let error = call(&http(), "https://keymint.invalid", step).await.unwrap_err();
        assert_eq!(error.kind, NotSent(ConnectFailure::Proxy), "{error}");
        assert!(error.detail.contains(": could not connect through the proxy: "), "{error}");
        assert_clean(&error);
    }
    let platform = http().platform_api(base("https://keymint.invalid")).unwrap();
    let error = platform.check_answer().await.unwrap_err();
    assert_eq!(error.kind, NotSent(ConnectFailure::Proxy), "{error}");
    assert_clean(&error);
}

#[tokio::test]
async fn no_proxy_is_used_for_this_machine() {
    let proxy = FaultyServer::start(refusing("502 Bad Gateway")).await;
    with_proxy("proxies::let_through", proxy.url.clone()).await;
    assert_eq!(proxy.requests(), 0);
}

#[tokio::test]
#[ignore = "another test runs it, with a proxy in its environment"]
async fn let_through() {
    let server = answering(ResponseTemplate::new(200).set_body_string(good_body(Step::Login))).await;
    call(&http(), &server.uri(), Step::Login).await.unwrap();
    call(&http(), &server.uri().replace("127.0.0.1", "localhost"), Step::Login).await.unwrap();
}
