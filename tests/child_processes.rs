//! What the programs are told that a run starts.

#![cfg(target_os = "linux")]

use crate::canary::Canaries;
use crate::script::script;
use crate::skipped::{skipped, strace_works};
use crate::support::create;
use keymint_sandbox::{Consent, Scenario};
use std::process::Command;
use std::{env, fs};

/// Writes down each program that is started, with all its arguments and its whole environment.
const STRACE: [&str; 9] = ["strace", "-f", "-qq", "-v", "-s", "65536", "-e", "trace=execve", "-o"];

#[tokio::test]
async fn no_program_that_is_started_has_a_secret_in_its_arguments_or_environment() {
    if !strace_works() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for (name, text) in [("xclip", "exec cat >/dev/null"), ("browser", "exit 0")] {
        script(path(name), text);
    }
    fs::create_dir(path("project")).unwrap();
    assert!(Command::new("git").args(["init", "-q", &path("project")]).status().unwrap().success());
    let others = env::var_os("PATH").unwrap_or_default();
    let folders = [folder.path().to_owned()].into_iter().chain(env::split_paths(&others));

    let log = path("log");
    let mut run = create(Scenario::ready())
        .under(&[&STRACE[..], &[&log]].concat())
        .with_browser()
        .args(&["--env-file", &path("project/.env"), "--pipe-to", "tee", "--copy"])
        .env("PATH", env::join_paths(folders).unwrap())
        .env("DISPLAY", ":0")
        .env("BROWSER", path("browser"))
        .start()
        .await;
    let sign_in = run.browser(Consent::Allow).await;
    let ended = run.end().await;
    sign_in.await.unwrap();
    assert_eq!(ended.code, 0, "{}", ended.stderr);

    let started = fs::read_to_string(log).unwrap();
    if started.contains("execve(0x") {
        skipped("only the administrator sees the memory of a run");
        return;
    }
    for program in ["/git\"", "/tee\"", "/xclip\"", "/browser\""] {
        assert!(started.contains(program), "{program} was not started:\n{started}");
    }
    assert_eq!(Canaries::of(ended.secrets()).find(&started), None, "{started}");
}
