//! A run of the binary against servers other than the sandbox.

use super::server::CODE;
use keymint_testkit::{Launch, Running, free_port, get, is_free};
use tempfile::TempDir;

/// The name of the requested key.
pub(crate) const KEY_NAME: &str = "find-me";

/// Limits the program's memory to 28 MB on Unix, so that a program that needs more is aborted.
const BOUNDED: [&str; 4] = ["sh", "-c", r#"ulimit -d 28672 && exec "$@""#, "keymint"];

/// The results of a run.
pub(crate) struct Ended {
    /// The exit code, or -1 if a signal ended it.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The last page of the browser.
    pub(crate) page: String,
    /// True if the callback port is free again.
    pub(crate) port_is_free: bool,
    /// The home directory, in which it may have left files.
    pub(crate) home: TempDir,
}

/// Runs `keymint create` with a user who signs in at once, and then runs `then`.
pub(crate) async fn create(
    issuer: &str,
    api_base: &str,
    args: &[&str],
    then: impl AsyncFnOnce(&mut Running),
) -> Ended {
    let (home, port) = (tempfile::tempdir().unwrap(), free_port());
    let bounds = if cfg!(unix) { &BOUNDED[..] } else { &[] };
    let mut run = Launch::new(env!("CARGO_BIN_EXE_keymint"), &home)
        .under(bounds)
        .args(["create", "--no-browser", "--json", "--name", KEY_NAME, "--issuer", issuer])
        .args(["--api-base", api_base, "--callback-port", &port.to_string()])
        .args(args)
        .spawn();
    let target = run.callback(CODE).await;
    let browser = tokio::spawn(async move {
        let answer = get(port, &target).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 303 "), "{answer}");
        // The listener does not wait long for a late browser.
        get(port, "/auth/done").await.unwrap_or_default()
    });
    then(&mut run).await;
    let ended = run.finish().await;
    let (page, port_is_free) = (browser.await.unwrap(), is_free(port));
    Ended { code: ended.code, stdout: ended.stdout, stderr: ended.stderr, page, port_is_free, home }
}
