//! `keymint import`: an existing key from standard input.

#![cfg(target_os = "linux")]

use crate::support::{KEYMINT, keymint, machine};
use keymint_sandbox::{Consent, Scenario};
use keymint_testkit::{Ended, Launch, Terminal, browse};
use std::fs;
use std::path::Path;
use std::process::Stdio;

const KEY: &str = "sk-proj-imported-0123456789-9f3A";

/// Returns `keymint import` in this directory, which is also the home directory.
fn import(home: impl AsRef<Path>, args: &[&str]) -> Launch {
    keymint(&home).current_dir(&home).args(["import"]).args(args)
}

fn refused(ended: &Ended, home: &Path, because: &str) {
    assert_eq!((ended.code, &*ended.stdout), (2, ""), "{}", ended.stderr);
    assert!(ended.stderr.contains(because), "{because}: {}", ended.stderr);
    assert!(!ended.stderr.contains("9f3A"), "{}", ended.stderr);
    assert!(!home.join(".env").exists(), "{because}");
    let records = fs::read_dir(home.join(".local/state/keymint/records"));
    assert_eq!(records.map_or(0, Iterator::count), 0, "{because}");
}

#[tokio::test]
async fn a_key_from_a_pipe_is_delivered_and_remembered_as_imported() {
    for input in [KEY.to_owned(), format!("{KEY}\n"), format!("\u{feff}{KEY}\r\n")] {
        let home = tempfile::tempdir().unwrap();
        let args = ["--env-file", "--name", "mine", "--json"];
        let ended = import(&home, &args).env("CLAUDECODE", "1").input(&input).output().await.exits_with(0);
        assert_eq!(fs::read_to_string(home.path().join(".env")).unwrap(), format!("OPENAI_API_KEY={KEY}\n"));
        assert!(!ended.stdout.contains(KEY) && !ended.stderr.contains(KEY), "{}", ended.stderr);

        let status = keymint(&home).current_dir(&home).args(["status", "--json"]).output().await.json();
        let (known, used) = (&status["keys"][0], &status["in_use"]["last4"]);
        assert_eq!(
            (&known["name"], &known["origin"], &known["last4"]),
            (&"mine".into(), &"imported".into(), used)
        );
        assert_eq!(known["project"]["id"], "unknown");
        let status = keymint(&home).current_dir(&home).args(["status"]).output().await.stdout;
        assert!(status.contains("mine") && status.contains("imported"), "{status}");
    }
}

#[tokio::test]
async fn input_that_is_not_one_line_with_a_key_is_refused_and_not_repeated() {
    for (input, because) in [
        (String::new(), "no key was given"),
        ("\n".to_owned(), "is not a key"),
        (format!("{KEY} 9f3A"), "is not a key"),
        (format!("{KEY}\t"), "is not a key"),
        (format!("é{KEY}"), "is not a key"),
        ("ending in 9f3A.".to_owned(), "begins with sk-"),
        ("sk-admin-0123456789-9f3A".to_owned(), "it is an admin key"),
        (format!("OPENAI_API_KEY={KEY}\n"), "it looks like a line of a dotenv file"),
        (format!("{KEY}\0"), "it is not UTF-8"),
        (format!("{KEY}\u{1b}]0;x\u{7}"), "is not a key"),
        (format!("{KEY}\n\n"), "more than one line"),
        (format!("{KEY}\n{KEY}\n"), "more than one line"),
        ("9f3A".repeat(5000), "is not a key"),
    ] {
        let home = tempfile::tempdir().unwrap();
        refused(&import(&home, &["--env-file"]).input(&input).output().await, home.path(), because);
    }
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("long"), "9f3A".repeat(250_000)).unwrap();
    let long = fs::File::open(home.path().join("long")).unwrap();
    let ended = import(&home, &["--env-file"]).stdin(long).output().await;
    refused(&ended, home.path(), "begins with sk-");
    let endless = fs::File::open("/dev/zero").unwrap();
    let ended = import(&home, &["--env-file"]).stdin(endless).output().await;
    refused(&ended, home.path(), "it is not UTF-8");
    let ended = import(&home, &["--env-file"]).stdin(Stdio::null()).output().await;
    refused(&ended, home.path(), "no key was given");
}

#[tokio::test]
async fn an_imported_key_needs_a_destination_other_than_standard_output() {
    let home = tempfile::tempdir().unwrap();
    for args in [&[][..], &["--print"]] {
        let ended = import(&home, args).input(KEY).output().await;
        refused(&ended, home.path(), "--env-file or --keyring");
    }
}

#[tokio::test]
async fn a_signal_ends_the_wait_for_a_slow_pipe_and_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let mut run = import(&home, &["--env-file", "--verbose"]).stdin(Stdio::piped()).spawn();
    run.types(KEY).await;
    // Once it handles the signal, it is waiting.
    keymint_testkit::until(|| {
        let status = fs::read_to_string(format!("/proc/{}/status", run.process())).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim();
        u64::from_str_radix(caught, 16).unwrap() & (1 << 14) != 0
    })
    .await;
    run.signal("TERM").await;
    let ended = run.finish().await.exits_with(143);
    assert!(ended.stderr.contains("interrupted; the key was not read"), "{}", ended.stderr);
    assert!(!ended.stderr.contains(KEY), "{}", ended.stderr);
    assert!(!home.path().join(".env").exists());
}

/// A shell that reports the echo of its terminal after an import.
fn in_a_shell(home: &Path) -> Terminal {
    let script = format!(
        "trap : INT; env --default-signal=INT '{KEYMINT}' import --env-file; echo code $?; stty -a | grep -ow -e '-*echo'"
    );
    Terminal::start(keymint_testkit::Launch::new("sh", home).current_dir(home).args(["-c", &script]))
}

#[tokio::test]
async fn a_typed_key_is_not_shown_and_the_terminal_shows_what_is_typed_again() {
    let home = tempfile::tempdir().unwrap();
    for (typed, code) in [
        (format!("{KEY}\n"), "code 0"),
        ("9f3A\u{3}".to_owned(), "code 130"),
        (format!("{KEY}\u{4}\u{4}"), "code 2"),
    ] {
        let _ = fs::remove_file(home.path().join(".env"));
        let mut terminal = in_a_shell(home.path());
        terminal.shows("press Enter:").await;
        terminal.types(&typed).await;
        let (_, shown) = terminal.end().await;
        assert!(shown.contains(code) && !shown.contains(KEY), "{shown}");
        assert!(shown.lines().any(|line| line.trim() == "echo"), "{shown}");
        assert_eq!(home.path().join(".env").exists(), code == "code 0");
    }
}

#[tokio::test]
async fn a_key_whose_destination_fails_is_kept_and_can_be_recovered() {
    let home = tempfile::tempdir().unwrap();
    let args = ["--pipe-to", "false", "--name", "mine", "--json"];
    let ended = import(&home, &args).input(KEY).output().await.exits_with(9);
    assert!(ended.stderr.contains("the key was read, but"), "{}", ended.stderr);
    assert_eq!(ended.kept().trim_end(), KEY);
    let recover = keymint(&home).current_dir(&home).args(["recover", "--env-file", "--json"]);
    let recovered = recover.output().await.exits_with(0).json();
    assert_eq!(
        (&recovered["schema"], &recovered["key"]["name"]),
        (&"keymint.imported/1".into(), &"mine".into())
    );
    assert_eq!(fs::read_to_string(home.path().join(".env")).unwrap(), format!("OPENAI_API_KEY={KEY}\n"));
}

#[tokio::test]
async fn the_platform_is_asked_about_an_imported_key_where_that_is_wanted() {
    let machine = machine(Scenario::ready()).await;
    for (args, requests) in [(&["--force"][..], 0), (&["--force", "--verify"], 1)] {
        let import = machine.keymint(["import", "--env-file"]).args(args).current_dir(machine.home.path());
        let ended = import.env("KEYMINT_API_BASE", machine.sandbox.api_base()).input(KEY).output().await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(machine.count("GET", "/v1/models"), requests);
    }
}

#[tokio::test]
async fn an_imported_key_that_this_machine_made_keeps_its_record_and_can_be_rotated() {
    let machine = machine(Scenario::ready()).await;
    let signs_in = async |args: &str| {
        let mut run = machine
            .keymint(args.split(' '))
            .current_dir(&machine.home)
            .env("KEYMINT_NO_BROWSER", "1")
            .spawn();
        browse(&run.url().await, Consent::Allow);
        run.finish().await.exits_with(0)
    };
    signs_in("create --name mine --print").await;
    let key = machine.sandbox.keys()[0].value.clone();
    let import =
        machine.keymint(["import", "--env-file", "--name", "other", "--json"]).current_dir(&machine.home);
    let import = import.env("KEYMINT_API_BASE", machine.sandbox.api_base()).input(&key);
    let ended = import.output().await.exits_with(0);
    assert_eq!(ended.json()["key"]["name"], "mine");
    assert!(ended.stderr.contains("knows the key as \"mine\", and keeps that name"), "{}", ended.stderr);
    let status = async || machine.keymint(["status", "--json"]).output().await.json()["keys"].clone();
    let keys = status().await;
    assert_eq!((keys.as_array().unwrap().len(), &keys[0]["origin"]), (1, &"created".into()), "{keys}");
    assert_eq!(keys[0]["delivered_to"].as_array().unwrap().len(), 2, "{keys}");

    signs_in("rotate").await;
    let keys = status().await;
    assert_eq!(keys[1]["rotation"]["replaces"], keys[0]["id"], "{keys}");
    let env_file = fs::read_to_string(machine.home.path().join(".env")).unwrap();
    assert_eq!(env_file, format!("OPENAI_API_KEY={}\n", machine.sandbox.keys()[1].value));
}

#[tokio::test]
async fn a_known_key_whose_destination_fails_is_kept_under_its_record() {
    let home = tempfile::tempdir().unwrap();
    import(&home, &["--env-file", "--name", "mine"]).input(KEY).output().await.exits_with(0);
    let ended = import(&home, &["--pipe-to", "false"]).input(KEY).output().await.exits_with(9);
    assert_eq!(ended.kept().trim_end(), KEY);
    let status = keymint(&home).args(["status", "--json"]).output().await.json();
    assert_eq!(status["keys"].as_array().unwrap().len(), 1, "{status}");
    assert!(status["keys"][0]["kept_in"].is_string(), "{status}");
}
