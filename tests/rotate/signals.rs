//! A rotation that a signal ends.

use super::{key_in, keymint, run, valid, with_a_key, with_admin_key};
use crate::support::in_one_line;
use keymint_sandbox::{Consent, Reply, Scenario, Step};
use keymint_testkit::{Ended, Machine, Running, Scripts, browse, until};
use std::fs;
use std::time::Duration;

/// Checks that the run ended by the signal, with the new key in the file and the old one valid, and that no later run
/// warns of that.
async fn keeps_the_old_key(machine: &Machine, ended: Ended) {
    let ended = ended.exits_with(143);
    let shown = in_one_line(&ended.stderr);
    assert!(shown.contains("the new key is in every destination, and the old key"), "{shown}");
    assert!(shown.contains("is still valid") && !shown.contains("may be"), "{shown}");
    let status = keymint(machine, &["status", "--json"]).output().await.json();
    assert_eq!(status["keys"][1]["rotation"]["outcome"], "kept", "{status}");
    assert_eq!((key_in(machine, ".env"), valid(machine)), (Some(1), vec![true, true]));
    let ended = run(machine, with_admin_key(machine, &[])).await.exits_with(0);
    assert!(!ended.stderr.contains("cut short"), "{}", ended.stderr);
}

fn never(step: Step, nth: usize) -> Scenario {
    Scenario::ready().reply(step.nth(nth), Reply::default().delayed(Duration::MAX))
}

async fn signed_in(mut run: Running) -> Running {
    browse(&run.url().await, Consent::Allow);
    run
}

#[tokio::test]
async fn a_signal_during_the_check_of_the_new_key_leaves_both_and_is_reported_once() {
    for args in [&["--http-timeout", "1h"][..], &["--http-timeout", "1h", "--verify"]] {
        let machine = with_a_key(never(Step::Models, 1)).await;
        let run = signed_in(with_admin_key(&machine, args).spawn()).await;
        machine.requested("/v1/models").await;
        run.signal("TERM").await;
        keeps_the_old_key(&machine, run.finish().await).await;
    }
}

#[tokio::test]
async fn a_signal_while_the_new_key_is_created_keeps_the_old_one() {
    let machine = with_a_key(never(Step::CreateKey, 2)).await;
    let mut run = signed_in(with_admin_key(&machine, &[]).spawn()).await;
    until(|| machine.count("POST", "/api_keys") == 2).await;
    run.signal("TERM").await;
    run.line(|line| line.contains("The key is being created")).await;
    machine.sandbox.release();
    keeps_the_old_key(&machine, run.finish().await).await;
}

#[tokio::test]
async fn a_signal_while_the_new_key_is_delivered_keeps_the_old_one() {
    let command = Scripts::with("script", "cat >/dev/null; echo >begun; while [ ! -e go ]; do :; done");
    let machine = with_a_key(Scenario::ready()).await;
    let script = command.path("script");
    let run = with_admin_key(&machine, &["--pipe-to", script.to_str().unwrap()]).spawn();
    let run = signed_in(run).await;
    until(|| command.path("begun").exists()).await;
    run.signal("TERM").await;
    fs::write(command.path("go"), "").unwrap();
    keeps_the_old_key(&machine, run.finish().await).await;
}

/// The signal ends only the look after it.
#[tokio::test]
async fn a_signal_after_the_server_has_confirmed_the_revocation_does_not_hide_that() {
    let machine = with_a_key(never(Step::Key, 1)).await;
    let run = signed_in(with_admin_key(&machine, &["--http-timeout", "1h"]).spawn()).await;
    let id = machine.sandbox.keys()[0].id.clone();
    until(|| machine.count("GET", &id) == 1).await;
    run.signal("TERM").await;
    let ended = run.finish().await.exits_with(0);
    assert!(ended.stderr.contains("Revoked the old key"), "{}", ended.stderr);
    assert_eq!((key_in(&machine, ".env"), valid(&machine)), (Some(1), vec![false, true]));
    let status = keymint(&machine, &["status", "--json"]).output().await.json();
    assert_eq!(status["keys"][1]["rotation"]["outcome"], "revoked", "{status}");
}
