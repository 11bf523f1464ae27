//! `rotate`, killed at each fail point: every destination has a valid key.

use crate::destination::{Destination, Site};
use crate::harness::Harness;
use crate::table::{CREATION, at_each_border, show};

/// The fail points before the first record of the new key.
const BEFORE: [&str; 4] = ["started", "keyring-tried", "prepared", "callback"];

/// The fail points after the deliveries of the new key.
const AFTER: [&str; 3] = ["rotating", "concluded", "rotation-noted"];

#[tokio::test]
async fn wherever_a_rotation_is_killed_each_destination_has_a_valid_key() {
    let mut rows = at_each_border(&[&BEFORE[..], &CREATION, &AFTER].concat(), killed);
    rows.retain(|row| ["a new file", "a keyring", "a command", "a clipboard"].contains(&&*row.block));
    show("rotate is killed at …, the destination has …, the old key is …, and the next run says …", rows)
        .await;
}

async fn killed(destination: &'static Destination, border: &str) -> String {
    let cell = format!("rotate, {}, {border}", destination.name);
    let mut harness = Harness::new(destination).await;
    let create = harness.delivers(&["create", "--name", "old"]);
    harness.run(create, |_| {}).await.exits_with(0);

    let ended = harness.kill(&["rotate"], border).await;

    let delivered = harness.delivered("");
    let next_run = harness.next_run().await;
    let keys = harness.machine.sandbox.keys();
    let there = keys.iter().position(|key| delivered.trim_end().ends_with(&key.value));
    let there = there.unwrap_or_else(|| panic!("{cell}: no key is there"));
    assert!(!keys[there].is_deleted, "{cell}: the key that is there is revoked");
    let reports = |what: &str| next_run.lines().any(|line| line.contains(what));
    let report = match (reports("an earlier run was cut short"), reports("an earlier rotation was cut short"))
    {
        (true, false) => "that a new key may exist",
        (false, true) => "that the old key may be valid",
        (false, false) => "nothing",
        (true, true) => panic!("{cell}: {next_run}"),
    };
    // Two valid keys are one too many, and this run or the next one warns of it.
    let valid = keys.iter().filter(|key| !key.is_deleted).count();
    let is_reported = ended.stderr.contains("is still valid: ") || report != "nothing";
    assert!(valid == 1 || is_reported, "{cell}: {next_run}");
    // A copied key may be anywhere.
    assert!(!keys[0].is_deleted || destination.site != Site::Clipboard, "{cell}");
    let old = if keys[0].is_deleted { "revoked" } else { "valid" };
    format!("{:<12}{old:<12}{report}", ["the old key", "the new key"][there])
}
