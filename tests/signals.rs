//! Ctrl-C, SIGTERM and other signals, before the creation and while it is in flight.

use crate::support::{Run, create, keymint};
use keymint_sandbox::{Consent, Reply, Scenario, Step};
use serde_json::json;
use std::io::Write;
use std::time::Duration;

/// Starts a program that SIGHUP ends, even if `nohup` runs the tests.
const HANGUP_ENDS: [&str; 2] = ["env", "--default-signal=HUP"];

/// The signals that end a run, with its exit codes.
const SIGNALS: [(&str, i32); 6] =
    [("INT", 130), ("TERM", 143), ("HUP", 129), ("QUIT", 131), ("ALRM", 142), ("XCPU", 152)];

#[tokio::test]
async fn a_signal_before_the_creation_ends_the_run_without_a_key() {
    for (signal, code) in SIGNALS {
        let mut run = create(Scenario::ready()).args(["--json"]).under(HANGUP_ENDS).start().await;
        run.line(|line| line.contains("Waiting for you")).await;
        run.signal(signal).await;
        let ended = run.end().await;

        assert_eq!((ended.code, ended.json()["kind"].as_str()), (code, Some("interrupted")));
        assert!(ended.sandbox.keys().is_empty());
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_signal_that_the_parent_process_blocked_ends_the_run() {
    let blocked = ["env", "--default-signal=HUP", "--block-signal=INT,TERM,HUP,QUIT,ALRM,XCPU"];
    for (signal, code) in SIGNALS {
        let mut run = create(Scenario::ready()).under(blocked).start().await;
        run.line(|line| line.contains("Waiting for you")).await;
        run.signal(signal).await;
        run.end().await.exits_with(code);
    }
}

/// `nohup` starts it so, and its terminal may be closed.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_hangup_that_the_parent_process_ignores_ends_nothing() {
    let nohup = ["sh", "-c", "trap '' HUP; exec \"$@\"", "keymint"];
    let mut run = create(Scenario::ready()).under(nohup).start().await;
    run.line(|line| line.contains("Waiting for you")).await;
    run.signal("HUP").await;
    run.browser(Consent::Allow).await;
    run.end().await.exits_with(0);
}

#[tokio::test]
async fn a_signal_while_the_servers_are_asked_ends_the_run_without_a_key_or_a_trace() {
    for (step, path_end) in [
        (Step::Token, "/oauth/token"),
        (Step::Login, "/login"),
        (Step::Organizations, "/organizations"),
        (Step::Projects, "/projects"),
    ] {
        let scenario = Scenario::ready().reply(step, Reply::default().delayed(Duration::MAX));
        let mut run = create(scenario).start().await;
        run.browser(Consent::Allow).await;
        run.requested(path_end).await;
        run.signal("INT").await;
        let ended = run.end().await;
        let page = ended.page();

        assert_eq!((ended.code, ended.sandbox.keys().len()), (130, 0), "{}", ended.stderr);
        assert!(page.body.contains("No key was created"), "{}", page.body);
        let output = keymint(&ended.home).args(["status", "--json"]).output().await;
        assert_eq!(output.json()["keys"], json!([]), "{}", output.stdout);
    }
}

/// Ctrl-Z and `fg`.
#[cfg(unix)]
#[tokio::test]
async fn a_run_that_was_stopped_goes_on_and_makes_one_key() {
    let scenario = Scenario::ready().reply(Step::Login, Reply::default().delayed(Duration::MAX));
    let mut run = create(scenario).start().await;
    run.url().await;
    run.signal("STOP").await;
    run.signal("CONT").await;
    run.browser(Consent::Allow).await;
    run.requested("/login").await;
    run.signal("TSTP").await;
    run.sandbox.release();
    run.signal("CONT").await;
    let ended = run.end().await;

    assert_eq!((ended.code, ended.stdout.trim_end()), (0, ended.key().as_str()), "{}", ended.stderr);
    assert_eq!((ended.count("POST", "/login"), ended.count("POST", "/api_keys")), (1, 1));
}

/// Returns a run that got its first signal while the creation, which has this reply, was in flight.
async fn interrupted_creation(reply: Reply) -> Run {
    let scenario = Scenario::ready().reply(Step::CreateKey, reply.delayed(Duration::MAX));
    let mut run = create(scenario).args(["--name", "find-me"]).start().await;
    run.browser(Consent::Allow).await;
    run.requested("/api_keys").await;
    run.signal("INT").await;
    run.line(|line| line.contains("The key is being created")).await;
    run
}

#[tokio::test]
async fn the_first_signal_during_the_creation_waits_for_the_key() {
    let run = interrupted_creation(Reply::default()).await;
    run.sandbox.release();
    let ended = run.end().await;

    assert_eq!((ended.code, ended.stdout.trim_end()), (0, ended.key().as_str()));
}

#[tokio::test]
async fn the_second_signal_during_the_creation_warns_that_a_key_may_exist() {
    let run = interrupted_creation(Reply::default()).await;
    run.signal("INT").await;
    let ended = run.end().await;
    let page = ended.page();

    assert_eq!(ended.code, 10);
    assert!(page.body.contains("may have been created"), "{}", page.body);
    assert!(ended.stderr.contains("a key may exist") && ended.stderr.contains("find-me"), "{}", ended.stderr);
    let output = keymint(&ended.home).args(["status", "--json"]).output().await;
    let output = output.json();
    assert_eq!(
        (&output["keys"][0]["name"], &output["keys"][0]["state"]),
        (&json!("find-me"), &json!("unknown"))
    );
}

#[tokio::test]
async fn a_signal_between_two_tries_of_the_creation_ends_the_run_without_a_key() {
    let scenario = Scenario::ready().reply(Step::CreateKey, Reply::status(429).header("retry-after", "20"));
    for signals in [1, 2] {
        let mut run = create(scenario.clone()).start().await;
        run.browser(Consent::Allow).await;
        run.line(|line| line.contains("Retrying in")).await;
        for _ in 0..signals {
            run.signal("INT").await;
        }
        let ended = run.end().await;

        assert_eq!((ended.code, ended.count("POST", "/api_keys")), (130, 1), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_signal_while_a_creation_is_refused_does_not_let_it_be_sent_again() {
    let run = interrupted_creation(Reply::status(429).header("retry-after", "0")).await;
    run.sandbox.release();
    let ended = run.end().await;

    assert_eq!((ended.code, ended.count("POST", "/api_keys")), (130, 1), "{}", ended.stderr);
}

/// The key cannot be printed, since the pipe is full and has no active reader.
#[tokio::test]
async fn two_signals_end_a_run_whose_key_is_not_read_and_the_key_is_kept() {
    for signals in [["INT", "TERM"], ["HUP", "TERM"]] {
        let (unread, mut pipe) = std::io::pipe().unwrap();
        pipe.write_all(&[b' '; 64 * 1024]).unwrap();
        let mut run = create(Scenario::ready()).stdout(pipe).under(HANGUP_ENDS).start().await;
        run.browser(Consent::Allow).await;
        run.line(|line| line.contains("Created \"")).await;
        for signal in signals {
            run.signal(signal).await;
        }
        let ended = run.end().await.exits_with(9);
        assert_eq!(ended.kept().trim_end(), ended.key());
        drop(unread);
    }
}
