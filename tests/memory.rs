//! The memory of a run against a platform with as much as it can have.

#![cfg(target_os = "linux")]

use crate::support::create;
use keymint_sandbox::{Consent, Organization, Project, Reply, Scenario, Step};
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

const MEGABYTE: u64 = 1024 * 1024;

/// Ten thousand organizations, whose list has 7 MB, and whose lists of projects have 7 MB each, with titles
/// of 16,000 characters.
fn full() -> Scenario {
    let title = |number: usize| format!("{number} {}", "\u{e9}".repeat(300));
    let organization = |number| Organization::new(format!("org-{number}")).titled(title(number));
    let first = organization(0).as_default().with_project(Project::new("proj_0").as_initial());
    let first = first.with_project(Project::new("proj_1"));
    let project = |number: usize| {
        let title = "t".repeat(16_000);
        format!(r#"{{"id": "proj_{number}", "title": "{title}", "is_initial": {}}}"#, number == 0)
    };
    let projects: Vec<_> = (0..437).map(project).collect();
    let projects = format!(r#"{{"data": [{}], "has_more": false}}"#, projects.join(","));
    let body = Reply::status(200).header("content-type", "application/json").body(projects);
    let scenario = Scenario::of([first].into_iter().chain((1..10_000).map(organization)));
    scenario.page_size(10_000).reply(Step::Projects, body)
}

/// Returns the most memory that a process has had when it ends, in bytes.
fn peak_memory(process: u32) -> u64 {
    let status = PathBuf::from(format!("/proc/{process}/status"));
    let mut peak = 0;
    // A process that has ended has no memory.
    while let Ok(status) = fs::read_to_string(&status)
        && let Some(line) = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))
    {
        peak = 1024 * line.trim().trim_end_matches(" kB").parse::<u64>().unwrap();
        #[expect(clippy::disallowed_methods, reason = "a process has no clock of ours")]
        thread::sleep(Duration::from_millis(2));
    }
    peak
}

/// Runs a command to its end. Returns its exit code, and how much its memory grew with the sign-in, in
/// bytes.
async fn run(command: &'static str, args: &[&str]) -> (i32, u64) {
    let mut run = create(full()).command(command).args(args).start().await;
    run.url().await;
    let (process, before) = (run.process(), run.peak_memory().unwrap());
    let peak = tokio::task::spawn_blocking(move || peak_memory(process));
    run.browser(Consent::Allow).await;
    let code = run.finish().await.code;
    (code, peak.await.unwrap() - before)
}

/// As it is shipped, the program has less than 9 MB before the sign-in. That of the tests has more, for its code alone,
/// so the growth is measured.
#[tokio::test]
async fn a_run_stays_small_against_the_largest_account() {
    const BEFORE: u64 = 9;
    for (command, args, limit, code) in [
        ("create", &[][..], 24, 0),
        ("create", &["--project", "proj_1"], 24, 0),
        ("create", &["--choose", "--json"], 64, 8),
        ("list", &[], 64, 0),
        ("list", &["--json"], 64, 0),
    ] {
        let (ended, grown) = run(command, args).await;
        assert_eq!(ended, code, "{command} {args:?}");
        assert!(grown < (limit - BEFORE) * MEGABYTE, "{command} {args:?}: {grown} bytes");
    }
}
