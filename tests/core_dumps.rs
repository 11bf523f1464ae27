//! The protection of a run's memory from core dumps.

#![cfg(target_os = "linux")]

use crate::support::create;
use keymint_sandbox::{Consent, Scenario};
use keymint_testkit::{script, watch};
use std::fs;
use std::os::unix::fs::MetadataExt;

/// Permits core dumps as large as this machine allows.
const WITH_CORE_DUMPS: [&str; 4] = ["sh", "-c", r#"ulimit -Sc "$(ulimit -Hc)" && exec "$@""#, "keymint"];

/// A browser that reports its own limit, and opens nothing.
const BROWSER: &str = "ulimit -Sc >\"$0.fifo\"";

#[tokio::test]
async fn a_run_leaves_no_core_dump_and_its_browser_may() {
    let directory = tempfile::tempdir().unwrap();
    let browser = directory.path().join("browser");
    let fifo = directory.path().join("browser.fifo");
    script(&browser, BROWSER);
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let most = std::process::Command::new("sh").args(["-c", "ulimit -Hc"]).output().unwrap().stdout;

    let mut run = create(Scenario::ready())
        .under(WITH_CORE_DUMPS)
        .with_browser()
        .env("BROWSER", browser.to_str().unwrap())
        .start()
        .await;
    run.browser(Consent::Allow).await;
    let given = watch(tokio::task::spawn_blocking(|| fs::read(fifo).unwrap())).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&given), String::from_utf8_lossy(&most));
    run.end().await.exits_with(0);
}

#[tokio::test]
async fn the_memory_of_a_run_is_closed_from_its_beginning() {
    let mut run = create(Scenario::ready()).under(WITH_CORE_DUMPS).start().await;
    run.browser(Consent::Allow).await;
    let process = format!("/proc/{}", run.process());
    let limits = fs::read_to_string(format!("{process}/limits")).unwrap();
    let limit = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(limit.split_whitespace().nth(4), Some("0"), "{limit}");
    // The files in /proc of a process that must not be dumped belong to the administrator. (If the tests run as the
    // administrator, this proves nothing.)
    assert_eq!(fs::metadata(format!("{process}/mem")).unwrap().uid(), 0);
    run.end().await.exits_with(0);
}
