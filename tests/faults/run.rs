//! One run of the binary against servers that are not the sandbox.

use super::server::CODE;
use crate::program::{free_port, keymint_under, watch};
use std::io;
use std::net::TcpListener;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// The name of the key that is asked for.
pub(crate) const KEY_NAME: &str = "find-me";

/// Gives the program no more than 32 MB of memory, so that one that wants more is aborted.
const BOUNDED: [&str; 4] = ["sh", "-c", r#"ulimit -d 32768 && exec "$@""#, "keymint"];

/// How a run ended.
pub(crate) struct Ended {
    /// The exit code, or -1 where a signal ended it.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// What the browser ended on.
    pub(crate) page: String,
    /// Whether the callback port is free again.
    pub(crate) port_is_free: bool,
    /// Where it may have left files.
    pub(crate) home: TempDir,
}

/// `keymint create`, signed in by a person who does not hesitate.
pub(crate) async fn create(issuer: &str, api_base: &str, args: &[&str]) -> Ended {
    watch(async {
        let (home, port) = (tempfile::tempdir().unwrap(), free_port());
        let mut child = keymint_under(&BOUNDED, &home)
            .args(["create", "--no-browser", "--json", "--name", KEY_NAME, "--issuer", issuer])
            .args(["--api-base", api_base, "--callback-port", &port.to_string()])
            .args(args)
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut text = String::new();
        let mut browser = None;
        loop {
            let begins = text.len();
            if stderr.read_line(&mut text).await.unwrap() == 0 {
                break;
            }
            if let Some((_, state)) = text[begins..].trim_end().rsplit_once("&state=") {
                let target = format!("/auth/callback?code={CODE}&state={state}");
                browser = Some(tokio::spawn(async move {
                    let answer = get(port, &target).await.unwrap();
                    assert!(answer.starts_with("HTTP/1.1 303 "), "{answer}");
                    // The listener does not wait long for whoever is late.
                    get(port, "/auth/done").await.unwrap_or_default()
                }));
            }
        }
        let output = child.wait_with_output().await.unwrap();
        let free = |address| TcpListener::bind((address, port)).is_ok();
        Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: text,
            page: browser.expect("an address to open").await.unwrap(),
            port_is_free: free("127.0.0.1") && free("::1"),
            home,
        }
    })
    .await
}

async fn get(port: u16, target: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
