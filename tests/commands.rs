//! `demo`, `sandbox` and the help.

use crate::support::keymint;
use keymint_sandbox::Consent;
use keymint_testkit::{Strace, free_port, watch};
use std::io::{self, BufRead};

#[tokio::test]
async fn create_works_against_the_sandbox_command() {
    let home = tempfile::tempdir().unwrap();
    let (reader, writer) = io::pipe().unwrap();
    let sandbox = keymint(&home).args(["sandbox"]).stdout(writer).spawn();
    let variables = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        io::BufReader::new(reader).read_line(&mut line).unwrap();
        line
    });
    let variables = watch(variables).await.unwrap();
    let variables = variables.trim_end().split(' ').map(|pair| pair.split_once('=').unwrap());

    let port = free_port().to_string();
    let create = keymint(&home).args(["create", "--no-browser", "--callback-port", &port]);
    let mut create = create.envs(variables).spawn();
    create.browser(Consent::Allow).await;
    let created = create.finish().await;
    assert!(created.code == 0 && created.stdout.starts_with("sk-proj-"), "{}", created.stderr);

    sandbox.signal("INT").await;
    assert_eq!(sandbox.finish().await.code, 0);
}

/// No file is read but what the loader and the runtime of the language want, and there is neither a
/// thread, nor a socket, nor anything to wait with.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_only_prints_a_text_asks_the_system_for_nothing() {
    let home = tempfile::tempdir().unwrap();
    let calls = "openat,open,%network,clone,clone3,fork,vfork,epoll_create1,eventfd2,timerfd_create";
    for args in
        [&["--version"][..], &["--help"], &["create", "--help"], &["completions", "bash"], &["man", "create"]]
    {
        let Some(strace) = Strace::of(calls, &[]) else { return };
        let output = keymint(&home).under(strace.words()).args(args).output().await;
        assert!(output.code == 0 && !output.stdout.is_empty(), "{args:?}: {}", output.stderr);
        let log = strace.log();
        let asked: Vec<_> = log.lines().filter(|call| !is_loading(call)).collect();
        assert_eq!(asked, Vec::<&str>::new(), "{args:?}");
    }
}

fn is_loading(call: &str) -> bool {
    [".so", "/etc/ld.so.cache", "/proc/self/maps"].iter().any(|part| call.contains(part))
}
