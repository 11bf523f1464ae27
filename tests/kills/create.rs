//! `create`, killed at each fail point.

use crate::destination::Destination;
use crate::harness::Harness;
use crate::table::{at_each_border, show};
use crate::verdict::Verdict;

/// The fail points of the program, in the order of a run.
const BORDERS: [&str; 16] = [
    "started",
    "keyring-tried",
    "prepared",
    "callback",
    "written-down",
    "asked",
    "answered",
    "known",
    "temp-file-written",
    "file-replaced",
    "keyring-written",
    "fed",
    "delivered",
    "recovery-made",
    "kept",
    "noted",
];

#[tokio::test]
async fn wherever_it_is_killed_no_key_is_lost() {
    let rows = at_each_border(&BORDERS, killed);
    show("create is killed at …, the key is …, and the next run says …", rows).await;
}

async fn killed(destination: &'static Destination, border: &str) -> String {
    let mut harness = Harness::new(destination).await;
    let ended = harness.kill(&["create"], border).await;
    Verdict::of(&harness, &ended).await.check(&format!("{}, {border}", destination.name))
}
