//! The revocation at an authorization server that shares no code with this repository: oidc-provider, from
//! npm. `scripts/test` installs it where npm is available.

use crate::sources::root;
use crate::support::keymint;
use keymint_sandbox::Consent;
use keymint_testkit::{Launch, Running, browse, free_port, send, skipped};

const CLIENT_ID: &str = "app_2SKx67EdpoN0G6j64rFvigXD";

#[tokio::test]
async fn a_refresh_token_is_invalid_after_a_run_unless_it_is_to_be_kept() {
    let home = tempfile::tempdir().unwrap();
    let (port, callback_port) = (free_port(), free_port());
    let redirect_uri = format!("http://localhost:{callback_port}/auth/callback");
    let Some(server) = serve(port, &redirect_uri).await else { return };

    let url = format!("http://127.0.0.1:{port}");
    for keeps in [None, Some("--no-revoke")] {
        let mut run = keymint(&home)
            .args(["create", "--no-browser", "--issuer", &url, "--api-base", &url])
            .args(["--callback-port", &callback_port.to_string()])
            .args(keeps)
            .spawn();
        let browser = browse(&run.url().await, Consent::Allow);
        let ended = run.finish().await.exits_with(0);
        browser.abort();
        assert_eq!(ended.stdout, "sk-proj-node-0001\n", "{}", ended.stderr);
    }

    let valid = send(port, "GET /refresh-tokens HTTP/1.0\r\n\r\n").await.unwrap();
    assert!(valid.ends_with("[false,true]"), "{valid}");
    server.kill().await;
}

/// Starts the server, or returns `None` if it is not installed.
async fn serve(port: u16, redirect_uri: &str) -> Option<Running> {
    let modules = root().join("target/oidc-provider/node_modules");
    if !modules.exists() {
        skipped("oidc-provider is not installed; scripts/test installs it where npm is available");
        return None;
    }
    let home = tempfile::tempdir().unwrap();
    let mut server = Launch::new("node", &home)
        .args([root().join("tests/oidc-provider/server.mjs"), modules])
        .args([&port.to_string(), CLIENT_ID, redirect_uri])
        .spawn();
    server.line(|line| line == "listening").await;
    Some(server)
}
