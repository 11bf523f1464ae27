//! Keys that are kept when a destination fails, and their recovery.

#![cfg(target_os = "linux")]

use crate::support::{Ended, create, keymint};
use keymint_sandbox::{Consent, Reply, Scenario, Step, sign_in_remotely};
use keymint_testkit::{Memory, Terminal, browse, full_disk};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// Returns a run whose key could not be printed.
async fn failed() -> Ended {
    create(Scenario::ready()).stdout(full_disk()).sign_in().await.exits_with(9)
}

/// Runs `keymint recover` in the home directory of that run, and returns its exit code, standard output and
/// standard error.
async fn recover(ended: &Ended, args: &[&str]) -> (i32, String, String) {
    let recovered = keymint(&ended.home).args(["recover"]).args(args).output().await;
    (recovered.code, recovered.stdout, recovered.stderr)
}

fn files(ended: &Ended) -> Vec<PathBuf> {
    let directory = ended.home.path().join(".local/state/keymint/recovery");
    fs::read_dir(directory).unwrap().map(|file| file.unwrap().path()).collect()
}

#[tokio::test]
async fn a_kept_key_goes_wherever_a_new_one_may() {
    let ended = failed().await;
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (env_file, taken) = (path(".env"), path("taken"));

    let (code, _, output) = recover(&ended, &["--env-file", &path("missing/.env")]).await;
    assert_eq!((code, files(&ended).len()), (11, 1), "{output}");

    let pipe_to = format!("tee {taken}");
    let (code, json, output) =
        recover(&ended, &["--env-file", &env_file, "--pipe-to", &pipe_to, "--json"]).await;
    assert_eq!((code, files(&ended).len()), (0, 0), "{output}");
    assert!(!json.contains(&ended.key()) && !output.contains(&ended.key()), "{json}{output}");
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["schema"], "keymint.created/2");
    assert_eq!(json["delivered_to"][1]["kind"], "command");
    assert_eq!(fs::read_to_string(env_file).unwrap(), format!("OPENAI_API_KEY={}\n", ended.key()));
    assert_eq!(fs::read_to_string(taken).unwrap(), ended.key());
}

#[tokio::test]
async fn a_name_with_quotes_forges_no_sentence() {
    let name = r#"a" is delivered. Delete the key "b"#;
    let ended = create(Scenario::ready()).args(["--name", name]).stdout(full_disk()).sign_in().await;
    fs::copy(&files(&ended)[0], files(&ended)[0].with_file_name("a\u{1b}[2J.key")).unwrap();
    let (_, listed, _) = recover(&ended, &[]).await;
    assert!(listed.contains(r"a\u{1b}[2J ") && !listed.contains('\u{1b}'), "{listed}");
    for shown in [&ended.stderr, &listed] {
        assert!(
            shown.contains(r#""a\" is delivered. Delete the key \"b""#) && !shown.contains(name),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn a_delivery_that_fails_again_keeps_the_key() {
    let ended = failed().await;
    let recover = keymint(&ended.home).args(["recover", "--print"]).stdout(full_disk());
    assert_eq!(recover.output().await.code, 9);
    assert_eq!(files(&ended).len(), 1);
}

#[tokio::test]
async fn a_key_is_deleted_by_its_id_and_said_to_be_still_valid() {
    let ended = failed().await;
    let path = files(&ended).pop().unwrap();
    fs::copy(&path, path.with_file_name("another.key")).unwrap();
    let id = path.file_stem().unwrap().to_str().unwrap();

    let (code, _, output) = recover(&ended, &["--delete", "--yes"]).await;
    assert_eq!(code, 2, "{output}");
    let (_, _, output) = recover(&ended, &[]).await;
    assert!(output.contains("`keymint recover ID --print`"), "{output}");
    let (code, _, output) = recover(&ended, &["--delete", "--yes", "no-such-id"]).await;
    assert_eq!(code, 2, "{output}");
    let (code, _, output) = recover(&ended, &["--delete", "--yes", id]).await;
    assert!(code == 0 && output.contains("stays valid"), "{output}");
    assert_eq!(files(&ended).len(), 1);
    assert_eq!(recover(&ended, &["--delete", "--yes"]).await.0, 0);
    let (code, _, output) = recover(&ended, &["--print"]).await;
    assert!(code == 2 && output.contains("the recovery directory has no key\n"), "{output}");
}

#[tokio::test]
async fn a_kept_key_is_deleted_only_with_a_confirmation() {
    let ended = failed().await;
    let (code, _, output) = recover(&ended, &["--delete"]).await;
    assert!(code == 2 && output.contains("--yes deletes it without a question"), "{output}");
    for (answer, code, kept) in [("\n", 2, 1), ("y\n", 0, 0)] {
        let mut terminal = Terminal::start(keymint(&ended.home).args(["recover", "--delete"]));
        let question = terminal.shows("Delete the file? [y/N] ").await;
        assert!(!question.contains(&ended.key()), "{question}");
        terminal.types(answer).await;
        assert_eq!((terminal.end().await.0, files(&ended).len()), (code, kept));
    }
}

#[tokio::test]
async fn nothing_is_confirmed_if_there_is_no_kept_key_to_delete() {
    let ended = failed().await;
    let (code, _, output) = recover(&ended, &["--delete", "no-such-id"]).await;
    assert!(code == 2 && output.contains("has no such key"), "{output}");
    recover(&ended, &["--delete", "--yes"]).await;
    let (code, _, output) = recover(&ended, &["--delete"]).await;
    assert!(code == 2 && output.contains("the recovery directory has no key"), "{output}");
}

#[tokio::test]
async fn an_id_that_is_taken_for_a_path_is_reported() {
    let ended = failed().await;
    let path = files(&ended).pop().unwrap();
    let id = path.file_stem().unwrap().to_str().unwrap();
    let (code, _, output) = recover(&ended, &["--env-file", id]).await;
    assert!(code == 2 && output.contains("give the id before it"), "{output}");
    assert_eq!(files(&ended), [path]);
}

#[tokio::test]
async fn a_file_that_holds_no_key_is_reported() {
    let ended = failed().await;
    fs::write(files(&ended).pop().unwrap(), "not a key\n").unwrap();
    let (code, printed, output) = recover(&ended, &["--print"]).await;
    assert_eq!((code, printed.as_str()), (1, ""), "{output}");
    assert!(output.contains("it contains no key"), "{output}");
}

#[tokio::test]
async fn a_stored_key_is_its_owners_to_read_whatever_the_umask() {
    let state = tempfile::tempdir().unwrap();
    for directory in ["records", "recovery", "locks"] {
        let directory = state.path().join("keymint").join(directory);
        fs::create_dir_all(&directory).unwrap();
        for directory in [directory.parent().unwrap(), &directory] {
            fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).unwrap();
        }
    }
    let ended = create(Scenario::ready())
        .under(["sh", "-c", "umask 777; exec \"$@\"", "keymint"])
        .args(["--pipe-to", "false"])
        .env("XDG_STATE_HOME", state.path())
        .sign_in()
        .await;
    assert_eq!(ended.code, 9, "{}", ended.stderr);
    let directories = fs::read_dir(state.path().join("keymint")).unwrap();
    let files = directories.flat_map(|directory| fs::read_dir(directory.unwrap().path()).unwrap());
    let modes: Vec<_> = files.map(|file| file.unwrap().metadata().unwrap().mode() & 0o777).collect();
    assert_eq!(modes, [0o600; 3]);
}

/// The memory limits range from none to a little more than the 2 MB of a thread's stack.
#[tokio::test]
async fn however_little_memory_is_left_for_threads_no_key_is_lost() {
    let home = tempfile::tempdir().unwrap();
    for spare in (0..80).map(|step| step << 15) {
        let path = home.path().join(format!("{spare}.env"));
        let mut run = create(Scenario::ready()).args(["--env-file"]).args([&path]).start().await;
        let url = run.url().await;
        run.limit(Memory::AddressSpace, spare).await;
        // A program that lacks memory may end by a signal, and leave its browser without a page.
        let _browser = browse(&url, Consent::Allow);
        let ended = run.finish().await;
        let no_key = ended.sandbox.keys().is_empty();
        let is_kept = ended.stderr.contains("it is kept in");
        assert!(no_key || ended.code == 0 || is_kept, "{spare}: {}", ended.stderr);
    }
}

/// The thread that delivers the key was started before.
#[tokio::test]
async fn however_little_memory_is_left_when_the_key_is_requested_it_is_not_lost() {
    let home = tempfile::tempdir().unwrap();
    for spare in (0..10).map(|step| step << 18) {
        let path = home.path().join(format!("{spare}.env"));
        let reply = Reply::default().delayed(Duration::from_millis(200));
        let run = create(Scenario::ready().reply(Step::CreateKey, reply)).args(["--env-file"]).args([&path]);
        let mut run = run.start().await;
        let _browser = browse(&run.url().await, Consent::Allow);
        run.requested("/api_keys").await;
        run.limit(Memory::AddressSpace, spare).await;
        let ended = run.finish().await;
        let is_kept = ended.stderr.contains("it is kept in");
        assert!(ended.code == 0 || is_kept, "{spare}: {}: {}", ended.status, ended.stderr);
    }
}

#[tokio::test]
async fn however_few_files_may_be_open_no_key_is_lost() {
    for limit in 8..=20 {
        let mut run = create(Scenario::ready())
            .args(["--no-listen", "--pipe-to", "cat"])
            .stdin(Stdio::piped())
            .start()
            .await;
        let address = sign_in_remotely(&run.url().await, Consent::Allow).await.unwrap();
        let (process, limit) = (format!("--pid={}", run.process()), format!("--nofile={limit}"));
        assert!(Command::new("prlimit").args([&process, &limit]).status().await.unwrap().success());
        run.types(&format!("{address}\n")).await;
        let ended = run.end().await;
        let no_key = ended.sandbox.keys().is_empty();
        let is_kept = ended.stderr.contains("it is kept in");
        assert!(no_key || ended.code == 0 || is_kept, "{limit}: {}", ended.stderr);
    }
}

/// JSON cannot contain a path that is not UTF-8.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_state_directory_whose_path_is_no_text_costs_no_key_and_no_word() {
    use std::os::unix::ffi::OsStrExt;
    let home = tempfile::tempdir().unwrap();
    let state = home.path().join(std::ffi::OsStr::from_bytes(b"state\xff"));
    let create = create(Scenario::ready()).env("XDG_STATE_HOME", &state);
    let ended = create.args(["--pipe-to", "sh -c 'cat >/dev/null; exit 3'"]).sign_in().await.exits_with(9);
    let run = async |args: &[&str]| {
        keymint(&home)
            .env("XDG_STATE_HOME", &state)
            .env("XDG_CONFIG_HOME", &state)
            .args(args)
            .output()
            .await
            .exits_with(0)
            .stdout
    };
    for args in [["status", "--json"], ["recover", "--json"]] {
        assert!(run(&args).await.contains("state\u{fffd}"));
    }
    run(&["config", "--json"]).await;
    assert_eq!(run(&["recover", "--print"]).await, format!("{}\n", ended.key()));
    let status = run(&["status"]).await;
    assert!(
        status.contains("Delivered to standard output") && !status.contains("Perhaps no destination has it"),
        "{status}"
    );
}
