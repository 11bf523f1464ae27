//! `finish`, killed at each fail point: the pending sign-in of `start` remains, or is used up.

use crate::destination::Destination;
use crate::harness::Harness;
use crate::table::{CREATION, at_each_border, show};
use crate::verdict::Verdict;
use keymint_sandbox::{Consent, sign_in_remotely};

/// Before it has claimed the pending sign-in, another process can complete it.
const BEFORE: [&str; 2] = ["started", "prepared"];

#[tokio::test]
async fn wherever_the_second_half_is_killed_no_key_is_lost() {
    let rows = at_each_border(&[&BEFORE[..], &["claimed", "callback"], &CREATION].concat(), killed);
    show("finish is killed at …, the key is …, and the next run says …", rows).await;
}

async fn killed(destination: &'static Destination, border: &str) -> String {
    let cell = format!("finish, {}, {border}", destination.name);
    let mut harness = Harness::new(destination).await;
    let address = start(&harness).await;
    let ended = harness.kill(&["finish", &address], border).await;
    let verdict = Verdict::of(&harness, &ended).await.check(&cell);

    let keys = harness.keys().len();
    let again = harness.keymint().args(["finish", &address]).output().await;
    let (code, added) = (again.code, harness.keys().len() - keys);
    if BEFORE.contains(&border) {
        assert_eq!((code, added), (0, 1), "{cell}");
        format!("{verdict}, and it can be finished")
    } else {
        assert_eq!((code, added), (4, 0), "{cell}");
        verdict
    }
}

/// Starts a sign-in and grants it on another machine. Returns the URL of the last page.
async fn start(harness: &Harness) -> String {
    let started = harness.keymint().args(["start"]).output().await;
    sign_in_remotely(started.stdout.trim_end(), Consent::Allow).await.unwrap()
}
