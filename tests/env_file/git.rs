//! A file in a repository.

use super::{Directory, create_in, delivered, refused};
use keymint_testkit::{Scripts, script};
use std::fs;
use std::path::Path;

#[tokio::test]
async fn a_file_that_git_tracks_is_refused_unless_that_is_accepted() {
    let directory = Directory::with("A=1\n");
    directory.git(&["init", "-q"]);
    directory.git(&["add", "."]);
    let said = refused(directory.create()).await;
    assert!(said.contains("git tracks it") && said.contains("--allow-tracked"), "{said}");

    let ended = delivered(directory.create().args(["--allow-tracked"])).await;
    assert!(ended.stderr.contains("do not commit the key"), "{}", ended.stderr);
}

/// It also works for a file outside the current directory.
#[tokio::test]
async fn the_command_that_takes_a_file_out_of_git_does_so_from_any_directory() {
    let directory = Directory::with("A=1\n");
    directory.git(&["init", "-q"]);
    directory.git(&["add", "."]);
    let said = refused(directory.create()).await;
    let (_, command) = said.split_once("Take it out of git (`").expect(&said);
    let (command, _) = command.split_once('`').unwrap();
    let took_out = std::process::Command::new("sh").args(["-c", command]).current_dir("/").output().unwrap();
    assert!(took_out.status.success(), "{command}: {took_out:?}");
    delivered(directory.create()).await;
}

#[tokio::test]
async fn a_file_that_git_would_add_is_reported_with_the_line_that_prevents_it() {
    let directory = Directory::new();
    directory.git(&["init", "-q"]);
    for name in [".env", "a [b]*?.env", "!x", "#x"] {
        let ended = delivered(create_in(&directory.path(name))).await;
        let (_, line) = ended.stderr.split_once("add the line ").expect(&ended.stderr);
        // The warning is repeated at the end, where it is still on the screen.
        assert!(ended.stderr.trim_end().ends_with(line.lines().next().unwrap()), "{}", ended.stderr);
        let (line, file) = line.lines().next().unwrap().split_once(" to ").unwrap();
        assert_eq!(Path::new(file), directory.path(".gitignore"));

        fs::write(directory.path(".gitignore"), format!("{line}\n")).unwrap();
        let ended = delivered(create_in(&directory.path(name)).args(["--force"])).await;
        assert!(!ended.stderr.contains("git "), "{}", ended.stderr);
        fs::remove_file(directory.path(".gitignore")).unwrap();
    }
}

#[tokio::test]
async fn git_runs_nothing_that_the_repository_names_and_heeds_no_other_repository() {
    let directory = Directory::with("A=1\n");
    directory.git(&["init", "-q"]);
    directory.git(&["add", "."]);
    let hook = directory.path(".git/hook");
    script(&hook, &format!("touch '{}'", directory.path("ran").display()));
    directory.git(&["config", "core.fsmonitor", hook.to_str().unwrap()]);
    directory.git(&["config", "core.pager", hook.to_str().unwrap()]);

    let said = refused(directory.create().env("GIT_DIR", "/nowhere").env("GIT_PAGER", &hook)).await;
    assert!(said.contains("git tracks it"), "{said}");
    assert!(!directory.path("ran").exists());
}

#[tokio::test]
async fn without_git_a_repository_is_only_warned_of() {
    let directory = Directory::new();
    fs::create_dir(directory.path(".git")).unwrap();
    let empty = Directory::new();
    let ended = delivered(directory.create().env("PATH", empty.path(""))).await;
    assert!(ended.stderr.contains(": git is not installed"), "{}", ended.stderr);
    let ended = delivered(directory.create().args(["--force"])).await;
    assert!(ended.stderr.contains(": git cannot read the repository"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_git_that_hangs_is_only_warned_of() {
    let (directory, programs) = (Directory::new(), Scripts::with("git", "exec sleep 600"));
    fs::create_dir(directory.path(".git")).unwrap();
    let ended = delivered(directory.create().env("PATH", programs.search_path())).await;
    assert!(ended.stderr.contains(": git did not answer"), "{}", ended.stderr);
}
