//! A signal at each fail point: a requested key is delivered, or no key exists.

use crate::destination::{DESTINATIONS, Destination};
use crate::harness::Harness;
use crate::table::{Row, show};
use crate::verdict::Verdict;
use std::process::Command;

const BEFORE: [&str; 5] = ["started", "keyring-tried", "prepared", "callback", "written-down"];

/// The fail points after which a key may exist.
const AFTER: [&str; 7] =
    ["asked", "answered", "known", "temp-file-written", "keyring-written", "fed", "delivered"];

/// A signal, its number, and the exit code of a run that it ends.
struct Signal(&'static str, u8, i32);

const SIGNALS: [Signal; 6] = [
    Signal("SIGHUP", 1, 129),
    Signal("SIGINT", 2, 130),
    Signal("SIGQUIT", 3, 131),
    Signal("SIGALRM", 14, 142),
    Signal("SIGTERM", 15, 143),
    Signal("SIGXCPU", 24, 152),
];

#[tokio::test]
async fn a_signal_ends_a_run_before_a_key_is_requested_or_after_it_is_delivered() {
    let mut rows = Vec::new();
    for destination in DESTINATIONS
        .iter()
        .filter(|destination| ["a new file", "a keyring", "a command"].contains(&destination.name))
    {
        for signal in &SIGNALS {
            for border in BEFORE.into_iter().chain(AFTER).filter(|border| destination.reaches(border)) {
                let block = format!("{}, {}", signal.0, destination.name);
                rows.push(Row { block, name: border, cell: signalled(destination, signal, border) });
            }
        }
    }
    show("create gets a signal at …, the key is …, and the next run says …", rows).await;
}

async fn signalled(
    destination: &'static Destination,
    Signal(name, number, code): &Signal,
    border: &str,
) -> String {
    let cell = format!("{name}, {}, {border}", destination.name);
    let mut harness = Harness::new(destination).await;
    let program = harness.delivers(&["create"]).env("KEYMINT_FAIL_POINT", border);
    // SIGHUP ends it even if `nohup` runs the tests.
    let program =
        program.env("KEYMINT_FAIL_SIGNAL", number.to_string()).under(["env", "--default-signal=HUP"]);
    let ended = harness.run(program, |_| {}).await;
    let (code, keys) = if AFTER.contains(&border) { (0, 1) } else { (*code, 0) };
    assert_eq!((ended.code, harness.keys().len()), (code, keys), "{cell}: {}", ended.stderr);
    assert_eq!(harness.temp_files(), [], "{cell}");
    if let (Some(session), 0) = (&harness.session, keys) {
        let items = session.run(Command::new("secret-tool").args(["search", "--all", "service", "keymint"]));
        assert_eq!(
            (items.stdout, items.stderr),
            (vec![], vec![]),
            "{cell}: what was only tried is still there"
        );
    }
    let verdict = Verdict::of(&harness, &ended).await;
    assert_eq!(verdict.report(), "nothing", "{cell}");
    verdict.check(&cell)
}
