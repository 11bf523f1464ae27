//! What is on the disk before the first byte of the creation leaves.

use crate::destination::DESTINATIONS;
use crate::harness::Harness;
use crate::skipped::strace_works;
use std::fs;

/// Watches what writes to files and sockets, with the paths of the files.
const STRACE: [&str; 10] = [
    "strace",
    "-f",
    "-qq",
    "-y",
    "-s",
    "200",
    "-e",
    "trace=write,writev,sendto,sendmsg,fsync,fdatasync",
    "-o",
    "calls",
];

#[tokio::test]
async fn the_record_is_on_the_disk_before_the_key_is_asked_for() {
    if !strace_works() {
        return;
    }
    let mut harness = Harness::new(&DESTINATIONS[0]).await;
    harness.write("calls", "");
    let mut program = harness.keymint_under(&STRACE);
    program.arg("create");
    let ended = harness.run(program, |_| {}).await;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);

    let calls = fs::read_to_string(harness.path("calls")).unwrap();
    let records = harness.path(".local/state/keymint/records");
    let (folder, in_folder) = (format!("<{}>", records.display()), format!("<{}/", records.display()));
    let calls: Vec<_> = calls.lines().filter_map(|call| call.split_once(' ')).collect();
    let first = |fits: &dyn Fn(&str) -> bool| {
        let found = calls.iter().position(|(_, call)| fits(call.trim_start()));
        found.unwrap_or_else(|| panic!("{calls:#?}"))
    };
    let order = [
        first(&|call| call.starts_with("write(") && call.contains(&in_folder) && call.contains("requested")),
        first(&|call| call.starts_with("fsync(") && call.contains(&in_folder)),
        first(&|call| call.starts_with("fsync(") && call.contains(&folder)),
        first(&|call| call.contains("POST ") && call.contains("/api_keys ")),
    ];
    assert!(order.is_sorted(), "{order:?}: {calls:#?}");
    // The calls of one thread begin when the last one has come to its end.
    let thread = calls[order[0]].0;
    assert!(order.iter().all(|&call| calls[call].0 == thread), "{calls:#?}");
}
