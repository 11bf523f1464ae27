//! `demo`, `sandbox` and the help.

use crate::program::keymint_under;
use crate::skipped::strace_works;
use crate::support::{free_port, keymint, watch};
use keymint_sandbox::{Consent, sign_in};
use std::fs;
use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

#[tokio::test]
async fn the_demo_prints_one_key_whatever_the_environment_says() {
    let home = tempfile::tempdir().unwrap();
    let output = watch(
        keymint(&home)
            .arg("demo")
            .env("KEYMINT_ISSUER", "http://not.to.be.used.example")
            .env("KEYMINT_CALLBACK_PORT", "1")
            .env("HTTP_PROXY", "http://127.0.0.1:9")
            .output(),
    )
    .await
    .unwrap();

    let (stdout, stderr) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(
        stdout.starts_with("sk-proj-") && stdout.ends_with('\n') && stdout.lines().count() == 1,
        "{stdout}"
    );
    for step in [
        "A demonstration",
        "Tried to open it",
        "You are back",
        "Signed in",
        "not there yet",
        "Creating the key",
        "Created the key",
    ] {
        assert!(stderr.contains(step), "{step}: {stderr}");
    }
    assert!(!stderr.contains(stdout.trim_end()), "{stderr}");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn create_works_against_the_sandbox_command() {
    let home = tempfile::tempdir().unwrap();
    let mut sandbox = keymint(&home).arg("sandbox").spawn().unwrap();
    let mut lines = BufReader::new(sandbox.stdout.take().unwrap()).lines();
    let variables = watch(lines.next_line()).await.unwrap().unwrap();
    let variables: Vec<_> = variables.split(' ').map(|pair| pair.split_once('=').unwrap()).collect();

    let mut create = keymint(&home)
        .args(["create", "--no-browser", "--callback-port", &free_port().to_string()])
        .envs(variables)
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(create.stderr.take().unwrap()).lines();
    let url = loop {
        let line = watch(stderr.next_line()).await.unwrap().unwrap();
        if line.starts_with("http") {
            break line;
        }
    };
    let browser = tokio::spawn(async move { sign_in(&url, Consent::Allow).await.unwrap() });
    // Kept open, so that the program can go on talking.
    let rest = tokio::spawn(async move { while let Ok(Some(_)) = stderr.next_line().await {} });
    let output = watch(create.wait_with_output()).await.unwrap();
    rest.await.unwrap();
    browser.await.unwrap();
    assert!(output.status.success() && output.stdout.starts_with(b"sk-proj-"));

    let pid = sandbox.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-s", "INT", &pid]).status().await.unwrap().success());
    assert_eq!(watch(sandbox.wait()).await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn help_is_data_and_names_what_there_is() {
    let home = tempfile::tempdir().unwrap();
    for (args, expected) in [
        (&["--help"][..], "keymint demo"),
        (&["create", "--help"], "--callback-port"),
        (&["finish", "--help"], "Patience:\n      --project-timeout"),
        (&["create", "--help"], "--pipe-to 'gh secret set OPENAI_API_KEY'"),
        (&["demo", "--help"], "no account"),
        (&["doctor", "--help"], "--json"),
        (&["sandbox", "--help"], "--latency"),
        (&["config", "--help"], "[profiles.work]"),
        (&["config", "--help"], r"%APPDATA%\keymint\config.toml"),
        (&["--version"], concat!("keymint ", env!("CARGO_PKG_VERSION"))),
    ] {
        let output = watch(keymint(&home).args(args).output()).await.unwrap();
        assert!(output.status.success() && output.stderr.is_empty());
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(help.contains(expected), "{help}");
        assert!(!help.contains('\u{1b}'), "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
    }
}

/// No file is read but what the loader and the runtime of the language want, and there is neither a
/// thread, nor a socket, nor anything to wait with.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_only_prints_a_text_asks_the_system_for_nothing() {
    if !strace_works() {
        return;
    }
    let (home, log) = (tempfile::tempdir().unwrap(), NamedTempFile::new().unwrap());
    let calls = "trace=openat,open,%network,clone,clone3,fork,vfork,epoll_create1,eventfd2,timerfd_create";
    let strace = ["strace", "-f", "-qq", "-e", calls, "-o", log.path().to_str().unwrap()];
    for args in
        [&["--version"][..], &["--help"], &["create", "--help"], &["completions", "bash"], &["man", "create"]]
    {
        let output = watch(keymint_under(&strace, &home).args(args).output()).await.unwrap();
        assert!(output.status.success() && !output.stdout.is_empty(), "{args:?}: {output:?}");
        let log = fs::read_to_string(log.path()).unwrap();
        let asked: Vec<_> = log.lines().filter(|call| !is_loading(call)).collect();
        assert_eq!(asked, Vec::<&str>::new(), "{args:?}");
    }
}

fn is_loading(call: &str) -> bool {
    [".so", "/etc/ld.so.cache", "/proc/self/maps"].iter().any(|part| call.contains(part))
}
