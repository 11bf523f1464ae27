//! The memory of a run against a platform with as much as it can have.

#![cfg(target_os = "linux")]

use crate::support::{KEYMINT, create, machine};
use keymint_sandbox::{Consent, Organization, Project, Reply, Scenario, Step};
use keymint_testkit::{Launch, Memory, Terminal, browse, limit};
use std::fs;

const MEGABYTE: u64 = 1024 * 1024;

/// The largest memory of the shipped program before the sign-in, in megabytes, which `scripts/bench` measures.
const BEFORE: u64 = 7;

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

/// The program of the tests has more before the sign-in, for its code alone, so the growth is limited: it ends by a signal
/// where it needs more.
#[tokio::test]
async fn a_run_stays_small_against_the_largest_account() {
    for (command, args, limit, code) in [
        ("create", &[][..], 24, 0),
        ("create", &["--project", "proj_1"], 24, 0),
        ("list", &[], 64, 0),
        ("list", &["--json"], 64, 0),
    ] {
        let mut run = create(full()).command(command).args(args).start().await;
        let url = run.url().await;
        run.limit(Memory::Data, (limit - BEFORE) * MEGABYTE).await;
        let _browser = browse(&url, Consent::Allow);
        let ended = run.finish().await;
        assert_eq!(ended.code, code, "{command} {args:?}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn the_choice_at_a_terminal_stays_small_against_the_largest_account() {
    for (terminal_type, prompt, typed) in
        [("dumb", "part of its name", "\n"), ("xterm", "text to filter: ", "\u{1b}[5~\u{1b}[Fproj_1\r")]
    {
        let machine = machine(full()).await;
        let process = machine.home.path().join("process");
        let run = Launch::new("sh", &machine.home).envs(machine.environment()).env("FILE", &process);
        let run = run.env("TERM", terminal_type);
        let run = run.args(["-c", "stty cols 80 rows 24; echo $$ >\"$FILE\"; exec \"$@\"", "sh", KEYMINT]);
        let mut terminal = Terminal::start(run.args(["create", "--no-browser", "--choose"]));
        let url = terminal.url().await;
        let process = fs::read_to_string(process).unwrap().trim().parse().unwrap();
        limit(process, Memory::Data, (64 - BEFORE) * MEGABYTE).await;
        let _browser = browse(&url, Consent::Allow);
        terminal.shows(prompt).await;
        terminal.types(typed).await;
        let (code, shown) = terminal.end().await;
        assert_eq!((code, machine.sandbox.keys().len()), (0, 1), "{shown}");
    }
}
