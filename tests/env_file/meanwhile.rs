//! What happens to the file while the person signs in, and when a run is ended.

use super::{Folder, create_in, delivered, names};
use keymint_sandbox::Consent;
use std::fs;
use std::os::unix::fs::symlink;

#[tokio::test]
async fn what_another_program_writes_during_the_sign_in_stays() {
    let folder = Folder::with("A=1\n");
    let mut run = folder.create().start().await;
    run.url().await;
    fs::write(folder.path(".env"), "A=2\nB=3\n").unwrap();
    let ended = run.answer(Consent::Allow).await.exits_with(0);
    assert_eq!(folder.read(), format!("A=2\nB=3\nOPENAI_API_KEY={}\n", ended.key()));
}

#[tokio::test]
async fn a_value_that_comes_during_the_sign_in_is_not_lost_and_neither_is_the_key() {
    let folder = Folder::with("A=1\n");
    let mut run = folder.create().start().await;
    run.url().await;
    fs::write(folder.path(".env"), "OPENAI_API_KEY=secret\n").unwrap();
    let ended = run.answer(Consent::Allow).await.exits_with(9);
    assert!(ended.stderr.contains("another value now than before the sign-in"), "{}", ended.stderr);
    assert_eq!(
        (folder.read().as_str(), folder.names()),
        ("OPENAI_API_KEY=secret\n", vec![".env".to_owned()])
    );
}

#[tokio::test]
async fn a_folder_that_is_swapped_during_the_sign_in_diverts_nothing() {
    let (folder, others) = (Folder::new(), Folder::new());
    fs::create_dir(folder.path("project")).unwrap();
    let mut run = create_in(&folder.path("project/.env")).args(["--json"]).start().await;
    run.url().await;
    fs::rename(folder.path("project"), folder.path("moved")).unwrap();
    symlink(others.path(""), folder.path("project")).unwrap();
    let ended = run.answer(Consent::Allow).await.exits_with(0);
    assert_eq!((names(&folder.path("moved")), others.names()), (vec![".env".to_owned()], vec![]));
    let file = folder.path("moved/.env");
    assert!(ended.stderr.contains(&format!("It is in {} as", file.display())), "{}", ended.stderr);
    assert_eq!(ended.json()["delivered_to"][0], format!("env-file:{}", file.display()));
}

#[tokio::test]
async fn a_run_that_is_ended_leaves_nothing_in_the_folder() {
    for signal in ["INT", "TERM"] {
        let folder = Folder::with("A=1\n");
        let mut run = folder.create().start().await;
        run.url().await;
        assert_eq!(folder.names().len(), 2);
        run.signal(signal).await;
        run.end().await;
        assert_eq!((folder.names(), folder.read().as_str()), (vec![".env".to_owned()], "A=1\n"));
    }
}

#[tokio::test]
async fn what_a_killed_run_left_is_told_of_where_it_may_hold_a_key_and_else_removed() {
    let folder = Folder::with("A=1\n");
    let mut run = folder.create().start().await;
    run.url().await;
    run.signal("KILL").await;
    run.finish().await;
    assert_eq!(folder.names().len(), 2);
    let left = folder.path(".keymint-0123456789abcdef.tmp");
    fs::write(&left, "OPENAI_API_KEY=secret\n").unwrap();

    let ended = delivered(folder.create()).await;
    let told = format!("{} was left by a run that was killed, and may hold a key", left.display());
    assert!(ended.stderr.contains(&told) && !ended.stderr.contains("secret"), "{}", ended.stderr);
    assert_eq!(folder.names(), [".env", ".keymint-0123456789abcdef.tmp"]);
}

#[tokio::test]
async fn a_run_waits_for_another_that_has_the_same_file() {
    let folder = Folder::new();
    let mut first = folder.create().start().await;
    first.url().await;
    let second = tokio::spawn(folder.create().args(["--force"]).start());
    let second = second.await.unwrap();
    let first = first.answer(Consent::Allow).await;
    let second = second.answer(Consent::Allow).await;
    assert_eq!((first.code, second.code), (0, 0), "{}\n{}", first.stderr, second.stderr);
    assert_eq!(folder.read(), format!("OPENAI_API_KEY={}\n", second.key()));
}
