//! Whole screens of the command, compared with the files in `snapshots`.

#![cfg(target_os = "linux")]

mod create;
mod errors;
mod lists;
mod projects;

use crate::support::{Ended, Run, Start, create, default_project, keymint};
use keymint_sandbox::{Consent, Organization, Project, Reply, Scenario};
use keymint_testkit::{Launch, browse};
use std::fs;
use std::path::Path;

/// The texts that differ between runs or machines, and their placeholders.
const VARIABLE: [(&str, &str); 15] = [
    (r"sk-proj-[\w-]+", "[KEY]"),
    (r"key_[\w-]{43}", "[KEY_ID]"),
    (r"(ending|ends) in [\w-]{4}(\W|$)", "$1 in [LAST4]$2"),
    (r#""last4":"[\w-]+""#, r#""last4":"[LAST4]""#),
    (r#"/oauth/authorize\?[^\s"]+"#, "/oauth/authorize?[QUERY]"),
    (r"(localhost|127\.0\.0\.1):\d+", "$1:[PORT]"),
    (r"port( +)\d{5}", "port$1[PORT]"),
    (r"keymint tester@\S+ \d{4}-\d\d-\d\d [a-z2-7]{4}", "keymint tester@[HOST] [DATE] [RANDOM]"),
    (r"\d{4}-\d\d-\d\dT\d{12}Z-\d+", "[ID]"),
    (r"\d{4}-\d\d-\d\d(T| )\d\d:\d\d(:\d\d(\.\d+)?)?(Z| UTC)", "[TIME]"),
    (r"created \d{4}-\d\d-\d\d", "created [DATE]"),
    (r"\[ *\d+\.\d{3} s\]", "[ELAPSED]"),
    (r"(again in|Retrying in|project after) [\d.]+ (ms|s)", "$1 [DURATION]"),
    // This occurs only under load.
    (r"warning: the keyring does not answer yet.*\n", ""),
    (r"\w+-\w+ \(process \d+\)", "[NAME] (process [ID])"),
];

/// Compares one screen with its snapshot.
fn compare(name: &str, code: i32, stderr: &str, stdout: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for directory in [Path::new("/tmp"), &std::env::temp_dir()] {
        settings.add_filter(&format!(r"{}/\.tmp\w{{6}}", directory.display()), "[TEMP]");
    }
    for (pattern, placeholder) in VARIABLE {
        settings.add_filter(pattern, placeholder);
    }
    let screen = format!("exit {code}\n--- stderr\n{}\n--- stdout\n{}", stderr.trim_end(), stdout.trim_end());
    settings.bind(|| insta::assert_snapshot!(name, screen));
}

/// `create` on a desktop, whatever this machine is.
fn desktop(scenario: Scenario, args: &[&str]) -> Start {
    create(scenario).args(args).env("DISPLAY", ":0")
}

/// Compares the screen of a run in which the user signs in.
async fn signs_in(name: &str, start: Start) -> Ended {
    let mut run = start.start().await;
    browse(&run.url().await, Consent::Allow);
    ends(name, run).await
}

/// Compares the screen of a run that needs no browser.
async fn ends(name: &str, run: Run) -> Ended {
    let ended = run.end().await;
    compare(name, ended.code, &ended.stderr, &ended.stdout);
    ended
}

/// Compares the screen of a command that needs no sandbox.
async fn prints(name: &str, command: Launch) -> keymint_testkit::Ended {
    let ended = command.env("DISPLAY", ":0").output().await;
    compare(name, ended.code, &ended.stderr, &ended.stdout);
    ended
}

/// Two organizations with the same title.
fn two_organizations() -> Scenario {
    let web = Project::new("proj_web").titled("Web");
    Scenario::of([
        Organization::new("org-1").titled("Acme").as_default().with_project(default_project("proj_1")),
        Organization::new("org-2").titled("Acme").with_project(default_project("proj_2")).with_project(web),
    ])
}

fn last_four(key: &str) -> &str {
    &key[key.len() - 4..]
}

/// Checks that commands have left nothing in a directory.
fn is_empty(directory: impl AsRef<Path>) {
    assert_eq!(fs::read_dir(directory).unwrap().count(), 0);
}

fn busy() -> Reply {
    Reply::status(429).header("retry-after", "0")
}

#[tokio::test]
async fn help() {
    let home = tempfile::tempdir().unwrap();
    prints("help", keymint(&home).args(["--help"])).await;
    let version = keymint(&home).args(["--version"]).output().await.stdout;
    assert_eq!(version, concat!("keymint ", env!("CARGO_PKG_VERSION"), "\n"));
    let commands = "create list start finish import run export rotate status recover forget admin doctor config mcp demo sandbox completions man";
    let admin = ["admin list", "admin revoke", "admin service-account"];
    for command in commands.split(' ').chain(admin) {
        let help = keymint(&home).args(command.split(' ')).args(["--help"]);
        let help = prints(&format!("help-{}", command.replace(' ', "-")), help).await.stdout;
        assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
        assert!(!help.contains('\u{1b}'), "{help}");
        assert!(help.split_once("\n\nExamples:\n  ").is_some(), "{help}");
        let short = keymint(&home).args(command.split(' ')).args(["-h"]).output().await.stdout;
        let is_rest = |line: &&str| line.starts_with("                ");
        let has_values = ["sandbox", "export", "completions", "admin"].contains(&command);
        assert!(has_values || short.lines().find(is_rest).is_none(), "{short}");
    }
}
