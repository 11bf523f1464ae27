//! What is asked of the system, and what happens where it says no.

use super::{Directory, delivered, mode};
use keymint_sandbox::Consent;
use keymint_testkit::{Strace, browse, skipped};
use std::fs;

#[tokio::test]
async fn no_file_is_ever_wider_than_its_owner() {
    let directory = Directory::new();
    let Some(strace) = Strace::of("openat,open,creat,fchmod,fchmodat,chmod", &[]) else { return };
    let create = directory.create().under(["sh", "-c", "umask 000; exec \"$@\"", "keymint"]);
    delivered(create.under(strace.words())).await;

    let log = strace.log();
    if !log.contains(".env") {
        return skipped("only the administrator sees the memory of a run");
    }
    let made: Vec<_> =
        log.lines().filter(|line| line.contains(".keymint-") && line.contains("O_CREAT")).collect();
    assert!(made.len() == 1 && made[0].contains("O_EXCL") && made[0].contains("0600)"), "{made:?}");
    let changed: Vec<_> = log.lines().filter(|line| line.contains("chmod(")).collect();
    assert!(!changed.is_empty() && changed.iter().all(|line| line.contains(", 0600)")), "{changed:?}");
    assert!(!log.lines().any(|line| line.contains("/.env\"") && line.contains("O_CREAT")), "{log}");
}

#[tokio::test]
async fn a_replacement_that_fails_leaves_the_old_file_and_the_key_in_the_recovery_folder() {
    let directory = Directory::with("A=1\n");
    let options = ["-e", "inject=renameat,renameat2:error=EIO"];
    let Some(strace) = Strace::of("renameat,renameat2", &options) else { return };
    let ended = directory.create().under(strace.words()).sign_in().await.exits_with(9);
    assert!(ended.stderr.contains("Input/output error"), "{}", ended.stderr);
    assert_eq!((directory.read().as_str(), directory.names()), ("A=1\n", vec![".env".to_owned()]));
}

/// The new file is in its place, and may not be there any more after a power cut.
#[tokio::test]
async fn a_folder_that_the_disk_does_not_take_fails_the_delivery_and_the_key_is_kept() {
    let directory = Directory::with("A=1\n");
    let path = directory.path("");
    let path = path.to_str().unwrap().trim_end_matches('/');
    let Some(strace) = Strace::of("fsync", &["-e", "inject=fsync:error=EIO", "-P", path]) else { return };
    let ended = directory.create().under(strace.words()).sign_in().await;
    if strace.log().is_empty() {
        return skipped("only the administrator sees the files of a run");
    }
    assert_eq!(ended.code, 9, "{}", ended.stderr);
    assert!(ended.stderr.contains("Input/output error"), "{}", ended.stderr);
    assert_eq!(
        (directory.read(), directory.names()),
        (format!("A=1\nOPENAI_API_KEY={}\n", ended.key()), vec![".env".to_owned()])
    );
}

#[tokio::test]
async fn a_run_that_is_killed_at_the_replacement_leaves_the_old_file_whole_and_the_next_says_so() {
    let directory = Directory::with("A=1\n");
    let kill = ["-e", "inject=renameat,renameat2:error=EIO:signal=KILL"];
    let Some(strace) = Strace::of("renameat,renameat2", &kill) else { return };
    let mut run = directory.create().under(strace.words()).start().await;
    browse(&run.url().await, Consent::Allow);
    let key = run.finish().await.key();

    assert_eq!((directory.read().as_str(), directory.names().len()), ("A=1\n", 2));
    let left = directory.names().into_iter().find(|name| name.starts_with(".keymint-")).unwrap();
    assert_eq!(mode(&directory.path(&left)), 0o600);
    let content = fs::read_to_string(directory.path(&left)).unwrap();
    assert_eq!(content, format!("A=1\nOPENAI_API_KEY={key}\n"));
    let ended = delivered(directory.create()).await;
    assert!(ended.stderr.contains(&format!("{left} was left by a run that was killed")), "{}", ended.stderr);
}
