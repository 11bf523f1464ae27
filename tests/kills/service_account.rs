//! `admin service-account`, killed at each fail point.

use crate::destination::Destination;
use crate::harness::Harness;
use crate::table::{CREATION, at_each_border, show};
use crate::verdict::Verdict;

/// The fail points before the first record of the key.
const BEFORE: [&str; 3] = ["started", "keyring-tried", "prepared"];

#[tokio::test]
async fn wherever_it_is_killed_no_key_of_a_service_account_is_lost() {
    let rows = at_each_border(&[&BEFORE[..], &CREATION].concat(), killed);
    show("admin service-account is killed at …, the key is …, and the next run says …", rows).await;
}

async fn killed(destination: &'static Destination, border: &str) -> String {
    let mut harness = Harness::new(destination).await;
    let command = ["admin", "service-account", "--project", "Default project", "--expires", "1d"];
    let ended = harness.kill(&command, border).await;
    Verdict::of(&harness, &ended).await.check(&format!("service account, {}, {border}", destination.name))
}
