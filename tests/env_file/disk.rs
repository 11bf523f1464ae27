//! A directory that is a file system of its own.

use super::{Directory, refused};
use crate::support::{Run, create};
use keymint_sandbox::{Consent, Scenario};
use keymint_testkit::skipped;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Runs the program in a mount namespace where this directory is a file system of its own.
fn in_a_file_system(directory: &Path, options: &str, then: &str) -> Option<Vec<String>> {
    let script = format!(
        "mount -t tmpfs -o {options} none '{0}' && printf 'A=1\\n' >'{0}/.env' && chmod 600 '{0}/.env' && {then} exec \"$@\"",
        directory.display()
    );
    let under = ["unshare", "-rm", "sh", "-c", &script, "keymint"].map(str::to_owned);
    let works = std::process::Command::new("unshare")
        .args(&under[1..])
        .args(["true"])
        .status()
        .is_ok_and(|status| status.success());
    if !works {
        skipped("no file system can be mounted here");
    }
    works.then(|| under.to_vec())
}

/// Fills the file system that a run has in place of this directory. Returns the file that does.
fn fill(run: &Run, directory: &Path) -> Option<fs::File> {
    let inside = PathBuf::from(format!("/proc/{}/root{}", run.process(), directory.display()));
    let Ok(mut filler) = fs::File::create(inside.join("filler")) else {
        skipped("the program's file system cannot be reached from here");
        return None;
    };
    while filler.write_all(&[0; 512]).is_ok() {}
    Some(filler)
}

#[tokio::test]
async fn a_full_or_read_only_disk_is_noticed_before_the_sign_in() {
    for (options, then, problem) in [
        ("size=4k", "", "it cannot be written: No space left on device"),
        ("size=1m", "mount -o remount,ro '@' &&", "it cannot be written: Read-only file system"),
    ] {
        let directory = Directory::new();
        let path = directory.path("");
        let then = then.replace('@', path.to_str().unwrap());
        let Some(under) = in_a_file_system(&path, options, &then) else { return };
        let said = refused(directory.create().under(under)).await;
        assert!(said.contains(problem), "{said}");
    }
}

#[tokio::test]
async fn a_file_that_is_a_mount_point_is_refused() {
    let directory = Directory::new();
    let path = directory.path("");
    let mount = format!("touch '{0}/source' && mount --bind '{0}/source' '{0}/.env' &&", path.display());
    let Some(under) = in_a_file_system(&path, "size=1m", &mount) else { return };
    let said = refused(directory.create().under(under)).await;
    assert!(said.contains("it is a mount point"), "{said}");
}

#[tokio::test]
async fn a_disk_that_fills_up_during_the_sign_in_has_room_for_the_key() {
    let directory = Directory::new();
    let path = directory.path("");
    let Some(under) = in_a_file_system(&path, "size=16k", "") else { return };
    let mut run = directory.create().under(under).start().await;
    run.url().await;
    if fill(&run, &path).is_none() {
        return;
    }
    run.answer(Consent::Allow).await.exits_with(0);
}

/// The record of the run takes the last block. The space for the key is already reserved.
#[tokio::test]
async fn a_disk_that_fills_up_during_the_sign_in_has_room_to_keep_the_key() {
    let directory = Directory::new();
    let path = directory.path("");
    let Some(under) = in_a_file_system(&path, "size=64k,mode=700", "") else { return };
    let run = create(Scenario::ready()).args(["--pipe-to", "false"]).under(under);
    let mut run = run.env("XDG_STATE_HOME", &path).env("TMPDIR", "/nowhere").start().await;
    run.url().await;
    let Some(filler) = fill(&run, &path) else { return };
    let last_block = filler.metadata().unwrap().len() - 4096;
    filler.set_len(last_block).unwrap();
    run.browser(Consent::Allow).await;
    let ended = run.end().await.exits_with(9);
    assert!(ended.stderr.contains("it is kept in"), "{}", ended.stderr);
}
