//! Changes of the file during the sign-in, and runs that are ended.

use super::{Directory, create_in, delivered, names};
use keymint_sandbox::Consent;
#[cfg(target_os = "linux")]
use keymint_testkit::watch;
use std::fs;
use std::os::unix::fs::symlink;

#[tokio::test]
async fn a_change_of_another_program_during_the_sign_in_stays() {
    let directory = Directory::with("A=1\n");
    let mut run = directory.create().start().await;
    run.url().await;
    fs::write(directory.path(".env"), "A=2\nB=3\n").unwrap();
    let ended = run.answer(Consent::Allow).await.exits_with(0);
    assert_eq!(directory.read(), format!("A=2\nB=3\nOPENAI_API_KEY={}\n", ended.key()));
}

/// The writer may be an editor or `echo >>` that opened the file before the run replaced it.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_line_that_another_program_appends_to_the_replaced_file_is_not_lost() {
    use std::io::Write;
    let directory = Directory::with("A=1\n");
    let mut other = fs::File::options().append(true).open(directory.path(".env")).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let fifo = elsewhere.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let wait = [("KEYMINT_FAIL_POINT", "file-replaced".as_ref()), ("KEYMINT_FAIL_FIFO", fifo.as_os_str())];
    let mut run = directory.create().envs(wait).start().await;
    run.browser(Consent::Allow).await;

    // It opens the file once the run has replaced it, and waits.
    let path = fifo.clone();
    let open = tokio::task::spawn_blocking(move || fs::File::options().write(true).open(path));
    let waiting = watch(open).await.unwrap().unwrap();
    other.write_all(b"B=2\n").unwrap();
    // The second attempt does not wait.
    fs::remove_file(&fifo).unwrap();
    drop(waiting);
    let ended = run.end().await.exits_with(0);
    assert_eq!(directory.read(), format!("A=1\nB=2\nOPENAI_API_KEY={}\n", ended.key()));
    assert_eq!(directory.names(), [".env"]);
}

#[tokio::test]
async fn a_value_that_comes_during_the_sign_in_is_not_lost_and_neither_is_the_key() {
    let directory = Directory::with("A=1\n");
    let mut run = directory.create().start().await;
    run.url().await;
    fs::write(directory.path(".env"), "OPENAI_API_KEY=secret\n").unwrap();
    let ended = run.answer(Consent::Allow).await.exits_with(9);
    assert!(ended.stderr.contains("the value changed during the sign-in"), "{}", ended.stderr);
    assert_eq!(
        (directory.read().as_str(), directory.names()),
        ("OPENAI_API_KEY=secret\n", vec![".env".to_owned()])
    );
}

#[tokio::test]
async fn a_directory_that_is_swapped_during_the_sign_in_diverts_nothing() {
    let (directory, others) = (Directory::new(), Directory::new());
    fs::create_dir(directory.path("project")).unwrap();
    let mut run = create_in(&directory.path("project/.env")).args(["--json"]).start().await;
    run.url().await;
    fs::rename(directory.path("project"), directory.path("moved")).unwrap();
    symlink(others.path(""), directory.path("project")).unwrap();
    let ended = run.answer(Consent::Allow).await.exits_with(0);
    assert_eq!((names(&directory.path("moved")), others.names()), (vec![".env".to_owned()], vec![]));
    let file = directory.path("moved/.env");
    assert!(ended.stderr.contains(&format!("Saved to {} as", file.display())), "{}", ended.stderr);
    assert_eq!(ended.json()["delivered_to"][0]["path"], file.to_str().unwrap());
}

#[tokio::test]
async fn a_run_that_is_ended_leaves_nothing_in_the_directory() {
    for signal in ["INT", "TERM"] {
        let directory = Directory::with("A=1\n");
        let mut run = directory.create().start().await;
        run.url().await;
        assert_eq!(directory.names().len(), 2);
        run.signal(signal).await;
        run.end().await;
        assert_eq!((directory.names(), directory.read().as_str()), (vec![".env".to_owned()], "A=1\n"));
    }
}

#[tokio::test]
async fn many_files_that_were_left_are_reported_once() {
    let directory = Directory::with("A=1\n");
    for number in 0..1_500 {
        fs::write(directory.path(&format!(".keymint-{number:016x}.tmp")), "OPENAI_API_KEY=secret\n").unwrap();
    }
    let ended = delivered(directory.create()).await;
    assert_eq!(ended.stderr.matches("is left from a run").count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("1499 more"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_file_of_a_killed_run_is_reported_if_it_may_hold_a_key_and_else_removed() {
    let directory = Directory::with("A=1\n");
    let mut run = directory.create().start().await;
    run.url().await;
    run.signal("KILL").await;
    run.finish().await;
    assert_eq!(directory.names().len(), 2);
    let left = directory.path(".keymint-0123456789abcdef.tmp");
    fs::write(&left, "OPENAI_API_KEY=secret\n").unwrap();

    let ended = delivered(directory.create()).await;
    let message = format!("{} is left from a run that was killed, and may contain a key", left.display());
    assert!(ended.stderr.contains(&message) && !ended.stderr.contains("secret"), "{}", ended.stderr);
    assert_eq!(directory.names(), [".env", ".keymint-0123456789abcdef.tmp"]);
}

#[tokio::test]
async fn a_run_waits_for_another_that_has_the_same_file() {
    let directory = Directory::new();
    let mut first = directory.create().start().await;
    first.url().await;
    let second = tokio::spawn(directory.create().args(["--force"]).start());
    let second = second.await.unwrap();
    let first = first.answer(Consent::Allow).await;
    let second = second.answer(Consent::Allow).await;
    assert_eq!((first.code, second.code), (0, 0), "{}\n{}", first.stderr, second.stderr);
    assert_eq!(directory.read(), format!("OPENAI_API_KEY={}\n", second.key()));
}
