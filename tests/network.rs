//! Whom a run speaks to.

#![cfg(target_os = "linux")]

use crate::support::create;
use keymint_sandbox::Scenario;
use std::io::Write;
use std::process::Command;
use tempfile::NamedTempFile;

/// Watches every system call that can name another host.
const STRACE: [&str; 6] = ["strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o"];

#[tokio::test]
async fn a_run_contacts_the_two_servers_and_nobody_else() {
    if !Command::new(STRACE[0])
        .args(["-o", "/dev/null", "true"])
        .status()
        .is_ok_and(|status| status.success())
    {
        // Not by a macro, whose text is shown for failed tests alone.
        writeln!(std::io::stderr(), "SKIPPED: strace is not installed, or may not be used here").unwrap();
        return;
    }
    let log = NamedTempFile::new().unwrap();
    let strace = [&STRACE[..], &[log.path().to_str().unwrap()]].concat();
    let ended = create(Scenario::ready()).under(&strace).sign_in().await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);

    let calls = std::fs::read_to_string(log.path()).unwrap();
    let addresses: Vec<_> = calls.lines().filter(|call| call.contains("sa_family=")).collect();
    let is_for = |call: &str, url: &str| {
        let port = url.rsplit_once(':').unwrap().1;
        call.contains(&format!("sin_port=htons({port}), sin_addr=inet_addr(\"127.0.0.1\")"))
    };
    for url in [ended.sandbox.issuer(), ended.sandbox.api_base()] {
        assert!(addresses.iter().any(|call| is_for(call, url)), "{url} was not contacted: {addresses:#?}");
    }
    // No name is looked up either: neither a resolver nor a daemon on this machine is asked.
    let strange: Vec<_> = addresses
        .iter()
        .filter(|call| !is_for(call, ended.sandbox.issuer()) && !is_for(call, ended.sandbox.api_base()))
        .collect();
    assert!(strange.is_empty(), "{strange:#?}");
}
