//! The destinations of the old key, which get the new one.

use super::{env_file, key_in, keymint, rotate, run, valid, with_a_key, with_admin_key};
use crate::support::{in_one_line, machine};
use keymint_sandbox::{Consent, Scenario};
use keymint_testkit::{Launch, Session, browse, free_port, until};
use std::fs;
use std::process::Command;

#[tokio::test]
async fn a_value_that_is_not_the_old_key_is_replaced_only_by_force() {
    let machine = with_a_key(Scenario::ready()).await;
    fs::write(env_file(&machine), "OPENAI_API_KEY=sk-proj-of-another-user\n").unwrap();
    let ended = run(&machine, with_admin_key(&machine, &[])).await.exits_with(8);
    assert!(in_one_line(&ended.stderr).contains("which keymint did not put there"), "{}", ended.stderr);
    let ended = run(&machine, with_admin_key(&machine, &["old"])).await.exits_with(11);
    assert!(!ended.stderr.contains("/oauth/authorize?"), "{}", ended.stderr);
    assert_eq!(valid(&machine), [true]);

    // Another run may have put it there, so nothing suggests to replace it.
    assert!(!in_one_line(&ended.stderr).contains("--force"), "{}", ended.stderr);
    assert!(
        in_one_line(&ended.stderr).contains("`keymint status` shows which key is where"),
        "{}",
        ended.stderr
    );

    run(&machine, with_admin_key(&machine, &["old", "--force"])).await.exits_with(0);
    assert_eq!((key_in(&machine, ".env"), valid(&machine)), (Some(1), vec![false, true]));
}

#[tokio::test]
async fn another_key_with_the_same_end_is_not_taken_for_the_old_one() {
    let machine = with_a_key(Scenario::ready()).await;
    let made = machine.sandbox.keys()[0].value.clone();
    let other = format!("OPENAI_API_KEY=sk-proj-of-another-user-{}\n", &made[made.len() - 4..]);
    fs::write(env_file(&machine), &other).unwrap();
    let ended = run(&machine, with_admin_key(&machine, &[])).await.exits_with(8);
    assert!(in_one_line(&ended.stderr).contains("which keymint did not put there"), "{}", ended.stderr);
    run(&machine, with_admin_key(&machine, &["old"])).await.exits_with(11);
    assert_eq!((fs::read_to_string(env_file(&machine)).unwrap(), valid(&machine)), (other, vec![true]));
}

/// The keyring has no lock, so both runs create a key.
#[tokio::test]
async fn of_two_rotations_at_once_one_replaces_the_key_and_the_other_keeps_its_own() {
    let (session, machine) = (Session::start("unlocked"), machine(Scenario::ready()).await);
    let in_session = |program: Launch| program.env("DBUS_SESSION_BUS_ADDRESS", &session.address);
    let args = ["create", "--keyring", "--name", "old"];
    run(&machine, in_session(keymint(&machine, &args))).await.exits_with(0);
    let port = free_port().to_string();
    let [mut winner, mut loser] = [None, Some(port)].map(|port| {
        let program = in_session(with_admin_key(&machine, &[]));
        port.into_iter().fold(program, |program, port| program.env("KEYMINT_CALLBACK_PORT", port)).spawn()
    });
    let urls = [winner.url().await, loser.url().await];
    browse(&urls[0], Consent::Allow);
    winner.finish().await.exits_with(0);
    browse(&urls[1], Consent::Allow);
    let ended = loser.finish().await.exits_with(9);
    let shown = in_one_line(&ended.stderr);
    assert!(
        shown.contains("the key changed during the sign-in") && shown.contains("This run did not revoke"),
        "{shown}"
    );
    assert!(!shown.contains("--force") && !shown.contains("--new"), "{shown}");
    let keys = machine.sandbox.keys();
    assert_eq!(
        (session.stored("default"), valid(&machine)),
        (keys[1].value.clone(), vec![false, true, true])
    );

    // The old key is revoked.
    run(&machine, in_session(with_admin_key(&machine, &["old"]))).await.exits_with(8);
}

#[tokio::test]
async fn a_key_that_the_user_removed_from_the_keyring_is_not_put_back() {
    let (session, machine) = (Session::start("unlocked"), machine(Scenario::ready()).await);
    let in_session = |program: Launch| program.env("DBUS_SESSION_BUS_ADDRESS", &session.address);
    let args = ["create", "--keyring", "--env-file", "--name", "old"];
    run(&machine, in_session(keymint(&machine, &args))).await.exits_with(0);
    session.run(Command::new("secret-tool").args(["clear", "service", "keymint", "username", "default"]));
    run(&machine, in_session(with_admin_key(&machine, &[]))).await.exits_with(0);
    assert_eq!((key_in(&machine, ".env"), valid(&machine)), (Some(1), vec![false, true]));
    assert_eq!(session.stored("default"), "");
}

/// The value changes during the sign-in.
#[tokio::test]
async fn a_value_that_changes_meanwhile_stays_and_so_does_the_old_key() {
    let machine = with_a_key(Scenario::ready()).await;
    let mut run = with_admin_key(&machine, &[]).spawn();
    let url = run.url().await;
    fs::write(env_file(&machine), "OPENAI_API_KEY=changed\n").unwrap();
    browse(&url, Consent::Allow);
    let ended = run.finish().await.exits_with(9);
    assert_eq!(fs::read_to_string(env_file(&machine)).unwrap(), "OPENAI_API_KEY=changed\n");
    assert_eq!(valid(&machine), [true, true], "{}", ended.stderr);
}

#[tokio::test]
async fn a_destination_that_a_run_cannot_repeat_keeps_the_old_key() {
    let machine = machine(Scenario::ready()).await;
    let args = ["create", "--env-file", "--name", "old", "--pipe-to", "sh -c 'cat >taken'"];
    run(&machine, keymint(&machine, &args)).await.exits_with(0);
    until(|| machine.home.path().join("taken").exists()).await;
    let ended = run(&machine, with_admin_key(&machine, &[])).await.exits_with(0);
    let shown = in_one_line(&ended.stderr);
    assert!(shown.contains("the command of --pipe-to had it, and did not get the new key"), "{shown}");
    assert_eq!((key_in(&machine, ".env"), valid(&machine)), (Some(1), vec![true, true]));
    // Another command does not replace the key of the first one, and the same one does.
    for (command, is_revoked) in [("sh -c 'cat >other'", false), ("sh -c 'cat >taken'", true)] {
        let machine = crate::support::machine(Scenario::ready()).await;
        run(&machine, keymint(&machine, &args)).await.exits_with(0);
        let ended = run(&machine, with_admin_key(&machine, &["--pipe-to", command])).await.exits_with(0);
        let shown = in_one_line(&ended.stderr);
        assert_eq!(
            shown.contains("the command of --pipe-to had it, and did not get"),
            !is_revoked,
            "{shown}"
        );
        assert_eq!((key_in(&machine, ".env"), valid(&machine)), (Some(1), vec![!is_revoked, true]));
    }
}

#[tokio::test]
async fn a_key_that_went_to_a_command_alone_is_not_printed_without_its_flag() {
    let machine = machine(Scenario::ready()).await;
    run(&machine, keymint(&machine, &["create", "--name", "old", "--pipe-to", "cat"])).await.exits_with(0);
    let ended = run(&machine, rotate(&machine, &[])).await.exits_with(2);
    let shown = in_one_line(&ended.stderr);
    assert!(shown.contains("Repeat --pipe-to") && !shown.contains("/oauth/authorize?"), "{shown}");
    assert_eq!((&*ended.stdout, valid(&machine)), ("", vec![true]));
    run(&machine, rotate(&machine, &["--pipe-to", "cat"])).await.exits_with(0);
}

/// A printed or copied key may be anywhere.
#[tokio::test]
async fn a_key_that_was_printed_is_not_revoked_and_the_user_learns_it_before_the_sign_in() {
    let machine = machine(Scenario::ready()).await;
    run(&machine, keymint(&machine, &["create", "--name", "old"])).await.exits_with(0);
    let ended = run(&machine, with_admin_key(&machine, &[])).await.exits_with(0);
    let shown = in_one_line(&ended.stderr);
    let revoke = format!("`keymint admin revoke {}` deletes the old one", machine.sandbox.keys()[0].id);
    let [before, after] = ["the old key will not be revoked: ", "is still valid: "]
        .map(|beginning| shown.find(&format!("{beginning}standard output had it, and keymint cannot know")));
    assert!(before.is_some() && before < after && shown.contains(&revoke), "{shown}");
    assert!(before < shown.find("/oauth/authorize?"), "{shown}");
    assert_eq!(valid(&machine), [true, true]);
}

/// Each holder is a variable of a file, or the file behind a link.
#[tokio::test]
async fn a_holder_is_a_variable_of_the_file_that_is_there_now() {
    let machine = with_a_key(Scenario::ready()).await;
    fs::rename(env_file(&machine), machine.home.path().join("real.env")).unwrap();
    std::os::unix::fs::symlink("real.env", env_file(&machine)).unwrap();
    let args = ["--env-file", "--var", "OTHER"];
    let ended = run(&machine, with_admin_key(&machine, &args)).await.exits_with(2);
    assert!(in_one_line(&ended.stderr).contains("as OPENAI_API_KEY, and not as OTHER"), "{}", ended.stderr);
    run(&machine, with_admin_key(&machine, &[])).await.exits_with(0);
    assert_eq!((key_in(&machine, "real.env"), valid(&machine)), (Some(1), vec![false, true]));

    // The user takes it out of the file, which does not get the next key.
    fs::write(env_file(&machine), "OTHER=1\n").unwrap();
    let ended = run(&machine, with_admin_key(&machine, &["--print"])).await.exits_with(0);
    assert_eq!(fs::read_to_string(env_file(&machine)).unwrap(), "OTHER=1\n");
    let keys = machine.sandbox.keys();
    assert_eq!((ended.stdout.trim_end(), valid(&machine)), (&*keys[2].value, vec![false, false, true]));
}

/// The records of earlier versions have no variable.
#[tokio::test]
async fn a_variable_that_is_not_recorded_is_not_guessed() {
    for (variable, is_found) in [("OPENAI_API_KEY", true), ("OTHER", false)] {
        let machine = machine(Scenario::ready()).await;
        let args = ["create", "--env-file", "--var", variable, "--name", "old"];
        run(&machine, keymint(&machine, &args)).await.exits_with(0);
        for record in fs::read_dir(machine.home.path().join(".local/state/keymint/records")).unwrap() {
            let path = record.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            fs::write(path, text.replace(&format!(r#""variable":"{variable}""#), r#""variable":null"#))
                .unwrap();
        }
        let ended = run(&machine, with_admin_key(&machine, &["old", "--print"])).await.exits_with(0);
        assert_eq!(valid(&machine), [!is_found, true], "{}", ended.stderr);
        let text = fs::read_to_string(env_file(&machine)).unwrap();
        let key = &machine.sandbox.keys()[usize::from(is_found)].value;
        assert_eq!(text, format!("{variable}={key}\n"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_file_that_is_gone_keeps_the_old_key_and_the_new_one_is_printed_on_request_alone() {
    let machine = with_a_key(Scenario::ready()).await;
    fs::remove_file(env_file(&machine)).unwrap();
    let ended = run(&machine, rotate(&machine, &[]).env("CLAUDECODE", "1")).await.exits_with(2);
    assert!(in_one_line(&ended.stderr).contains("`keymint rotate --env-file`"), "{}", ended.stderr);
    let ended = run(&machine, with_admin_key(&machine, &["--json", "--print"])).await.exits_with(2);
    assert!(in_one_line(&ended.stderr).contains("--json would print the new key"), "{}", ended.stderr);
    for args in [&["--quiet"][..], &["--json"]] {
        let ended = run(&machine, with_admin_key(&machine, args)).await.exits_with(2);
        let shown = in_one_line(&ended.stderr);
        assert!(shown.contains("Name --env-file or --keyring. --print prints the new key."), "{shown}");
        assert!(!shown.contains("/oauth/authorize?"), "{shown}");
    }
    assert_eq!(valid(&machine), [true]);

    let ended = run(&machine, with_admin_key(&machine, &["--print"])).await.exits_with(0);
    assert!(in_one_line(&ended.stderr).contains(".env no longer exists"), "{}", ended.stderr);
    assert_eq!(ended.stdout.trim_end(), machine.sandbox.keys()[1].value);
    assert!(!env_file(&machine).exists());
    // The file may have been moved, with the key that a program reads from it.
    assert!(
        in_one_line(&ended.stderr).contains(".env had it, and did not get the new key"),
        "{}",
        ended.stderr
    );
    assert_eq!(valid(&machine), [true, true]);
}
