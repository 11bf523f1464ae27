//! `demo`, `sandbox` and the help.

use crate::support::keymint;
use keymint_sandbox::Consent;
use keymint_testkit::{Ended, Strace, free_port, watch};
use std::io::{self, BufRead};

#[tokio::test]
async fn create_works_against_the_sandbox_command() {
    // The requests of the browser and the revocation count as well.
    for (args, requests) in [(&["sandbox"][..], 8), (&["sandbox", "--login-lists", "complete"], 6)] {
        let (created, sandbox) = create_against(args).await;
        assert!(created.code == 0 && created.stdout.starts_with("sk-proj-"), "{}", created.stderr);
        let words = format!("Requests: {requests}. Keys made: 1.");
        assert!(sandbox.stderr.contains(&words), "{}", sandbox.stderr);
    }
}

#[tokio::test]
async fn a_scenario_of_the_sandbox_is_chosen_by_its_name_and_may_have_a_step() {
    for (args, words) in [
        (&["sandbox", "--scenario", "challenge"][..], "/oauth/token"),
        (&["sandbox", "--scenario", "challenge", "--at", "login", "--latency", "10ms"], "/onboarding/login"),
        (&["sandbox", "--scenario", "role"], "/api_keys"),
    ] {
        let created = create_against(args).await.0.exits_with(7);
        assert!(created.stderr.contains(words), "{args:?}: {}", created.stderr);
    }
    let home = tempfile::tempdir().unwrap();
    for args in
        ["--scenario role --at login", "--at login", "--scenario role --organizations 2", "--scenario no"]
    {
        keymint(&home).args(["sandbox"]).args(args.split(' ')).output().await.exits_with(2);
    }
}

/// Runs `keymint create` against `keymint sandbox` with these arguments, and returns the end of both.
async fn create_against(sandbox: &[&str]) -> (Ended, Ended) {
    let home = tempfile::tempdir().unwrap();
    let (reader, writer) = io::pipe().unwrap();
    let sandbox = keymint(&home).args(sandbox).stdout(writer).spawn();
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

    sandbox.signal("INT").await;
    (created, sandbox.finish().await.exits_with(0))
}

/// It reads only the files that the loader and the language's runtime need, and it creates no thread and no socket
/// and waits for nothing.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_command_that_only_prints_a_text_opens_no_file_and_no_socket() {
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
