//! The arguments and the environment of the programs that a run starts.

#![cfg(target_os = "linux")]

use crate::support::create;
use keymint_sandbox::{Consent, Scenario};
use keymint_testkit::{Canaries, Scripts, Strace, skipped};
use std::fs;
use std::process::Command;

#[tokio::test]
async fn no_program_that_is_started_has_a_secret_in_its_arguments_or_environment() {
    // Every program that is started, with all its arguments and its whole environment.
    let Some(strace) = Strace::of("execve", &["-v", "-s", "65536"]) else { return };
    let programs = Scripts::with("xclip", "exec cat >/dev/null").and("browser", "exit 0");
    let path = |name: &str| programs.path(name).to_str().unwrap().to_owned();
    fs::create_dir(path("project")).unwrap();
    assert!(Command::new("git").args(["init", "-q", &path("project")]).status().unwrap().success());
    let ended = create(Scenario::ready())
        .under(strace.words())
        .with_browser()
        .args(["--env-file", &path("project/.env"), "--pipe-to", "tee", "--copy"])
        .env("PATH", programs.search_path())
        .env("DISPLAY", ":0")
        .env("BROWSER", path("browser"))
        .start()
        .await
        .answer(Consent::Allow)
        .await
        .exits_with(0);

    let started = strace.log();
    if started.contains("execve(0x") {
        skipped("only the administrator sees the memory of a run");
        return;
    }
    for program in ["/git\"", "/tee\"", "/xclip\"", "/browser\""] {
        assert!(started.contains(program), "{program} was not started:\n{started}");
    }
    assert_eq!(Canaries::of(ended.secrets()).find(&started), None, "{started}");
}
