//! `recover`, killed at each fail point: a kept key remains until its destination has it.

use crate::destination::Destination;
use crate::harness::Harness;
use crate::table::{at_each_border, show};
use crate::verdict::Verdict;
use keymint_testkit::full_disk;

const BORDERS: [&str; 9] = [
    "keyring-tried",
    "prepared",
    "temp-file-written",
    "file-replaced",
    "keyring-written",
    "fed",
    "delivered",
    "removed",
    "recovery-noted",
];

#[tokio::test]
async fn wherever_a_recovery_is_killed_no_key_is_lost() {
    let rows = at_each_border(&BORDERS, killed);
    show("recover is killed at …, the key is …, and the next run says …", rows).await;
}

async fn killed(destination: &'static Destination, border: &str) -> String {
    let cell = format!("recover, {}, {border}", destination.name);
    let mut harness = Harness::new(destination).await;
    let failing = harness.keymint().args(["create"]).stdout(full_disk());
    assert_eq!(harness.run(failing, |_| {}).await.code, 9, "{cell}");
    assert_eq!(harness.kept().len(), 1, "{cell}");

    // Without a destination it would list the keys.
    let command = if destination.args.is_empty() { &["recover", "--print"][..] } else { &["recover"] };
    let ended = harness.kill(command, border).await;
    Verdict::of(&harness, &ended).await.check(&cell)
}
